from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cli.kept import KeptError, kept


def left(kind: str, name: str, status: str = "DELETE_SKIPPED") -> dict[str, str]:
    ids = {"LogicalResourceId": name, "PhysicalResourceId": f"stack-{name.lower()}"}
    return {"ResourceType": kind, **ids, "ResourceStatus": status}


LEFT = [
    left("AWS::S3::Bucket", "ImageBucket1"),
    left("AWS::DynamoDB::GlobalTable", "Manifests2"),
    left("AWS::Logs::LogGroup", "Logs3"),
    left("AWS::S3::Bucket", "Scratch4", "DELETE_COMPLETE"),
]
OLD, NEW = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2))


class CloudFormation:
    """Knows two deleted stacks of the name, and none that is there."""

    def get_paginator(self, name: str) -> Any:
        return type("Paginator", (), {"paginate": staticmethod(getattr(self, name))})

    def list_stack_resources(self, StackName: str) -> Any:  # noqa: N803 - boto3
        if StackName != "id of the newer one":
            raise ClientError({"Error": {"Code": "ValidationError", "Message": "does not exist"}}, "ListStackResources")
        return [{"StackResourceSummaries": LEFT[:2]}, {"StackResourceSummaries": LEFT[2:]}]

    def list_stacks(self, StackStatusFilter: list[str]) -> Any:  # noqa: N803 - boto3
        assert StackStatusFilter == ["DELETE_COMPLETE"]
        yield {"StackSummaries": [{"StackName": "APIStack", "StackId": "id of the older one", "CreationTime": OLD}]}
        yield {"StackSummaries": [{"StackName": "APIStack", "StackId": "id of the newer one", "CreationTime": NEW}]}


def test_a_deleted_stack_has_kept_what_was_not_deleted() -> None:
    assert kept(lambda _: CloudFormation(), "APIStack") == {
        "ImageBucket1": {"BucketName": "stack-imagebucket1"},
        "Manifests2": {"TableName": "stack-manifests2"},
    }


def test_a_stack_that_never_was_is_named() -> None:
    with pytest.raises(KeptError, match="there is no stack Nope"):
        kept(lambda _: CloudFormation(), "Nope")
