"""The commands of the README and of docs/ work as they are written."""

import json
import os
import re
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from local.cloud import Cloud
from local.deployment import SOURCE_BUCKET
from tests import partner_documents
from tests.conftest import ROOT
from tests.e2e.api_gateway import api_gateway
from tests.e2e.conftest import System, environment, wait_for
from tests.e2e.test_commands import sightline
from tests.e2e.test_every_way_in import report
from tests.source_server import picture

README = (ROOT / "README.md").read_text()
AWSCLI = "awscli==1.46.2"


def blocks(language: str, text: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [block for named, block in found if named == language]


def block_of(document: str, mark: str) -> str:
    """Return the document's only block for a shell with this text in it. `tests/unit/test_docs.py` requires a test for
    each block."""
    [block] = [block for block in blocks("sh", (ROOT / document).read_text()) if mark in block]
    return block


def run_block(shell: Any, document: str, mark: str) -> str:
    """Run such a block. Returns its output."""
    return str(shell(block_of(document, mark)))


@pytest.fixture
def shell(cloud: Cloud, system: System, tmp_path: Path) -> Any:
    """Run a block in a shell like the reader's, with `aws` on its PATH and the embedded cloud for AWS."""
    aws = tmp_path / "aws"
    aws.write_text(
        f'#!/bin/sh\nexec env -u HTTPS_PROXY {sys.executable} -m uv tool run --quiet --from {AWSCLI} aws "$@"\n'
    )
    aws.chmod(aws.stat().st_mode | stat.S_IEXEC)
    variables = environment(cloud.folder) | {
        "AWS_ENDPOINT_URL": system.endpoints.aws,
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
    }

    def run(block: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block.replace(".venv/bin/", f"{Path(sys.executable).parent}/")],
            env=variables,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_the_curl_lines_do_what_the_reader_is_told(shell: Any, system: System) -> None:
    setup, *calls = re.split(r"^# .*\n", block_of("README.md", "curl"), flags=re.MULTILINE)
    get, post, listed, image, search = calls
    assert json.loads(shell(setup + get))["image"] == "img-01.jpg"
    assert json.loads(shell(setup + post))["image"] == "holiday/red flower.jpg"
    wait_for(lambda: system.image("holiday/red flower.jpg"))
    assert "holiday/red flower.jpg" in [entry["image"] for entry in json.loads(shell(setup + listed))]
    assert json.loads(shell(setup + image))["labels"]
    wait_for(lambda: "holiday/red flower.jpg" in [entry["image"] for entry in json.loads(shell(setup + search))])


def test_the_aws_lines_give_addresses_and_key(shell: Any, system: System) -> None:
    upload, labels, key = run_block(shell, "docs/deploy.md", "describe-stacks").split()
    assert upload.startswith("https://")
    assert labels.startswith("https://")
    assert key == system.endpoints.api_key


@pytest.mark.usefixtures("same_key_afterwards")
def test_the_key_is_printed_and_rotated_as_told(shell: Any, system: System) -> None:
    printed, *_, revoked = run_block(shell, "docs/security.md", "rotate-key").splitlines()
    assert printed == system.endpoints.api_key
    assert revoked.endswith(" is revoked")


@pytest.fixture
def home(system: System, tmp_path: Path) -> Path:
    """Return the folder of the reader's pictures and manifest."""
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "cat.jpg").write_bytes(picture(color="orange"))
    (tmp_path / "list.csv").write_text(f"url,name\n{system.endpoints.photos}coffee.jpg,listed.jpg\n")
    return tmp_path


@pytest.mark.usefixtures("healthy")
def test_the_command_line_does_what_the_reader_is_told(shell: Any, system: System, home: Path) -> None:
    system.upload(f"{system.endpoints.photos}astronaut.jpg", "img-01.jpg")
    wait_for(lambda: system.documents("img-01.jpg") and system.is_idle())
    block = block_of("README.md", "sightline search")
    shown = shell(f"export HOME={home}\n{block}")
    assert "1 stored" in shown
    assert "✓ img-01.jpg: " in shown
    assert shown.endswith("no findings\n")
    wait_for(lambda: system.image("img-01.jpg") is None)


def empty(system: System) -> None:
    """Delete the images that the block of the other system stored, so that their names are free."""
    for name in ("cat.jpg", "holiday/cat.jpg", "cats/cat.jpg", "listed.jpg"):
        system.s3().delete_object(Bucket=system.endpoints.bucket, Key=name)
    system.s3().delete_object(Bucket=system.endpoints.manifests, Key="reports/list.csv.json")


def assert_all_came_in(system: System, shown: str, *more: str) -> None:
    assert shown.count("1 stored") == 3 + len(more), shown
    wait_for(lambda: report(system, "list.csv"))
    wait_for(lambda: {"cat.jpg", "holiday/cat.jpg", "cats/cat.jpg", "listed.jpg", *more} <= system.images().keys())


