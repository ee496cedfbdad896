"""What a stack leaves behind when it goes: the buckets and tables, as `cdk import` has them adopted by a new one."""

from typing import Any

from botocore.exceptions import ClientError

from cli.stacks import MakeClient

IDENTIFIERS = {"AWS::S3::Bucket": "BucketName", "AWS::DynamoDB::GlobalTable": "TableName"}


class KeptError(RuntimeError):
    """It is not known what a stack has kept; the message says why."""


def kept(client: MakeClient, stack: str) -> dict[str, dict[str, str]]:
    """A mapping as `cdk import --resource-mapping` takes it, of a stack that is there or was deleted.

    CloudFormation remembers a deleted stack for 90 days.

    Raises:
        KeptError: there was no such stack.
        ClientError: CloudFormation refused a call.
    """
    cloudformation = client("cloudformation")
    try:
        resources = _resources(cloudformation, stack)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        pages = cloudformation.get_paginator("list_stacks").paginate(StackStatusFilter=["DELETE_COMPLETE"])
        deleted = [found for page in pages for found in page["StackSummaries"] if found["StackName"] == stack]
        if not deleted:
            raise KeptError(f"there is no stack {stack}, and none was deleted in the last 90 days") from error
        newest = max(deleted, key=lambda found: found["CreationTime"])["StackId"]
        resources = [
            entry for entry in _resources(cloudformation, newest) if entry["ResourceStatus"] == "DELETE_SKIPPED"
        ]
    return {
        entry["LogicalResourceId"]: {IDENTIFIERS[entry["ResourceType"]]: entry["PhysicalResourceId"]}
        for entry in resources
        if entry["ResourceType"] in IDENTIFIERS
    }


def _resources(cloudformation: Any, stack: str) -> list[dict[str, Any]]:
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    return [entry for page in pages for entry in page["StackResourceSummaries"]]
