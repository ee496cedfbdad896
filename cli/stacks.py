"""What CloudFormation made."""

from collections.abc import Callable, Iterator
from typing import Any

STACKS = ("APIStack", "RekognitionStack", "IntegrationStack")

MakeClient = Callable[[Any], Any]
"""Makes boto3 clients of a system's services, by the service's name."""


def resources(client: MakeClient, kind: str) -> Iterator[dict[str, Any]]:
    """CloudFormation's summaries of the three stacks' resources of a type."""
    pages = client("cloudformation").get_paginator("list_stack_resources")
    for stack in STACKS:
        for page in pages.paginate(StackName=stack):
            yield from (found for found in page["StackResourceSummaries"] if found["ResourceType"] == kind)
