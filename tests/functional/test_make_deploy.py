"""`make deploy`, `make destroy` and `make bootstrap` before they run the CDK CLI, with moto's AWS."""

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from cli import account, deploy
from common.runtime import caches
from tests.conftest import ROOT

TAG = "sightline:deployment"


class Ran(Exception):  # noqa: N818 - not an error
    """The CDK CLI would run now."""


Make = Callable[..., tuple[list[str], dict[str, str]]]


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The checkout's cdk.json."""
    path = tmp_path / "cdk.json"
    path.write_text('{"context": {}}')
    monkeypatch.setattr(account, "CDK_JSON", path)
    monkeypatch.setattr(deploy, "CDK_JSON", path)
    return path


@pytest.fixture
def make(aws: None, context: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Run a command. Returns the arguments and environment of the CDK CLI."""

    def execute(file: str, arguments: list[str], environment: dict[str, str]) -> None:
        raise Ran(arguments, environment)

    def made(command: str, **settings: str) -> tuple[list[str], dict[str, str]]:
        context.write_text(json.dumps({"context": settings}))
        caches.clear_all()
        with pytest.raises(Ran) as ran:
            deploy.main(command)
        arguments, environment = ran.value.args
        return arguments, environment

    monkeypatch.setattr(os, "execvpe", execute)
    monkeypatch.setattr(os, "chdir", lambda folder: None)
    return made


def stack(name: str, **tags: str) -> None:
    template = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
    given: Any = [{"Key": key.replace("_", ":"), "Value": value} for key, value in tags.items()]
    boto3.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template), Tags=given)


def test_it_prints_the_destination_and_its_stacks_and_deploys_exactly_there(
    make: Make, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack("staging-APIStack", sightline_deployment="staging")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    arguments, environment = make("deploy", deployment="staging")
    assert capsys.readouterr().out.splitlines() == [
        "account     123456789012",
        "Region      us-east-1 (AWS_REGION)",
        "deployment  staging",
        "stack       staging-APIStack: CREATE_COMPLETE",
        "stack       staging-RekognitionStack: not deployed",
        "stack       staging-IntegrationStack: not deployed",
        "",
    ]
    assert arguments == ["cdk", "deploy", "--all", "--no-notices", "-c", "deployment=staging", "-c", "region=us-east-1"]
    assert environment["AWS_REGION"] == "us-east-1"
    assert environment["AWS_ACCESS_KEY_ID"] == os.environ["AWS_ACCESS_KEY_ID"]


def test_the_region_of_the_settings_has_precedence_and_is_named(
    make: Make, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    arguments, environment = make("bootstrap", region="eu-west-3")
    assert "Region      eu-west-3 (the setting `region`)" in capsys.readouterr().out
    assert arguments[-1] == "aws://123456789012/eu-west-3"
    assert environment["AWS_REGION"] == "eu-west-3"
    assert account.session().region_name == "eu-west-3"  # the commands use it too


def test_without_any_region_the_default_is_used_and_named(
    make: Make, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    arguments, environment = make("deploy")
    assert "Region      us-east-1 (the default)" in capsys.readouterr().out
    assert (arguments[-1], environment["AWS_REGION"]) == ("region=us-east-1", "us-east-1")


@pytest.mark.parametrize("tags", [{}, {"sightline_deployment": "staging"}, {"owner": "somebody"}])
@pytest.mark.parametrize("command", ["deploy", "destroy"])
def test_a_stack_of_another_owner_is_not_touched(
    make: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str, tags: dict[str, str]
) -> None:
    stack("RekognitionStack", **tags)
    with pytest.raises(SystemExit) as refused:
        deploy.main(command)
    message = str(refused.value.code)
    assert message.startswith(f"✗ the stack RekognitionStack is not this deployment's: it has no tag {TAG}=default.")
    assert '"deployment": "staging"' in message
    assert "\n" not in message
    make(command, deployment="mine")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ExpiredToken", "✗ the AWS credentials have expired"),
        ("InvalidClientTokenId", "✗ AWS does not accept the credentials (InvalidClientTokenId)"),
        ("AccessDenied", "✗ An error occurred (AccessDenied) when calling the GetCallerIdentity operation: two lines"),
    ],
)
def test_unusable_credentials_are_reported_in_one_line(
    make: Make, monkeypatch: pytest.MonkeyPatch, code: str, message: str
) -> None:
    def caller() -> str:
        raise ClientError({"Error": {"Code": code, "Message": "two\nlines"}}, "GetCallerIdentity")

    monkeypatch.setattr(account, "caller", caller)
    with pytest.raises(SystemExit) as refused:
        deploy.main("deploy")
    assert str(refused.value.code).startswith(message)


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"AWS_PROFILE": "nobody"}, "✗ The config profile (nobody) could not be found"),
        ({"AWS_EC2_METADATA_DISABLED": "true"}, "✗ there are no AWS credentials: set AWS_PROFILE"),
        ({"AWS_REGION": "no region"}, "✗ Provided region_name 'no region' doesn't match a supported format."),
    ],
)
def test_a_missing_or_wrong_profile_or_region_is_reported_in_one_line(
    make: Make, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], message: str
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as refused:
        deploy.main("deploy")
    assert str(refused.value.code).startswith(message)


def test_an_invalid_setting_is_reported_before_aws_is_called(context: Path) -> None:
    context.write_text('{"context": {"deployment": "two words"}}')
    with pytest.raises(SystemExit, match="✗ deployment is 'two words'; expected a letter"):
        deploy.main("deploy")


def test_a_shell_with_the_local_systems_variables_deploys_nothing(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGHTLINE_SHELL", "local")
    with pytest.raises(SystemExit, match="✗ `sightline env` has set this shell's AWS variables"):
        deploy.main("deploy")


def test_the_documented_command_empties_a_bucket_of_all_versions(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """CloudFormation removes only such a bucket."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="pictures")
    s3.put_bucket_versioning(Bucket="pictures", VersioningConfiguration={"Status": "Enabled"})
    for _ in range(2):
        s3.put_object(Bucket="pictures", Key="a.jpg")
    s3.delete_object(Bucket="pictures", Key="a.jpg")
    [code] = re.findall(r"\.venv/bin/python -c '(.+)' NAME$", (ROOT / "docs/upgrade.md").read_text(), re.MULTILINE)
    monkeypatch.setattr(sys, "argv", ["-c", "pictures"])
    exec(code)  # noqa: S102 - our own documentation
    s3.delete_bucket(Bucket="pictures")
