"""Examines the stacks."""

from collections.abc import Iterator

from cli.doctor.deployment import Deployment
from cli.doctor.finding import Finding, good, problem
from cli.stacks import STACKS

COMPLETE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"}
EVENTS = "see the stack's events in CloudFormation for the reason"


def check_stacks(deployment: Deployment) -> Iterator[Finding]:
    """Report each stack's status."""
    for stack in STACKS:
        name, found = deployment.target.stacks.name(stack), deployment.target.stacks.describe(stack)
        if found is None:
            yield problem(f"{name} is not deployed", "deploy it: `make deploy`")
        elif (status := found["StackStatus"]) in COMPLETE:
            yield good(f"{name}: {status}")
        elif status.endswith("_IN_PROGRESS"):
            yield problem(f"{name}: {status}", "the stack is being changed; check again when the change is complete")
        elif status == "UPDATE_ROLLBACK_COMPLETE":
            text = f"{name}: the last deployment failed, and the previous version runs"
            yield problem(text, f"{EVENTS}, then `make deploy`")
        else:
            yield problem(f"{name}: {status}", EVENTS)
