"""The commands use the same Region as the CDK CLI, for each way to name it."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cli import account
from tests.conftest import ROOT

CREDENTIALS = "[default]\naws_access_key_id = a\nregion = sa-east-1\n[work]\naws_access_key_id = a\n"
CONFIG = "[profile work]\nregion = eu-north-1\n[profile other]\nregion = eu-south-1\n[profile bare]\noutput = json\n"

ENVIRONMENTS = {
    "nothing": ({}, "sa-east-1"),
    "both variables": ({"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-1"),
    "the old variable": ({"AWS_DEFAULT_REGION": "eu-west-2", "AWS_PROFILE": "work"}, "eu-west-2"),
    "an empty variable": ({"AWS_REGION": "", "AMAZON_REGION": "eu-west-3"}, "eu-west-3"),
    "two profiles": ({"AWS_PROFILE": "work", "AWS_DEFAULT_PROFILE": "other"}, "eu-north-1"),
    "a profile without one": ({"AWS_DEFAULT_PROFILE": "bare"}, "sa-east-1"),
    "no files": ({"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}, "us-east-1"),
}


@pytest.fixture
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("AWS_", "AMAZON_"))]:
        monkeypatch.delenv(name)
    (tmp_path / "config").write_text(CONFIG)
    (tmp_path / "credentials").write_text(CREDENTIALS)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")  # the account is not looked up


def cdk_region(folder: Path) -> str:
    """Return the Region that the CDK CLI passes to an app."""
    cdk = ROOT / "node_modules" / ".bin" / "cdk"
    app = 'printf %s "$CDK_DEFAULT_REGION" > region'
    command = [str(cdk), "ls", "--no-notices", "--app", app]
    path = f"{Path(os.environ['JSII_NODE']).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "CDK_DISABLE_CLI_TELEMETRY": "true"}
    subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=240, check=False)
    return (folder / "region").read_text()


@pytest.mark.parametrize("case", ENVIRONMENTS)
def test_the_region_is_that_of_the_cdk_cli(
    clean: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    environment, expected = ENVIRONMENTS[case]
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert account.region(None)[0] == expected
    assert cdk_region(tmp_path) == expected


def test_an_ec2_instance_gives_the_region_if_nothing_else_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    (tmp_path / "tag").write_text("i-0123\n")
    monkeypatch.setattr(account, "EC2_MARKS", {str(tmp_path / "tag"): "i-"})
    monkeypatch.setattr("botocore.utils.InstanceMetadataRegionFetcher.retrieve_region", lambda self: "eu-west-3")
    assert account.region(None) == ("eu-west-3", "this EC2 instance")


@pytest.mark.parametrize(("setting", "region"), [({"region": "eu-west-3"}, "eu-west-3"), ({}, "ap-south-1")])
def test_the_setting_names_the_stacks_region_else_the_cdk_cli_does(
    assemble: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, setting: dict[str, str], region: str
) -> None:
    monkeypatch.setenv("CDK_DEFAULT_REGION", "ap-south-1")
    monkeypatch.setenv("AWS_REGION", "ap-south-1")
    manifest = json.loads((assemble(monitoring="none", deployment="there", **setting) / "manifest.json").read_text())
    places = {found.get("environment") for found in manifest["artifacts"].values() if "environment" in found}
    assert places == {f"aws://unknown-account/{region}"}
    assert account.region(setting.get("region"))[0] == region
