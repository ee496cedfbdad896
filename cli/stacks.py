"""The CloudFormation stacks of one deployment."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from common.deployment_names import named, tags

STACKS = ("APIStack", "RekognitionStack", "IntegrationStack")
"""The stacks' names in the app. If the setting `deployment` is set, it precedes these names in CloudFormation."""

MakeClient = Callable[[Any], Any]
"""A function that creates the boto3 client of a service, such as `sqs`."""


class ForeignStackError(RuntimeError):
    """A stack of this name belongs to something else. The message says what to do."""


@dataclass(frozen=True)
class Stacks:
    """The stacks of one deployment. Stacks of other deployments are never used."""

    client: MakeClient
    deployment: str = ""

    def name(self, stack: str) -> str:
        """Return a stack's name in CloudFormation."""
        return named(self.deployment, stack)

    def describe(self, stack: str) -> dict[str, Any] | None:
        """Return CloudFormation's description of a stack, or None if there is no such stack.

        Raises:
            ForeignStackError: the stack does not have this deployment's tag.
            BotoCoreError, ClientError: CloudFormation refused the call or did not answer.
        """
        try:
            [found] = self.client("cloudformation").describe_stacks(StackName=self.name(stack))["Stacks"]
        except ClientError as error:
            if names_no_stack(error):
                return None
            raise
        self.expect_own(found)
        described: dict[str, Any] = found
        return described

    def expect_own(self, description: dict[str, Any]) -> None:
        """Check that a stack has this deployment's tag.

        Raises:
            ForeignStackError: the stack does not have the tag.
        """
        [(key, value)] = tags(self.deployment).items()
        if {"Key": key, "Value": value} not in description.get("Tags", []):
            raise ForeignStackError(
                f"the stack {description['StackName']} is not this deployment's: it has no tag {key}={value}. "
                'Set another name, such as "deployment": "staging", in the context of cdk.json; see docs/upgrade.md'
            )

    def outputs(self, stack: str) -> dict[str, str]:
        """Return a stack's outputs, or {} if there is no such stack.

        Raises:
            ForeignStackError, BotoCoreError, ClientError: for the same reasons as `describe`.
        """
        found = self.describe(stack) or {}
        return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}

    def resources(self, kind: str) -> Iterator[dict[str, Any]]:
        """Yield CloudFormation's summaries of all resources of one type, such as `AWS::SQS::Queue`."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources")
        for stack in STACKS:
            for page in pages.paginate(StackName=self.name(stack)):
                yield from (found for found in page["StackResourceSummaries"] if found["ResourceType"] == kind)


def names_no_stack(error: Exception) -> bool:
    """Return True if the error is CloudFormation's answer that there is no such stack."""
    return (
        isinstance(error, ClientError)
        and error.response["Error"]["Code"] == "ValidationError"
        and "does not exist" in str(error)
    )
