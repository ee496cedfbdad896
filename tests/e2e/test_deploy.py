"""`make bootstrap`, `make deploy` and `make destroy`, with an empty embedded cloud instead of AWS."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.stacks import STACKS
from local.cloud import Cloud
from tests.conftest import ROOT
from tests.e2e.conftest import wait_for


@pytest.fixture
def account(tmp_path: Path) -> Iterator[tuple[Cloud, dict[str, str]]]:
    """A cloud into which nothing was deployed, and the environment of somebody with credentials for it."""
    empty = Cloud(tmp_path, say=print)
    services = empty.services(empty.choose_ports())
    services.prepare()
    services.start(empty.model_options())
    services.wait_until_ready()
    # Nobody can answer questions. The CDK CLI also reads options from variables CDK_….
    answers = {"CDK_REQUIRE_APPROVAL": "never", "CDK_FORCE": "true"}
    yield empty, services.environment() | answers | {"SIGHTLINE_LOCAL": str(tmp_path / "none")}
    empty.down()


Make = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def make(account: tuple[Cloud, dict[str, str]]) -> Make:
    def made(*command: str, fails: bool = False) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command, cwd=ROOT, env=account[1], capture_output=True, text=True, timeout=400, check=False
        )
        assert bool(done.returncode) == fails, done.stdout + done.stderr
        return done

    return made


PLACE = "Region      us-east-1 (AWS_REGION)\ndeployment  default\n"
DEPLOY = ["node_modules/.bin/cdk", "deploy", "--all", "--no-notices", "--concurrency", "3", "--progress", "events"]
FOREIGN = '{"Resources": {"Theirs": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "theirs"}}}}'


def stacks(cloudformation: Any) -> set[str]:
    """Return the names of the stacks that exist."""
    found = cloudformation.list_stacks()["StackSummaries"]
    return {stack["StackName"] for stack in found if stack["StackStatus"] != "DELETE_COMPLETE"}


@pytest.mark.timeout(1200)
def test_deploy_prints_commands_and_destroy_keeps_the_data(make: Make, account: tuple[Cloud, dict[str, str]]) -> None:
    cloudformation, s3 = account[0].client("cloudformation"), account[0].client("s3")

    bootstrapped = make("make", "bootstrap").stdout
    assert "account     000000000000 at http://127.0.0.1:" in bootstrapped
    assert PLACE in bootstrapped

    # Somebody else's stack has one of the names: nothing is deployed.
    cloudformation.create_stack(StackName="RekognitionStack", TemplateBody=FOREIGN)
    wait_for(lambda: "RekognitionStack" in stacks(cloudformation))
    refused = make("make", "deploy", fails=True)
    assert "✗ the stack RekognitionStack is not this deployment's" in refused.stderr
    assert stacks(cloudformation) == {"CDKToolkit", "RekognitionStack"}
    cloudformation.delete_stack(StackName="RekognitionStack")
    wait_for(lambda: "RekognitionStack" not in stacks(cloudformation))

    shown = make("make", "deploy").stdout
    assert f"{PLACE}stack       APIStack: not deployed\n" in shown
    assert "Upload API  https://" in shown
    assert "sightline env --target aws" in shown
    [stack] = cloudformation.describe_stacks(StackName="APIStack")["Stacks"]
    assert stack["Tags"] == [{"Key": "sightline:deployment", "Value": "default"}]
    [bucket] = [o["OutputValue"] for o in stack["Outputs"] if o["OutputKey"] == "ImageBucketName"]
    s3.put_object(Bucket=bucket, Key="precious.jpg", Body=b"picture")

    # A second deployment in the same account stays when the first one is destroyed.
    first = s3.list_buckets()["Buckets"]
    make(*DEPLOY, "-c", "deployment=second", "-c", "monitoring=none")
    beside = {f"second-{name}" for name in STACKS}
    assert stacks(cloudformation) == {"CDKToolkit", *STACKS, *beside}
    assert len(s3.list_buckets()["Buckets"]) > len(first)

    again = make("make", "destroy").stdout
    assert "stack       APIStack: CREATE_COMPLETE" in again
    assert stacks(cloudformation) == {"CDKToolkit", *beside}
    assert s3.get_object(Bucket=bucket, Key="precious.jpg")["Body"].read() == b"picture"
    parameters = account[0].client("ssm").describe_parameters()["Parameters"]
    assert [p["Name"] for p in parameters if "endpoints" in p["Name"]] == ["/sightline/second/endpoints"]
