"""The record of an image follows the current version of its object."""

import json
from collections.abc import Callable

import boto3
import pytest

from recognition.runtime import recognize_images
from recognition.runtime.records.image_records import ImageRecord, ImageRecords
from recognition.runtime.records.record_updater import RecordUpdater
from tests.functional.conftest import Published, Topic
from tests.functional.fake_rekognition import FakeRekognition
from tests.functional.s3_bucket import S3

Deliver = Callable[..., list[str]]
Records = Callable[[str], ImageRecord | None]


@pytest.fixture
def events(labels_topic: Topic) -> Callable[[], list[str]]:
    """Return the names of the events since the last look."""
    return lambda: [published.document["event"] for published in labels_topic.published()]


def status(record: ImageRecord | None) -> tuple[str, str | None] | None:
    return (record.status, record.version_id) if record else None


def version_of(notification: str) -> str:
    return str(json.loads(notification)["Records"][0]["s3"]["object"]["versionId"])


def test_an_undeleted_picture_is_back_at_its_old_place_without_a_call(
    s3: S3, deliver: Deliver, records: Records, rekognition: FakeRekognition, labels_topic: Topic
) -> None:
    created = s3.put("a.jpg")
    assert deliver(created) == []
    marker = s3.delete("a.jpg")
    assert deliver(marker) == []
    assert status(records("a.jpg")) == ("DELETED", version_of(marker))
    assert deliver(*s3.delete_versions(("a.jpg", version_of(marker)))) == []

    record = records("a.jpg")
    assert status(record) == ("RECOGNIZED", version_of(created))
    assert record
    assert record.expires_at is None
    stored_at = boto3.client("s3").head_object(Bucket=s3.bucket, Key="a.jpg")["LastModified"]
    assert record.uploaded_at == stored_at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert len(rekognition.calls) == 1
    documents = [published.document for published in labels_topic.published()]
    assert [d["event"] for d in documents] == ["image.recognized", "image.deleted", "image.recognized"]
    assert len({d["event_id"] for d in documents}) == 3
    assert documents == sorted(documents, key=lambda document: document["occurred_at"])


def test_a_picture_whose_only_version_is_deleted_for_good_is_deleted(
    s3: S3, deliver: Deliver, records: Records, events: Callable[[], list[str]]
) -> None:
    created = s3.put("a.jpg")
    assert deliver(created) == []
    assert deliver(*s3.delete_versions(("a.jpg", version_of(created)))) == []
    assert status(records("a.jpg")) == ("DELETED", version_of(created))
    assert events() == ["image.recognized", "image.deleted"]


def test_the_older_version_is_back_after_the_current_one_is_deleted_for_good(
    s3: S3, deliver: Deliver, records: Records, rekognition: FakeRekognition, events: Callable[[], list[str]]
) -> None:
    older, newer = s3.put("a.jpg", body="older"), s3.put("a.jpg", body="newer")
    assert deliver(older, newer) == []
    assert deliver(*s3.delete_versions(("a.jpg", version_of(newer)))) == []
    assert status(records("a.jpg")) == ("RECOGNIZED", version_of(older))
    assert len(rekognition.calls) == 2  # the older version was never recognised while it was current
    assert events() == ["image.recognized", "image.recognized"]


def test_the_end_of_an_older_version_announces_nothing(
    s3: S3, deliver: Deliver, records: Records, rekognition: FakeRekognition, events: Callable[[], list[str]]
) -> None:
    """A lifecycle rule deletes an older version after 30 days. By then, receivers may have forgotten the event's id."""
    older, newer = s3.put("a.jpg", body="older"), s3.put("a.jpg", body="newer")
    assert deliver(newer, older) == []
    before = records("a.jpg")
    assert events() == ["image.recognized"]
    assert deliver(*s3.delete_versions(("a.jpg", version_of(older)))) == []
    assert records("a.jpg") == before
    assert len(rekognition.calls) == 1
    assert events() == []


def test_an_older_version_that_arrives_late_changes_nothing(
    s3: S3, deliver: Deliver, records: Records, events: Callable[[], list[str]]
) -> None:
    """Replication, for example, brings versions in any order."""
    older, newer = s3.put("a.jpg", body="older"), s3.put("a.jpg", body="newer")
    assert deliver(newer) == []
    events()
    late = s3.notification("object-created", "a.jpg", version_of(older))
    assert deliver(late, older) == []
    assert status(records("a.jpg")) == ("RECOGNIZED", version_of(newer))
    assert events() == []


def test_an_emptied_bucket_leaves_only_deleted_records(
    s3: S3, deliver: Deliver, records: Records, table: str, labels_topic: Topic
) -> None:
    """`Empty bucket` deletes all versions and markers in calls of up to a thousand."""
    names = ["a.jpg", "b.jpg", "c.jpg"]
    messages = [s3.put(name) for name in [*names, *names]]
    assert deliver(*messages, s3.delete("c.jpg")) == []
    labels_topic.published()
    assert deliver(*s3.delete_versions(*s3.versions)) == []
    assert [record.status for name in names if (record := records(name))] == ["DELETED", "DELETED"]
    assert ImageRecords(boto3.client("dynamodb"), table).newest(limit=10, start=None).entries == []
    deleted = [published.document["image"] for published in labels_topic.published()]
    assert sorted(deleted) == ["a.jpg", "b.jpg"]  # c.jpg was deleted before a worker processed it


