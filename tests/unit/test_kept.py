from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cli.commands.kept import KeptError, kept
from cli.stacks import Stacks


def left(kind: str, name: str, status: str = "DELETE_SKIPPED") -> dict[str, str]:
    ids = {"LogicalResourceId": name, "PhysicalResourceId": f"stack-{name.lower()}"}
    return {"ResourceType": kind, **ids, "ResourceStatus": status}


LEFT = [
    left("AWS::S3::Bucket", "ImageBucket1"),
    left("AWS::DynamoDB::GlobalTable", "Manifests2"),
    left("AWS::Logs::LogGroup", "Logs3"),
    left("AWS::S3::Bucket", "Scratch4", "DELETE_COMPLETE"),
]
IDS = ("id of the older one", "id of the newer one")
MAPPING = {"ImageBucket1": {"BucketName": "stack-imagebucket1"}, "Manifests2": {"TableName": "stack-manifests2"}}


@dataclass
class CloudFormation:
    """Knows two deleted stacks of the name, with what each left, and no stack that exists."""

    left: dict[str, list[dict[str, str]]]
    tags: dict[str, str]

    def get_paginator(self, name: str) -> Any:
        return type("Paginator", (), {"paginate": staticmethod(getattr(self, name))})

    def list_stack_resources(self, StackName: str) -> Any:  # noqa: N803 - boto3
        if StackName not in self.left:
            raise ClientError({"Error": {"Code": "ValidationError", "Message": "does not exist"}}, "ListStackResources")
        return [{"StackResourceSummaries": self.left[StackName][at : at + 2]} for at in (0, 2)]

    def describe_stacks(self, StackName: str) -> Any:  # noqa: N803 - boto3
        tags = [{"Key": "sightline:deployment", "Value": self.tags.get(StackName, "default")}]
        return {"Stacks": [{"StackName": "APIStack", "Tags": tags}]}

    def list_stacks(self, StackStatusFilter: list[str]) -> Any:  # noqa: N803 - boto3
        assert StackStatusFilter == ["DELETE_COMPLETE"]
        for month, stack in enumerate(IDS, start=1):
            times = {
                "CreationTime": datetime(2026, month, 1, tzinfo=UTC),
                "DeletionTime": datetime(2026, month, 9, tzinfo=UTC),
            }
            yield {"StackSummaries": [{"StackName": "APIStack", "StackId": stack, **times}]}


def of(
    older: list[dict[str, str]], newer: list[dict[str, str]], stack: str, tag: str = "default"
) -> dict[str, dict[str, str]]:
    fake = CloudFormation(dict(zip(IDS, (older, newer), strict=True)), {IDS[1]: tag})
    return kept(Stacks(lambda _: fake), stack)


def test_a_deleted_stack_left_its_retained_resources() -> None:
    assert of([], LEFT, "APIStack") == MAPPING
    assert of(LEFT, [LEFT[3]], "APIStack") == MAPPING


def test_if_several_stacks_left_something_the_user_names_one() -> None:
    """The newer stack may be an accidental deployment with empty tables."""
    other = [left("AWS::S3::Bucket", "Empty5")]
    with pytest.raises(KeptError) as refused:
        of(LEFT, other, "APIStack")
    assert str(refused.value).splitlines()[1:] == [
        "  2026-01-01 00:00 to 2026-01-09 00:00, left 2 resources: id of the older one",
        "  2026-02-01 00:00 to 2026-02-09 00:00, left 1 resource: id of the newer one",
    ]
    assert of(LEFT, other, IDS[0]) == MAPPING


def test_an_unknown_stack_is_named() -> None:
    with pytest.raises(KeptError, match="there is no stack Nope"):
        of([], [], "Nope")


def test_resources_of_other_deployments_are_left_out() -> None:
    other = [left("AWS::S3::Bucket", "Empty5")]
    assert of(LEFT, other, "APIStack", tag="somebody else's") == MAPPING
