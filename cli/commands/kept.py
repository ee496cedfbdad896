"""`sightline kept`: the buckets and tables that a stack leaves behind, for `cdk import`."""

from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError

from cli.options import TargetOption, open_target
from cli.output import failing_on, out, plural
from cli.stacks import STACKS, ForeignStackError, Stacks

IDENTIFIERS = {"AWS::S3::Bucket": "BucketName", "AWS::DynamoDB::GlobalTable": "TableName"}

Mapping = dict[str, dict[str, str]]


class KeptError(RuntimeError):
    """The stack is not known, or several stacks have this name. The message names them."""


def command(
    stack: Annotated[
        str,
        typer.Argument(
            help="A stack that exists or was deleted in the last 90 days, such as APIStack. Or a stack's id."
        ),
    ],
    target: TargetOption = None,
) -> None:
    """Print the buckets and tables that a stack leaves behind. `cdk import --resource-mapping` reads this."""
    with failing_on(KeptError, BotoCoreError, ClientError):
        found = kept(open_target(target, may_be_incomplete=True).stacks, stack)
    out.print_json(data=found)


def kept(stacks: Stacks, stack: str) -> Mapping:
    """Return the resource mapping of a stack. The stack exists, or was deleted in the last 90 days.

    `stack` is the stack's name in the app. If several stacks of this name were deleted, `stack` is the id of one.

    Raises:
        KeptError: there was no such stack, or several stacks of this name left something behind.
        ClientError: CloudFormation refused a call.
    """
    cloudformation = stacks.client("cloudformation")
    stack = stacks.name(stack) if stack in STACKS else stack
    try:
        return _mapping(_resources(cloudformation, stack))
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        return _kept_by_deleted(stacks, cloudformation, stack)


def _kept_by_deleted(stacks: Stacks, cloudformation: Any, stack: str) -> Mapping:
    deleted = _deleted(stacks, cloudformation, stack)
    if not deleted:
        raise KeptError(f"there is no stack {stack}, and none was deleted in the last 90 days")
    found = {each: mapping for each in deleted if (mapping := _mapping(_resources(cloudformation, each)))}
    if len(found) > 1:
        lines = "".join(
            f"\n  {deleted[each]}, left {plural(len(mapping), 'resource')}: {each}" for each, mapping in found.items()
        )
        raise KeptError(f"several stacks named {stack} were deleted; give the id of one of them:{lines}")
    return next(iter(found.values()), {})


def _deleted(stacks: Stacks, cloudformation: Any, stack: str) -> dict[str, str]:
    """Return this deployment's deleted stacks of a name: each id, and the time when the stack existed."""
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


def _mapping(resources: list[dict[str, Any]]) -> Mapping:
    return {
        entry["LogicalResourceId"]: {IDENTIFIERS[entry["ResourceType"]]: entry["PhysicalResourceId"]}
        for entry in resources
        if entry["ResourceType"] in IDENTIFIERS and entry["ResourceStatus"] != "DELETE_COMPLETE"
    }


def _resources(cloudformation: Any, stack: str) -> list[dict[str, Any]]:
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    return [entry for page in pages for entry in page["StackResourceSummaries"]]