def test_a_picture_that_a_lifecycle_rule_expires_is_deleted(
    s3: S3, deliver: Deliver, records: Records, events: Callable[[], list[str]]
) -> None:
    assert deliver(s3.put("a.jpg")) == []
    assert deliver(s3.expire("a.jpg")) == []
    record = records("a.jpg")
    assert record
    assert record.status == "DELETED"
    assert events() == ["image.recognized", "image.deleted"]


def test_a_picture_that_was_gone_before_its_event_leaves_no_trace(
    s3: S3, deliver: Deliver, records: Records, rekognition: FakeRekognition, events: Callable[[], list[str]]
) -> None:
    created, deleted = s3.put("a.jpg"), s3.delete("a.jpg")
    assert deliver(deleted) + deliver(created) + deliver(deleted) == []
    assert records("a.jpg") is None
    assert rekognition.calls == []
    assert events() == []


def test_an_event_without_a_sequencer_is_handled(
    s3: S3, deliver: Deliver, records: Records, events: Callable[[], list[str]]
) -> None:
    created = json.loads(s3.put("a.jpg"))
    del created["Records"][0]["s3"]["object"]["sequencer"]
    deleted = json.loads(s3.delete("a.jpg"))
    del deleted["Records"][0]["s3"]["object"]["sequencer"]
    restored = s3.delete_versions(("a.jpg", version_of(json.dumps(deleted))))
    assert deliver(json.dumps(created), *restored) == []
    assert deliver(s3.delete("a.jpg")) == []
    assert deliver(json.dumps(created), json.dumps(deleted)) == []
    record = records("a.jpg")
    assert record
    assert record.status == "DELETED"
    assert sorted(set(events())) == ["image.deleted", "image.recognized"]


def test_an_old_event_that_finds_a_newer_version_announces_it_itself(
    s3: S3, deliver: Deliver, records: Records, labels_topic: Topic
) -> None:
    """Each record is announced by the handler of the change that stored it, even if a later change caused the
    record."""
    first = s3.put("a.jpg", body="first")
    assert deliver(first) == []
    second = s3.put("a.jpg", body="second")
    assert deliver(first) == []
    record = records("a.jpg")
    assert status(record) == ("RECOGNIZED", version_of(second))
    announced: list[Published] = labels_topic.published()
    assert len({published.document["event_id"] for published in announced}) == 2
    assert deliver(second) == []
    assert labels_topic.published() == []
    assert deliver(first) == []
    [repeated] = labels_topic.published()
    assert repeated.text == announced[-1].text


def test_a_worker_that_another_one_overtakes_starts_again(
    s3: S3,
    deliver: Deliver,
    records: Records,
    worker: RecordUpdater,
    rekognition: FakeRekognition,
    events: Callable[[], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While the first worker waits for Rekognition, the picture is replaced and recognised by another worker."""
    answer = rekognition.detect_labels

    def replace_meanwhile(**request: object) -> object:
        monkeypatch.setattr(rekognition, "detect_labels", answer)
        assert deliver(s3.put("a.jpg", body="newer")) == []
        return answer(**request)

    monkeypatch.setattr(rekognition, "detect_labels", replace_meanwhile)
    assert deliver(s3.put("a.jpg", body="older")) == []
    assert status(records("a.jpg")) == ("RECOGNIZED", s3.current()["a.jpg"])
    assert recognize_images.record_updater() is worker
    assert events() == ["image.recognized"]


def test_the_object_of_a_folder_is_no_picture_and_ends_the_picture_that_it_overwrites(
    s3: S3, deliver: Deliver, records: Records, rekognition: FakeRekognition, events: Callable[[], list[str]]
) -> None:
    """Consoles create an empty object for a folder."""
    assert deliver(s3.put_bytes("holiday/", b"")) == []
    assert records("holiday/") is None
    assert deliver(s3.put("holiday/")) == []
    folder = s3.put_bytes("holiday/", b"")
    assert deliver(folder) == []
    assert status(records("holiday/")) == ("DELETED", version_of(folder))
    assert events() == ["image.recognized", "image.deleted"]
    assert len(rekognition.calls) == 1


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [2, 0, 1, 2]])
def test_while_versioning_is_suspended_the_record_follows_what_overwrites_the_picture(
    s3: S3, deliver: Deliver, records: Records, rekognition: FakeRekognition, labels_topic: Topic, order: list[int]
) -> None:
    """Then all objects have the version id `null`."""
    boto3.client("s3").put_bucket_versioning(Bucket=s3.bucket, VersioningConfiguration={"Status": "Suspended"})
    earlier = [s3.put("a.jpg", body="a" * number) for number in range(2)]
    assert deliver(*earlier) == []
    messages = [s3.put("a.jpg", body="a" * number) for number in range(2, 5)]
    assert deliver(*[messages[number] for number in order]) == []
    record = records("a.jpg")
    assert record
    assert record.size == boto3.client("s3").head_object(Bucket=s3.bucket, Key="a.jpg")["ContentLength"]
    assert record.sequencer.startswith(f"{s3.count:016X}")
    assert len(rekognition.calls) == 2  # the contents that a worker has seen
    last = max((each.document for each in labels_topic.published()), key=lambda document: str(document["occurred_at"]))
    assert last["event_id"] == record.event().event_id
    assert deliver(s3.delete("a.jpg"), messages[0]) == []
    assert status(records("a.jpg")) == ("DELETED", "null")
