"""`sightline ingest` of manifest files, with S3 and DynamoDB by moto, and reports written here as the system does."""

import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
import typer
from rich.console import Console

from cli import ingest_manifest, manifests
from cli.manifests import Sent, System
from cli.target import Target, TargetName

BUCKET = "manifests"
LINES = b"url,name\nhttps://host/a.jpg,\nhttps://host/b.jpg,\nnonsense,\n"


def target(name: TargetName) -> Target:
    return Target(name, upload="", labels="", deliveries="", api_key=None)


@dataclass
class Desk:
    """A command line before a manifest bucket."""

    path: Path
    printed: io.StringIO = field(default_factory=io.StringIO)
    said: io.StringIO = field(default_factory=io.StringIO)

    def ingest(
        self, name: TargetName = TargetName.LOCAL, *, wait: bool = True, as_json: bool = False, yes: bool = False
    ) -> int:
        """The exit code."""
        out, err = (Console(file=file, width=80, soft_wrap=True) for file in (self.printed, self.said))
        try:
            ingest_manifest.run(target(name), [self.path], yes=yes, wait=wait, as_json=as_json, out=out, err=err)
        except typer.Exit as ended:
            return ended.exit_code
        return 0

    def manifests(self) -> list[Any]:
        """The versions of manifests, newest first."""
        found = boto3.client("s3").list_object_versions(Bucket=BUCKET).get("Versions", [])
        return [version for version in found if not version["Key"].startswith("reports/")]

    def report(self, manifest: Any, **more: Any) -> None:
        """Write a report, as the system does."""
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
    system = System(BUCKET, "lines", frozenset(), 5)
    monkeypatch.setattr(System, "of", lambda _: system)
    monkeypatch.setattr(Target, "client", lambda self, service: boto3.client(service))
    path = tmp_path / "my list.csv"
    path.write_bytes(LINES)
    return Desk(path)


def while_it_waits(monkeypatch: pytest.MonkeyPatch, *happenings: Any) -> None:
    """What happens between one look for the report and the next."""
    left = list(happenings)
    monkeypatch.setattr("cli.manifests.time.sleep", lambda seconds: left.pop(0)())


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
    text = desk.printed.getvalue()
    assert "1 stored, 1 unchanged, 0 pending, 1 rejected, 1 failed\n" in text
    assert f"  rejected: {desk.path}, line 4: no URL\n" in text
    assert f"  failed: {desk.path}, line 3 https://host/b.jpg: the source answered 404\n" in text
    [manifest] = desk.manifests()
    assert manifest["Key"].endswith("/my list.csv")
    assert f"report: s3://{BUCKET}/reports/{manifest['Key']}.json" in text
    assert boto3.client("s3").get_object(Bucket=BUCKET, Key=manifest["Key"])["Body"].read() == LINES


def test_its_result_as_json_has_every_line_that_became_no_image(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = [{"line": number, "url": "https://host/b.jpg", "reason": "404"} for number in range(100)]
    while_it_waits(monkeypatch, lambda: desk.report(desk.manifests()[0], failed=failed))
    assert desk.ingest(as_json=True) == 1
    document = json.loads(desk.printed.getvalue())
    assert (document["stored"], document["failed"], len(document["problems"])) == (1, 100, 100)
    assert document["problems"][0] == {"manifest": str(desk.path), "outcome": "failed", **failed[0]}


def test_interrupted_it_says_how_to_look_later_and_the_same_command_goes_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    while_it_waits(monkeypatch, interrupt)
    assert desk.ingest() == 130
    assert f"  .venv/bin/sightline ingest '{desk.path}'\n" in desk.said.getvalue()
    while_it_waits(monkeypatch, lambda: desk.report(desk.manifests()[0]))
    assert desk.ingest() == 0
    assert f"{desk.path} is on its way already" in desk.said.getvalue()
    assert len(desk.manifests()) == 1


def test_a_manifest_that_is_done_is_done_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sources that failed may answer now; what is stored already is not stored twice."""
    while_it_waits(monkeypatch, *[lambda: desk.report(desk.manifests()[0])] * 2)
    assert desk.ingest() == 0
    assert desk.ingest() == 0
    assert len(desk.manifests()) == 2


def test_on_aws_it_says_what_it_may_cost_and_asks(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typer, "confirm", lambda question, err: False)
    assert desk.ingest(TargetName.AWS) == 1
    assert "at most 4 pictures in" in desk.said.getvalue()
    assert "at most $0.00" in desk.said.getvalue()
    assert desk.manifests() == []
    assert desk.ingest(TargetName.AWS, yes=True, wait=False) == 0
    assert "4 pictures are on their way; when they are done, reports will be at\n  s3://" in desk.printed.getvalue()


def test_an_empty_or_unreadable_manifest_is_named(desk: Desk) -> None:
    desk.path.write_text("\n")
    with pytest.raises(ingest_manifest.ManifestError, match="is empty"):
        desk.ingest()
    desk.path.unlink()
    with pytest.raises(ingest_manifest.ManifestError, match=r"my list\.csv: No such file"):
        desk.ingest()


def test_the_report_of_another_version_is_not_taken_for_it(desk: Desk) -> None:
    desk.report({"Key": "a.csv", "VersionId": "old"})
    system, s3 = System.of(target(TargetName.LOCAL)), boto3.client("s3")
    sent = Sent("a.csv", "a.csv", "new", 1)
    assert manifests.final_report(s3, system, sent.key, sent.version_id) is None
    assert manifests.final_report(s3, system, sent.key, "old")
