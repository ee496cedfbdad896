"""`make bootstrap`, `make deploy` and `make destroy`, with an empty embedded cloud in AWS' place."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.cloud import Cloud
from tests.conftest import ROOT


@pytest.fixture
def account(tmp_path: Path) -> Iterator[tuple[Cloud, dict[str, str]]]:
    """A cloud into which nothing was deployed, and the environment of somebody with credentials for it."""
    empty = Cloud(tmp_path, say=print)
    ports = empty._choose_ports()
    (tmp_path / "tmp").mkdir()
    empty._start_services(ports)
    # Nobody is there to be asked: the CDK CLI takes its options from CDK_… as well.
    answers = {"CDK_REQUIRE_APPROVAL": "never", "CDK_FORCE": "true"}
    yield empty, empty._environment(ports) | answers | {"SIGHTLINE_LOCAL": str(tmp_path / "none")}
    empty.down()


@pytest.fixture
def make(account: tuple[Cloud, dict[str, str]]) -> Callable[[str], str]:
    def made(door: str) -> str:
        done = subprocess.run(
            ["make", door], cwd=ROOT, env=account[1], capture_output=True, text=True, timeout=200, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return made


@pytest.mark.timeout(400)
def test_deploy_shows_the_way_on_and_destroy_keeps_the_data(
    make: Callable[[str], str], account: tuple[Cloud, dict[str, str]]
) -> None:
    make("bootstrap")
    shown = make("deploy")
    assert "Upload API  https://" in shown
    assert "sightline env --target aws" in shown
    cloudformation = account[0].client("cloudformation")
    [stack] = cloudformation.describe_stacks(StackName="APIStack")["Stacks"]
    [bucket] = [o["OutputValue"] for o in stack["Outputs"] if o["OutputKey"] == "ImageBucketName"]
    s3 = account[0].client("s3")
    s3.put_object(Bucket=bucket, Key="precious.jpg", Body=b"picture")

    make("destroy")
    left = {
        stack["StackName"]
        for stack in cloudformation.list_stacks()["StackSummaries"]
        if stack["StackStatus"] != "DELETE_COMPLETE"
    }
    assert left == {"CDKToolkit"}
    assert s3.get_object(Bucket=bucket, Key="precious.jpg")["Body"].read() == b"picture"
