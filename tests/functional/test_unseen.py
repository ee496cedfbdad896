"""`sightline reproject --missing` makes good for every event that was lost, as after 14 days in a queue."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from cli.reproject import Places, _announcement, _unseen
from recognition.runtime.records.image_records import ImageRecord
from tests.functional.conftest import S3, FakeRekognition


def test_what_the_records_do_not_say_of_the_objects_is_told_again(
    deliver: Callable[..., list[str]],
    s3: S3,
    tables: dict[str, str],
    rekognition: FakeRekognition,
    records: Callable[[str], ImageRecord | None],
) -> None:
    places = Places(tables["classifications"], "", "", "", s3.bucket, "")
    known = [s3.put(name) for name in ("same.jpg", "overwritten.jpg", "deleted.jpg", "back.jpg", "gone.jpg")]
    assert deliver(*known) == []
    assert deliver(s3.delete("back.jpg"), s3.delete("gone.jpg")) == []
    s3.put("overwritten.jpg", body="new")
    s3.delete("deleted.jpg")
    s3.put("back.jpg", body="back")
    s3.put("new & red+1.jpg")
    late = s3.put("overwritten.jpg", body="newer")

    unseen = list(_unseen(boto3.client("s3"), boto3.client("dynamodb"), places))
    told = [_announcement(s3.bucket, version) for version in unseen]
    assert (len(told), deliver(*told)) == (4, [])
    versions = {
        v["Key"]: v["VersionId"]
        for v in boto3.client("s3").list_object_versions(Bucket=s3.bucket)["Versions"]
        if v["IsLatest"]
    }
    for name in ("same.jpg", "overwritten.jpg", "back.jpg", "new & red+1.jpg"):
        record = records(name)
        assert record
        assert (record.status, record.version_id) == ("RECOGNIZED", versions[name])
    deleted = records("deleted.jpg")
    assert deleted
    assert deleted.status == "DELETED"
    assert list(_unseen(boto3.client("s3"), boto3.client("dynamodb"), places)) == []

    asked = len(rekognition.calls)
    assert deliver(late, *told) == []  # what was not lost after all, or is told twice, changes nothing
    found = records("overwritten.jpg")
    assert found
    assert found.version_id == versions["overwritten.jpg"]
    assert len(rekognition.calls) == asked


@pytest.mark.parametrize("moment", ["listed", "read", "told"])
def test_what_changes_meanwhile_stays_as_it_became(
    deliver: Callable[..., list[str]],
    s3: S3,
    tables: dict[str, str],
    records: Callable[[str], ImageRecord | None],
    moment: str,
) -> None:
    """After S3 was listed, after the records were read, or after it was told."""
    places = Places(tables["classifications"], "", "", "", s3.bucket, "")
    names = [f"{seen}, {change}.jpg" for seen in ("known", "unknown") for change in ("deleted", "overwritten")]
    stored = {name: s3.put(name) for name in names}
    assert deliver(*(stored[name] for name in names if name.startswith("known"))) == []
    for name in names:
        s3.put(name, body="lost")

    def change() -> None:
        changes = [s3.delete(name) if "deleted" in name else s3.put(name, body="new") for name in names]
        assert deliver(*changes) == []

    dynamodb = Meanwhile(boto3.client("dynamodb"), moment, change)
    told = [_announcement(s3.bucket, version) for version in _unseen(boto3.client("s3"), dynamodb, places)]
    if moment == "told":
        change()
    assert not told or deliver(*told) == []
    for name in names:
        record = records(name)
        assert record
        versions = boto3.client("s3").list_object_versions(Bucket=s3.bucket, Prefix=name)
        [latest] = [v for v in versions["Versions"] + versions.get("DeleteMarkers", []) if v["IsLatest"]]
        assert (record.status == "DELETED", record.version_id) == ("deleted" in name, latest["VersionId"])


@dataclass
class Meanwhile:
    """DynamoDB; something happens just before or after the records are read."""

    dynamodb: Any
    moment: str
    change: Callable[[], None]

    def batch_get_item(self, **request: Any) -> Any:
        if self.moment == "listed":
            self.change()
        answer = self.dynamodb.batch_get_item(**request)
        if self.moment == "read":
            self.change()
        return answer
