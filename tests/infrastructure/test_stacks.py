"""The stacks as a whole: outputs, warnings, and the rules of cdk-nag."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from aws_cdk import App, Stack

from app import build_app
from tests.conftest import ROOT, Templates


def test_cdk_nags_rules_are_waived_for_single_constructs_with_a_reason() -> None:
    """No rule is waived for a stack or for the app."""
    waived = [
        (construct, rule, reason)
        for construct in build_app(json.loads((ROOT / "cdk.json").read_text())["context"]).node.find_all()
        for entry in construct.node.metadata
        if entry.type == "aws:cdk:acknowledged-rules"
        for rule, reason in entry.data.items()
    ]
    assert waived
    for construct, rule, reason in waived:
        assert not isinstance(construct, App | Stack), f"{rule} is waived for all of {construct.node.path or 'the app'}"
        assert len(reason.split()) >= 4, f"{construct.node.path} waives {rule} because {reason!r}"


def test_the_outputs_that_users_ask_for_are_there(templates: Templates) -> None:
    api = {"UploadEndpoint", "ImageBucketName", "ApiKeyId", "ManifestBucketName", "ManifestsTableName", "SourceBuckets"}
    assert api <= templates["APIStack"]["Outputs"].keys()
    assert {"DeliveriesEndpoint", "SigningSecretArns"} <= templates["IntegrationStack"]["Outputs"].keys()
    recognition = {"ClassificationsTableName", "ProjectionsTableName", "IndexQueueUrl", "ResultsBucketName"}
    recognition |= {"GalleryAddress", "ThumbnailQueueUrl"}
    assert {"LabelsEndpoint"} | recognition <= templates["RekognitionStack"]["Outputs"].keys()


def test_a_setting_that_synth_refuses_is_one_line() -> None:
    filters = [f"A long name of a label, number {number}" for number in range(100)]
    context = json.dumps({"label_inclusion_filters": filters})
    refused = subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env={**os.environ, "CDK_CONTEXT_JSON": context},
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 1
    assert re.fullmatch("✗ the label filters: .* Lambda takes 4,096\n", refused.stderr)


@pytest.mark.parametrize(
    ("settings", "warnings"),
    [
        ({}, []),
        ({"auth": "none"}, ["auth=none: anybody may upload, list and read pictures"]),
        ({"private_sources": "10.0.0.1:80"}, ["private_sources: the upload API may fetch from 10.0.0.1:80"]),
        ({"monthly_budget_usd": "50", "region": "us-east-1"}, []),
        (
            {"monthly_budget_usd": "50", "region": "eu-west-1"},
            ["monthly_budget_usd: calls are counted at us-east-1's prices, and eu-west-1 has other prices"],
        ),
    ],
)
def test_synth_warns_of_open_access_and_of_prices_of_other_regions(
    assemble: Callable[..., Path], settings: dict[str, str], warnings: list[str]
) -> None:
    """The CDK CLI prints the warnings in these files."""
    found = [
        entry["data"].partition(" [ack: ")[0]
        for file in assemble(**settings).glob("*.metadata.json")
        for entries in json.loads(file.read_text()).values()
        for entry in entries
        if entry["type"] == "aws:cdk:warning"
    ]
    assert found == warnings
