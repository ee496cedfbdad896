"""The deployment that the doctor examines. Any part of it may be missing."""

import re
from functools import cached_property
from typing import Any

from cli.functions import Function, deployed_functions
from cli.target import Target, TargetName


class MissingResourceError(LookupError):
    """No stack has such a resource, for example because its stack is not deployed."""


class Deployment:
    """A system with the functions and resources of its stacks."""

    def __init__(self, target: Target) -> None:
        self.target = target

    @property
    def is_on_aws(self) -> bool:
        """Return True on AWS. The embedded cloud lacks some services."""
        return self.target.name is TargetName.AWS

    def client(self, service: Any) -> Any:
        """Create the boto3 client of a service."""
        return self.target.client(service)

    @cached_property
    def functions(self) -> list[Function]:
        """The deployed functions of this repository."""
        return deployed_functions(self.target)

    def resources(self, kind: str) -> list[dict[str, Any]]:
        """Return CloudFormation's summaries of all resources of a type."""
        return list(self.target.stacks.resources(kind))

    def physical_id(self, kind: str, construct: str) -> str:
        """Return the physical id of the resource that a construct has created.

        Raises:
            MissingResourceError: no stack has the resource.
        """
        for found in self.resources(kind):
            if re.fullmatch(rf"{construct}[0-9A-F]{{8}}", found["LogicalResourceId"]):
                return str(found["PhysicalResourceId"])
        raise MissingResourceError(f"no stack has {construct}")
