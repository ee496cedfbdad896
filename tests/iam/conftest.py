"""These tests run against an embedded cloud of their own, which enforces the roles' policies and serves over TLS."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from common.runtime.abilities import ABILITIES
from local.cloud import Cloud
from local.services import TRUST
from tests.e2e.conftest import RECEIVERS, System
from tests.local.onnx_models import colour_classifier
from tests.source_server import Source, serve


@pytest.fixture(scope="session")
def source() -> Iterator[Source]:
    """A source of pictures that the cloud may fetch from."""
    with serve() as running:
        yield running


@pytest.fixture(scope="session")
def cloud(source: Source, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    folder = tmp_path_factory.mktemp("strict")
    model = colour_classifier(folder / "colours")
    running = Cloud(
        folder,
        say=print,
        sources=[source.host_and_port],
        models=[model],
        context={
            "receivers": json.dumps(RECEIVERS),
            "abilities": json.dumps({name: {"when": "asked"} for name in ABILITIES}),
            "hide_moderated": "Violence",
        },
        strict=True,
    )
    with pytest.MonkeyPatch.context() as patched:
        for variable in TRUST:
            patched.setenv(variable, str(running.authority))
        for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            # This is the emulator's root user, because the emulator answers only users that it knows.
            patched.setenv(variable, "test")
        patched.setattr(boto3, "DEFAULT_SESSION", None)
        running.up()
        yield running
        running.down()


@pytest.fixture(scope="session")
def system(cloud: Cloud) -> System:
    endpoints = cloud.endpoints()
    assert endpoints
    return System(endpoints)


@dataclass
class Roles:
    """The roles of the functions, and their logs."""

    system: System

    @contextmanager
    def without(self, function: str, *actions: str) -> Iterator[None]:
        """Remove grants from a function, by the construct's name, until the block ends."""
        iam = self.system.client("iam")
        [role] = [r["RoleName"] for r in iam.list_roles()["Roles"] if f"Stack-{function}Role" in r["RoleName"]]
        [policy] = iam.list_role_policies(RoleName=role)["PolicyNames"]
        named = {"RoleName": role, "PolicyName": policy}
        before = iam.get_role_policy(**named)["PolicyDocument"]
        statements = [_less(statement, actions) for statement in before["Statement"]]
        assert statements != before["Statement"]
        after = {**before, "Statement": [statement for statement in statements if statement["Action"]]}
        iam.put_role_policy(**named, PolicyDocument=json.dumps(after))
        try:
            yield
        finally:
            iam.put_role_policy(**named, PolicyDocument=json.dumps(before))

    def renew(self, function: str) -> None:
        """End the function's workers, with what they remember, as any change of its memory does."""
        functions, name = self.system.client("lambda"), self._function(function)
        size = functions.get_function_configuration(FunctionName=name)["MemorySize"]
        functions.update_function_configuration(FunctionName=name, MemorySize=size)

    def may(self, function: str, action: str) -> bool:
        """Return True if the function's role allows an action that takes no resource.

        The policies are evaluated, not enforced: Rekognition runs beside the emulator.
        """
        iam = self.system.client("iam")
        [role] = [r["Arn"] for r in iam.list_roles()["Roles"] if f"Stack-{function}Role" in r["RoleName"]]
        answer = iam.simulate_principal_policy(PolicySourceArn=role, ActionNames=[action])
        [result] = answer["EvaluationResults"]
        return bool(result["EvalDecision"] == "allowed")

    def denials(self, function: str) -> list[str]:
        """Return the function's log lines about calls that were denied."""
        group = self.system.client("lambda").get_function_configuration(FunctionName=self._function(function))
        pages = self.system.client("logs").get_paginator("filter_log_events")
        messages = pages.paginate(logGroupName=group["LoggingConfig"]["LogGroup"]).search("events[].message")
        return [message for message in messages if "AccessDenied" in message or "AuthorizationError" in message]

    def _function(self, function: str) -> str:
        names = [f["FunctionName"] for f in self.system.client("lambda").list_functions()["Functions"]]
        [name] = [name for name in names if re.search(f"Stack-{function}[0-9A-F]{{8}}-", name)]
        return str(name)


def _less(statement: dict[str, Any], actions: tuple[str, ...]) -> dict[str, Any]:
    held = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
    return {**statement, "Action": [action for action in held if action not in actions]}


@pytest.fixture(scope="session")
def roles(system: System) -> Roles:
    return Roles(system)
