"""What CloudFormation made: the stacks of one deployment."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from common.settings import Settings

STACKS = ("APIStack", "RekognitionStack", "IntegrationStack")
"""Their names in the app. CloudFormation knows them under these too, unless the setting `deployment` is set."""

MakeClient = Callable[[Any], Any]
"""Makes boto3 clients of a system's services, by the service's name."""


class ForeignStackError(RuntimeError):
    """A stack of the name is not this deployment's; the message says what to do."""


@dataclass(frozen=True)
class Stacks:
    """The stacks of a deployment, and no others."""

    client: MakeClient
    deployment: str = ""

    def name(self, stack: str) -> str:
        """Return CloudFormation's name of one of the stacks."""
        return Settings(deployment=self.deployment).named(stack)

    def describe(self, stack: str) -> dict[str, Any] | None:
        """Return CloudFormation's description of one of the stacks, or None if there is none.

        Raises:
            ForeignStackError: there is one of this name, which is not tagged as this deployment's.
            BotoCoreError, ClientError: CloudFormation refused the call, or did not answer.
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
        """Return if the stack that CloudFormation describes is this deployment's.

        Raises:
            ForeignStackError: it is not.
        """
        [(key, value)] = Settings(deployment=self.deployment).tags.items()
        if {"Key": key, "Value": value} not in description.get("Tags", []):
            raise ForeignStackError(
                f"the stack {description['StackName']} is not this deployment's: it has no tag {key}={value}. "
                'Set another name, as "deployment": "staging", in the context of cdk.json; docs/upgrade.md tells more'
            )

    def outputs(self, stack: str) -> dict[str, str]:
        """Return the outputs of one of the stacks; none if it is not there.

        Raises:
            as `describe`
        """
        found = self.describe(stack) or {}
        return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}

    def resources(self, kind: str) -> Iterator[dict[str, Any]]:
        """Yield CloudFormation's summaries of all the stacks' resources of a type."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources")
        for stack in STACKS:
            for page in pages.paginate(StackName=self.name(stack)):
                yield from (found for found in page["StackResourceSummaries"] if found["ResourceType"] == kind)


def names_no_stack(error: Exception) -> bool:
    """Return True for CloudFormation's answer that there is no such stack."""
    return (
        isinstance(error, ClientError)
        and error.response["Error"]["Code"] == "ValidationError"
        and "does not exist" in str(error)
    )
