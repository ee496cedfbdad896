"""What a stack leaves behind when it goes: the buckets and tables, as `cdk import` has them adopted by a new one."""

from typing import Any

from botocore.exceptions import ClientError

from cli.stacks import STACKS, ForeignStackError, Stacks

IDENTIFIERS = {"AWS::S3::Bucket": "BucketName", "AWS::DynamoDB::GlobalTable": "TableName"}


class KeptError(RuntimeError):
    """It is not known what a stack has kept; the message says why."""


def kept(stacks: Stacks, stack: str) -> dict[str, dict[str, str]]:
    """A mapping as `cdk import --resource-mapping` takes it, of a stack that is there or was deleted.

    `stack` is its name in the app, or its id, as several of a name may have been deleted. CloudFormation remembers
    them for 90 days.

    Raises:
        KeptError: there was no such stack, or several have kept something.
        ClientError: CloudFormation refused a call.
    """
    cloudformation = stacks.client("cloudformation")
    stack = stacks.name(stack) if stack in STACKS else stack
    try:
        return _mapping(_resources(cloudformation, stack))
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        deleted = _deleted(stacks, cloudformation, stack)
        if not deleted:
            raise KeptError(f"there is no stack {stack}, and none was deleted in the last 90 days") from error
        found = {each: mapping for each in deleted if (mapping := _mapping(_resources(cloudformation, each)))}
        if len(found) > 1:
            which = "".join(f"\n  {deleted[each]}, kept {len(mapping)}: {each}" for each, mapping in found.items())
            raise KeptError(f"several stacks {stack} were deleted; name one by its id:{which}") from error
        return next(iter(found.values()), {})


def _deleted(stacks: Stacks, cloudformation: Any, stack: str) -> dict[str, str]:
    """When the deleted stacks of a name, of this deployment, were there, by their ids."""
    pages = cloudformation.get_paginator("list_stacks").paginate(StackStatusFilter=["DELETE_COMPLETE"])
    return {
        found["StackId"]: f"{found['CreationTime']:%Y-%m-%d %H:%M} to {found['DeletionTime']:%Y-%m-%d %H:%M}"
        for page in pages
        for found in page["StackSummaries"]
        if found["StackName"] == stack and _is_own(stacks, cloudformation, found["StackId"])
    }


def _is_own(stacks: Stacks, cloudformation: Any, stack_id: str) -> bool:
    try:
        stacks.expect_own(cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0])
    except ForeignStackError:
        return False
    return True


def _mapping(resources: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    return {
        entry["LogicalResourceId"]: {IDENTIFIERS[entry["ResourceType"]]: entry["PhysicalResourceId"]}
        for entry in resources
        if entry["ResourceType"] in IDENTIFIERS and entry["ResourceStatus"] != "DELETE_COMPLETE"
    }


def _resources(cloudformation: Any, stack: str) -> list[dict[str, Any]]:
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    return [entry for page in pages for entry in page["StackResourceSummaries"]]