def test_everything_is_ingested_as_told_for_a_laptop(shell: Any, system: System, home: Path) -> None:
    block = block_of("docs/uploading.md", "--prefix nasa/")
    empty(system)
    shown = shell(f"unset AWS_ENDPOINT_URL AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY\nexport HOME={home}\n{block}")
    assert_all_came_in(system, shown, "nasa/astronaut.jpg")


def test_everything_is_ingested_as_told_for_aws(shell: Any, system: System, home: Path) -> None:
    """The commands use the addresses that API Gateway has on AWS, over TLS."""
    block = block_of("docs/uploading.md", "--prefix holiday/ --target aws")
    empty(system)
    with api_gateway(system.endpoints.aws, home / "authority.pem") as proxy:
        trust = f"export HTTPS_PROXY={proxy} REQUESTS_CA_BUNDLE={home}/authority.pem"
        shown = shell(f"{trust} HOME={home}\n{block}")
    assert_all_came_in(system, shown)


def test_a_bucket_is_ingested_as_told(shell: Any, system: System) -> None:
    system.s3().create_bucket(Bucket=SOURCE_BUCKET)
    system.s3().put_object(Bucket=SOURCE_BUCKET, Key="scans/c d.jpg", Body=picture())
    run_block(shell, "docs/uploading.md", "ingest s3://")
    assert "c d.jpg" in system.stored()


def test_the_third_partys_address_is_set_as_told(shell: Any, cloud: Cloud, system: System) -> None:
    ssm = cloud.client("ssm")
    wait_for(system.is_idle)  # else a document of an earlier test would go to this address
    try:
        shown = run_block(shell, "docs/events.md", "put-parameter")
        parameter = ssm.get_parameter(Name="thirdparty_endpoint")["Parameter"]
        assert parameter["Value"] == "https://partner.example.com/labels"
        old, new = re.findall(r"^whsec_\S+$", shown, re.MULTILINE)
        assert old != new
    finally:
        cloud.signing_secrets.write_text(sightline(cloud, "signing-secret").stdout)
        ssm.put_parameter(Name="thirdparty_endpoint", Value=system.endpoints.partner, Type="String", Overwrite=True)


def test_the_cost_is_estimated_as_documented(shell: Any) -> None:
    shown = run_block(shell, "docs/cost.md", "sightline cost --images 1e6 --size")
    [table, *_] = blocks("", (ROOT / "docs/cost.md").read_text())
    for line in table.strip().splitlines():
        assert line.split() in [printed.split() for printed in shown.splitlines()]


def test_the_cost_of_abilities_is_a_line_for_each_operation(shell: Any) -> None:
    shown = run_block(shell, "docs/cost.md", "-c 'abilities=")
    for operation in ("DetectLabels", "DetectText", "DetectFaces"):
        assert re.search(rf"{operation},.* calls ", shown)


def test_what_was_spent_is_shown_as_told(shell: Any) -> None:
    assert f'"month": "{datetime.now(UTC):%Y-%m}"' in run_block(shell, "docs/cost.md", "sightline usage")


@pytest.mark.usefixtures("healthy")
def test_the_runbook_looks_and_brings_back_as_told(shell: Any, system: System) -> None:
    assert run_block(shell, "docs/operations.md", "sightline doctor").endswith("no findings\n")
    assert "UploadedImage: no messages" in run_block(shell, "docs/operations.md", "sightline redrive")
    assert "images to rebuild" in run_block(shell, "docs/operations.md", "sightline reproject")
    system.upload(f"{system.endpoints.photos}astronaut.jpg", "img-01.jpg")
    wait_for(lambda: system.documents("img-01.jpg"))
    assert "will be delivered again to" in run_block(shell, "docs/operations.md", "sightline replay")


def test_what_would_be_kept_is_noted_as_told(shell: Any, system: System, tmp_path: Path) -> None:
    run_block(lambda block: shell(f"cd {tmp_path}\n{block}"), "docs/upgrade.md", "sightline kept")
    noted = {file.stem: json.loads(file.read_text()) for file in (tmp_path / "kept").iterdir()}
    assert {"BucketName": system.endpoints.bucket} in noted["APIStack"].values()
    assert {"TableName": system.endpoints.table} in noted["RekognitionStack"].values()
    assert noted["IntegrationStack"]


def test_what_is_sent_has_the_form_that_the_events_page_shows(system: System) -> None:
    text = (ROOT / "docs/events.md").read_text()
    system.upload(f"{system.endpoints.photos}astronaut.jpg", "img-01.jpg")
    sent, *_ = wait_for(lambda: system.documents("img-01.jpg"))
    assert list(partner_documents.read(sent)) == list(partner_documents.read(blocks("xml", text)[0]))
    record = wait_for(lambda: system.image("img-01.jpg"))
    assert record["labels"][0].keys() == json.loads(blocks("json", text)[0])["labels"][0].keys()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\bmake ([a-z][a-z-]+)", README))))
def test_every_make_target_that_is_named_exists(target: str) -> None:
    subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, check=True)
