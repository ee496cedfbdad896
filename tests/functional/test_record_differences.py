"""`sightline reproject --missing` replaces every lost event, for example after 14 days in a queue."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from cli.commands.reproject import RebuildResources, rebuild
from cli.record_differences import RecordComparison
from cli.target import TargetName
from recognition.runtime.records.image_records import ImageRecord
from tests.functional.conftest import received
from tests.functional.fake_rekognition import FakeRekognition
from tests.functional.queue_system import FakeTarget
from tests.functional.s3_bucket import S3


def comparison(s3: S3, tables: dict[str, str], dynamodb: Any = None) -> RecordComparison:
    return RecordComparison(
        boto3.client("s3"), dynamodb or boto3.client("dynamodb"), s3.bucket, tables["classifications"]
    )


def test_objects_that_differ_from_their_records_are_announced_again(
    deliver: Callable[..., list[str]],
    s3: S3,
    tables: dict[str, str],
    rekognition: FakeRekognition,
    records: Callable[[str], ImageRecord | None],
) -> None:
    known = [s3.put(name) for name in ("same.jpg", "overwritten.jpg", "deleted.jpg", "back.jpg", "gone.jpg")]
    assert deliver(*known) == []
    assert deliver(s3.delete("back.jpg"), s3.delete("gone.jpg")) == []
    s3.put("overwritten.jpg", body="new")
    s3.delete("deleted.jpg")
    s3.put("back.jpg", body="back")
    s3.put("new & red+1.jpg")
    late = s3.put("overwritten.jpg", body="newer")

    announced = list(comparison(s3, tables).differing_objects())
    assert (len(announced), deliver(*announced)) == (4, [])
    listed = boto3.client("s3").list_object_versions(Bucket=s3.bucket)["Versions"]
    versions = {version["Key"]: version["VersionId"] for version in listed if version["IsLatest"]}
    for name in ("same.jpg", "overwritten.jpg", "back.jpg", "new & red+1.jpg"):
        record = records(name)
        assert record
        assert (record.status, record.version_id) == ("RECOGNIZED", versions[name])
    deleted = records("deleted.jpg")
    assert deleted
    assert deleted.status == "DELETED"
    assert list(comparison(s3, tables).differing_objects()) == []

    calls = len(rekognition.calls)
    assert deliver(late, *announced) == []  # late and repeated events change nothing
    found = records("overwritten.jpg")
    assert found
    assert found.version_id == versions["overwritten.jpg"]
    assert len(rekognition.calls) == calls


def test_records_of_objects_that_were_removed_for_good_become_deleted(
    deliver: Callable[..., list[str]],
    s3: S3,
    tables: dict[str, str],
    records: Callable[[str], ImageRecord | None],
) -> None:
    """S3's listing does not show such a key at all."""
    names = ["kept.jpg", "removed.jpg", "removed.jpg.png"]
    assert deliver(*map(s3.put, names)) == []
    client = boto3.client("s3")
    for version in client.list_object_versions(Bucket=s3.bucket, Prefix="removed.jpg")["Versions"]:
        if version["Key"] == "removed.jpg":
            client.delete_object(Bucket=s3.bucket, Key=version["Key"], VersionId=version["VersionId"])

    assert list(comparison(s3, tables).differing_objects()) == []
    announced = list(comparison(s3, tables).missing_objects(names))
    assert (len(announced), deliver(*announced)) == (1, [])
    states = {name: record.status for name in names if (record := records(name))}
    assert states == {"kept.jpg": "RECOGNIZED", "removed.jpg": "DELETED", "removed.jpg.png": "RECOGNIZED"}
    assert list(comparison(s3, tables).missing_objects(names)) == []


def test_a_folder_differs_only_from_the_record_of_a_picture_with_the_same_name(
    deliver: Callable[..., list[str]],
    s3: S3,
    tables: dict[str, str],
    records: Callable[[str], ImageRecord | None],
) -> None:
    """Consoles create an empty object for a folder."""
    assert deliver(s3.put("holiday/")) == []
    for name in ("holiday/", "work/"):
        s3.put_bytes(name, b"")
    announced = list(comparison(s3, tables).differing_objects())
    assert (len(announced), deliver(*announced)) == (1, [])
    record = records("holiday/")
    assert record
    assert record.status == "DELETED"
    assert list(comparison(s3, tables).differing_objects()) == []


def test_reproject_sends_records_of_gone_objects_to_the_workers(
    deliver: Callable[..., list[str]],
    s3: S3,
    tables: dict[str, str],
    records: Callable[[str], ImageRecord | None],
    queue_url: str,
) -> None:
    names = ["kept.jpg", "removed.jpg"]
    assert deliver(*map(s3.put, names)) == []
    s3.delete_versions(*[version for version in s3.versions if version[0] == "removed.jpg"])  # without an event
    thumbnails = boto3.client("sqs").create_queue(QueueName="thumbnails")["QueueUrl"]
    index = boto3.client("sqs").create_queue(QueueName="index")["QueueUrl"]
    places = RebuildResources(
        records=tables["classifications"],
        projections=tables["projections"],
        index_queue=index,
        thumbnail_queue=thumbnails,
        bucket=s3.bucket,
        uploads_queue=queue_url,
    )
    rebuild(FakeTarget(TargetName.LOCAL, "upload", "labels", "deliveries", "key"), places, missing=True)
    [message] = received(queue_url)
    assert message in received(thumbnails)
    assert deliver(message) == []
    assert {name: record.status for name in names if (record := records(name))} == {
        "kept.jpg": "RECOGNIZED",
        "removed.jpg": "DELETED",
    }


@pytest.mark.parametrize("moment", ["after the listing", "after the records", "after the announcement"])
def test_changes_during_the_comparison_win(
    deliver: Callable[..., list[str]],
    s3: S3,
    tables: dict[str, str],
    records: Callable[[str], ImageRecord | None],
    moment: str,
) -> None:
    names = [f"{seen}, {change}.jpg" for seen in ("known", "unknown") for change in ("deleted", "overwritten")]
    stored = {name: s3.put(name) for name in names}
    assert deliver(*(stored[name] for name in names if name.startswith("known"))) == []
    for name in names:
        s3.put(name, body="lost")

    def change() -> None:
        changes = [s3.delete(name) if "deleted" in name else s3.put(name, body="new") for name in names]
        assert deliver(*changes) == []

    dynamodb = ChangingTable(boto3.client("dynamodb"), moment, change)
    announced = list(comparison(s3, tables, dynamodb).differing_objects())
    if moment == "after the announcement":
        change()
    assert not announced or deliver(*announced) == []
    for name in names:
        record = records(name)
        if record is None:
            assert name == "unknown, deleted.jpg"  # nobody has ever seen it
            continue
        versions = boto3.client("s3").list_object_versions(Bucket=s3.bucket, Prefix=name)
        [latest] = [v for v in versions["Versions"] + versions.get("DeleteMarkers", []) if v["IsLatest"]]
        assert (record.status == "DELETED", record.version_id) == ("deleted" in name, latest["VersionId"])


@dataclass
class ChangingTable:
    """DynamoDB, with a change just before or after the records are read."""

    dynamodb: Any
    moment: str
    change: Callable[[], None]

    def batch_get_item(self, **request: Any) -> Any:
        if self.moment == "after the listing":
            self.change()
        answer = self.dynamodb.batch_get_item(**request)
        if self.moment == "after the records":
            self.change()
        return answer
