"""`sightline ingest` of manifest files, with moto's S3 and DynamoDB. The tests write the reports."""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
import typer
from rich.console import Console

from api.runtime.manifests.manifest_table import Manifest
from cli import output
from cli.ingest import manifest_files, manifests
from cli.ingest.manifests import ManifestSystem
from cli.target import Target, TargetName

BUCKET = "manifests"
LINES = b"url,name\nhttps://host/a.jpg,\nhttps://host/b.jpg,\nnonsense,\n"


def target(name: TargetName) -> Target:
    return Target(name, upload_url="", labels_url="", deliveries_url="", api_key=None)


@dataclass
class Desk:
    """A command line with a manifest bucket."""

    path: Path
    stdout: io.StringIO = field(default_factory=io.StringIO)
    stderr: io.StringIO = field(default_factory=io.StringIO)

    def ingest(
        self,
        name: TargetName = TargetName.LOCAL,
        asked: Sequence[str] = (),
        *,
        wait: bool = True,
        as_json: bool = False,
        yes: bool = False,
    ) -> int:
        """Ingest the manifest. Returns the exit code."""
        try:
            manifest_files.ingest_manifests(target(name), [self.path], asked, yes=yes, wait=wait, as_json=as_json)
        except typer.Exit as ended:
            return ended.exit_code
        return 0

    def manifests(self) -> list[Any]:
        """Return the versions of manifests, newest first."""
        found = boto3.client("s3").list_object_versions(Bucket=BUCKET).get("Versions", [])
        return [version for version in found if not version["Key"].startswith("reports/")]

    def report(self, manifest: Any, **more: Any) -> None:
        """Write a report as the system does."""
        document = {
            "version_id": manifest["VersionId"],
            "status": "done",
            "stored": 1,
            "unchanged": 1,
            "pending": 0,
            "rejected": [],
            "failed": [],
            **more,
        }
        key = f"reports/{manifest['Key']}.json"
        boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=json.dumps(document).encode())


@pytest.fixture
def desk(aws: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    boto3.client("dynamodb").create_table(
        TableName="lines",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "manifest", "KeyType": "HASH"}, {"AttributeName": "line", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "manifest", "AttributeType": "S"},
            {"AttributeName": "line", "AttributeType": "N"},
        ],
    )
    monkeypatch.setattr(ManifestSystem, "of", lambda found: ManifestSystem(found, BUCKET, "lines", frozenset(), 5))
    monkeypatch.setattr(Target, "client", lambda self, service: boto3.client(service))
    path = tmp_path / "my list.csv"
    path.write_bytes(LINES)
    desk = Desk(path)
    out, err = (Console(file=file, width=80, soft_wrap=True) for file in (desk.stdout, desk.stderr))
    for module in (output, manifests, manifest_files):
        monkeypatch.setattr(module, "out", out, raising=False)
        monkeypatch.setattr(module, "err", err, raising=False)
    return desk


def while_it_waits(monkeypatch: pytest.MonkeyPatch, *happenings: Any) -> None:
    """Call these functions while the command waits for the report."""
    left = list(happenings)
    monkeypatch.setattr("cli.ingest.manifests.time.sleep", lambda seconds: left.pop(0)())


def test_a_manifest_is_followed_to_its_report(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def running() -> None:
        desk.report(desk.manifests()[0], status="running")

    def done() -> None:
        desk.report(
            desk.manifests()[0],
            rejected=[{"line": 4, "reason": "no URL"}],
            failed=[{"line": 3, "url": "https://host/b.jpg", "reason": "the source answered 404"}],
        )

    while_it_waits(monkeypatch, running, done)
    assert desk.ingest() == 1
    text = desk.stdout.getvalue()
    assert "1 stored, 1 unchanged, 0 pending, 1 rejected, 1 failed\n" in text
    assert f"  rejected: {desk.path}, line 4: no URL\n" in text
    assert f"  failed: {desk.path}, line 3 https://host/b.jpg: the source answered 404\n" in text
    [manifest] = desk.manifests()
    assert manifest["Key"].endswith("/my list.csv")
    assert f"report: s3://{BUCKET}/reports/{manifest['Key']}.json" in text
    assert boto3.client("s3").get_object(Bucket=BUCKET, Key=manifest["Key"])["Body"].read() == LINES


def test_the_result_as_json_lists_every_line_that_became_no_image(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = [{"line": number, "url": "https://host/b.jpg", "reason": "404"} for number in range(100)]
    while_it_waits(monkeypatch, lambda: desk.report(desk.manifests()[0], failed=failed))
    assert desk.ingest(as_json=True) == 1
    document = json.loads(desk.stdout.getvalue())
    assert (document["stored"], document["failed"], len(document["problems"])) == (1, 100, 100)
    assert document["problems"][0] == {"manifest": str(desk.path), "outcome": "failed", **failed[0]}


def test_an_interrupt_shows_how_to_follow_later_and_the_same_command_continues(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    while_it_waits(monkeypatch, interrupt)
    assert desk.ingest() == 130
    assert f"  .venv/bin/sightline ingest '{desk.path}'\n" in desk.stderr.getvalue()
    while_it_waits(monkeypatch, lambda: desk.report(desk.manifests()[0]))
    assert desk.ingest() == 0
    assert f"{desk.path} is being read already" in desk.stderr.getvalue()
    assert len(desk.manifests()) == 1


def test_a_finished_manifest_is_read_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sources that failed may answer now. Stored pictures are not stored twice."""
    while_it_waits(monkeypatch, *[lambda: desk.report(desk.manifests()[0])] * 2)
    assert desk.ingest() == 0
    assert desk.ingest() == 0
    assert len(desk.manifests()) == 2


def test_the_metadata_of_a_manifest_ask_for_abilities(desk: Desk) -> None:
    """With other abilities it is another manifest, even while the first one is being read."""
    for asked in ((), ["faces", "text"], ["faces", "text"]):
        assert desk.ingest(asked=asked, wait=False) == 0
    second, first = desk.manifests()
    assert first["Key"] != second["Key"]
    s3 = boto3.client("s3")
    found = [s3.head_object(Bucket=BUCKET, Key=each["Key"])["Metadata"] for each in (first, second)]
    assert sorted(found, key=len) == [{}, {"abilities": "faces,text"}]


def test_on_aws_it_shows_the_cost_and_asks(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typer, "confirm", lambda question, err: False)
    assert desk.ingest(TargetName.AWS) == 1
    assert "at most 3 pictures in" in desk.stderr.getvalue()
    assert "at most $0.00" in desk.stderr.getvalue()
    assert desk.manifests() == []
    assert desk.ingest(TargetName.AWS, yes=True, wait=False) == 0
    assert "3 pictures will be stored; afterwards the reports will be at\n  s3://" in desk.stdout.getvalue()


def test_an_empty_or_unreadable_manifest_is_named(desk: Desk) -> None:
    desk.path.write_text("\n")
    with pytest.raises(manifest_files.ManifestError, match="is empty"):
        desk.ingest()
    desk.path.unlink()
    with pytest.raises(manifest_files.ManifestError, match=r"my list\.csv: No such file"):
        desk.ingest()


def test_the_report_of_another_version_is_not_used(desk: Desk) -> None:
    desk.report({"Key": "a.csv", "VersionId": "old"})
    s3 = boto3.client("s3")
    assert manifests.final_report(s3, BUCKET, Manifest("a.csv", "new")) is None
    assert manifests.final_report(s3, BUCKET, Manifest("a.csv", "old"))
