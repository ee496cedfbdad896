"""The rotation of the API key, with moto's API Gateway. CloudFormation is faked: moto's has no usage plans."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner, Result

import cli.target
from cli.api_keys import newest_key
from cli.commands import rotate_key
from cli.main import app
from cli.stacks import STACKS
from cli.target import Target, TargetName


@dataclass
class FakeCloudFormation:
    """The usage plans of the APIs."""

    plans: dict[str, str]

    def get_paginator(self, operation: str) -> "FakeCloudFormation":
        assert operation == "list_stack_resources"
        return self

    def paginate(self, StackName: str) -> Any:  # noqa: N803 - AWS's name
        kinds = {"AWS::S3::Bucket": "images"}
        if StackName in self.plans:
            kinds["AWS::ApiGateway::UsagePlan"] = self.plans[StackName]
        summaries = [{"ResourceType": kind, "PhysicalResourceId": found} for kind, found in kinds.items()]
        return [{"StackResourceSummaries": summaries}]


@dataclass
class Gateway:
    """An API that accepts the keys that are enabled in moto, a few requests late."""

    address: str = ""
    late: int = 0
    shown: list[str] = field(default_factory=list)

    def admits(self, value: str) -> bool:
        self.shown.append(value)
        self.late -= 1
        keys = boto3.client("apigateway").get_api_keys(includeValues=True)["items"]
        return self.late < 0 and value in [key["value"] for key in keys if key["enabled"]]


@pytest.fixture
def gateway(aws: None) -> Iterator[Gateway]:
    running = Gateway()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(400 if running.admits(self.headers["x-api-key"]) else 403)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield running
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass(frozen=True)
class FakeTarget(Target):
    plans: dict[str, str] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        return FakeCloudFormation(self.plans) if service == "cloudformation" else boto3.client(service)  # type: ignore[call-overload]


@pytest.fixture
def target(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> FakeTarget:
    """A new deployment on AWS: one key, which all plans accept."""
    made = boto3.client("apigateway")
    plans = {stack: made.create_usage_plan(name=stack)["id"] for stack in STACKS}
    target = FakeTarget(
        TargetName.AWS, gateway.address, f"{gateway.address}/labels", f"{gateway.address}/deliveries", None, plans=plans
    )
    monkeypatch.setattr("cli.options.find", lambda name, **_: target)
    monkeypatch.setattr(rotate_key, "POLL_SECONDS", 0)
    add_key(target, "APISt-ApiKe-x")
    return target


def add_key(target: FakeTarget, name: str, *, plans: int = 3, enabled: bool = True) -> str:
    """Create a key that so many plans accept. Returns its value."""
    made = boto3.client("apigateway")
    key = made.create_api_key(name=name, enabled=enabled)
    for plan in list(target.plans.values())[:plans]:
        made.create_usage_plan_key(usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
    return key["value"]


def enabled() -> set[str]:
    """Return the names of the enabled keys."""
    return {key["name"] for key in boto3.client("apigateway").get_api_keys()["items"] if key["enabled"]}


def sightline(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, [*arguments], input=answer)


def test_a_new_key_is_used_and_the_old_one_still_works(target: FakeTarget, gateway: Gateway) -> None:
    old = newest_key(target.stacks)
    rotated = sightline("rotate-key")
    assert rotated.exit_code == 0, rotated.output
    assert "`sightline rotate-key --revoke`" in rotated.stdout
    new = newest_key(target.stacks)
    assert new
    assert new != old
    assert new not in rotated.output
    assert len(enabled()) == 2
    assert set(gateway.shown) == {new}
    newer = sightline("rotate-key")
    assert newer.exit_code == 0
    assert newest_key(target.stacks) not in {old, new}


def test_it_returns_when_all_apis_admit_the_new_key(target: FakeTarget, gateway: Gateway) -> None:
    gateway.late = 3
    assert sightline("rotate-key").exit_code == 0
    assert len(gateway.shown) == 6


def test_a_key_that_is_not_admitted_in_time_revokes_nothing(
    target: FakeTarget, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.late = 10_000
    monkeypatch.setattr(rotate_key, "ADMISSION_SECONDS", 0)
    for arguments in (["rotate-key"], ["rotate-key", "--revoke", "--yes"]):
        refused = sightline(*arguments)
        assert refused.exit_code == 1
        assert "does not accept the newest key yet; the old key still works" in refused.stderr
    assert len(enabled()) == 2


def test_revoking_leaves_the_newest_key_alone(target: FakeTarget) -> None:
    sightline("rotate-key")
    add_key(target, "sightline-half-made", plans=1)
    new = newest_key(target.stacks)
    revoked = sightline("rotate-key", "--revoke", "--yes")
    assert revoked.exit_code == 0, revoked.output
    assert "APISt-ApiKe-x is revoked\n" in revoked.stdout
    assert "sightline-half-made is revoked\n" in revoked.stdout
    [left] = enabled()
    assert left.startswith("sightline-2")
    assert newest_key(target.stacks) == new
    again = sightline("rotate-key", "--revoke", "--yes")
    assert (again.exit_code, enabled()) == (0, {left})
    assert "is the only key" in again.stdout


def test_it_names_the_keys_and_asks_before_it_revokes_them(target: FakeTarget) -> None:
    sightline("rotate-key")
    refused = sightline("rotate-key", "--revoke", answer="n\n")
    assert refused.exit_code == 0
    assert "Revoke APISt-ApiKe-x of 20" in refused.stderr
    assert "(aws, Region us-east-1, deployment default)?" in refused.stderr
    assert len(enabled()) == 2
    assert sightline("rotate-key", "--revoke").exit_code == 1  # nobody answers
    assert len(enabled()) == 2
    assert sightline("rotate-key", "--revoke", answer="y\n").exit_code == 0
    assert len(enabled()) == 1


def test_only_a_key_that_is_enabled_and_known_to_all_apis_is_used(target: FakeTarget) -> None:
    add_key(target, "sightline-half-made", plans=1)
    add_key(target, "sightline-off", enabled=False)
    used = newest_key(target.stacks)
    [stack_key] = [
        k for k in boto3.client("apigateway").get_api_keys(includeValues=True)["items"] if "ApiKe" in k["name"]
    ]
    assert used == stack_key["value"]


def test_if_all_keys_are_disabled_a_new_one_can_be_created(target: FakeTarget) -> None:
    gateway = boto3.client("apigateway")
    [key] = gateway.get_api_keys()["items"]
    gateway.update_api_key(apiKey=key["id"], patchOperations=[{"op": "replace", "path": "/enabled", "value": "false"}])
    assert newest_key(target.stacks) is None
    assert "no usable key would remain" in sightline("rotate-key", "--revoke", "--yes").stderr
    assert sightline("rotate-key").exit_code == 0
    assert newest_key(target.stacks)


@pytest.mark.parametrize("arguments", [["rotate-key"], ["rotate-key", "--revoke"]])
def test_a_system_without_keys_has_none_to_rotate(target: FakeTarget, arguments: list[str]) -> None:
    target.plans.clear()
    refused = sightline(*arguments)
    assert refused.exit_code == 1
    assert refused.stderr.endswith("✗ the APIs need no key: the setting `auth` is iam or none\n")


def test_a_refused_call_is_reported_and_the_old_key_still_works(
    target: FakeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = newest_key(target.stacks)

    def refuse(self: FakeTarget, service: str) -> Any:
        if service == "apigateway":
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "CreateApiKey")
        return FakeCloudFormation(self.plans)

    with monkeypatch.context() as patched:
        patched.setattr(FakeTarget, "client", refuse)
        refused = sightline("rotate-key")
    assert refused.exit_code == 1
    assert "AccessDenied" in refused.stderr
    assert "The old key still works" in refused.stderr
    assert newest_key(target.stacks) == old


def test_key_prints_the_key_alone(target: FakeTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    keyed = FakeTarget(TargetName.AWS, "u", "l", "d", "the-key", plans=target.plans)
    monkeypatch.setattr("cli.options.find", lambda name, **_: keyed)
    printed = sightline("key")
    assert (printed.stdout, printed.stderr) == ("the-key\n", "target: aws, Region us-east-1, deployment default\n")


def test_key_says_what_to_do_if_there_is_none(target: FakeTarget) -> None:
    printed = sightline("key")
    assert (printed.exit_code, printed.stdout) == (1, "")
    assert "`sightline rotate-key` creates one" in printed.stderr


def test_the_embedded_clouds_addresses_name_the_new_key(
    target: FakeTarget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoints = tmp_path / "endpoints.json"
    endpoints.write_text(json.dumps({"upload": target.upload_url, "api_key": "old"}))
    monkeypatch.setattr(cli.target, "ENDPOINTS", endpoints)
    here = replace(target, name=TargetName.LOCAL, api_key="old")
    monkeypatch.setattr("cli.options.find", lambda name, **_: here)
    assert sightline("rotate-key").exit_code == 0
    assert json.loads(endpoints.read_text()) == {"upload": target.upload_url, "api_key": newest_key(target.stacks)}
