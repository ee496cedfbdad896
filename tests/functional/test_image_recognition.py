import dataclasses
import json
from collections.abc import Callable

import boto3
import pytest

from recognition.runtime import recognize_images
from recognition.runtime.records.image_records import ImageRecord, ImageRecords
from recognition.runtime.records.record_updater import RecordUpdater
from tests.conftest import captured
from tests.functional.conftest import PARAMETERS, Topic
from tests.functional.fake_rekognition import FakeRekognition
from tests.functional.s3_bucket import S3, photo


def test_a_new_picture_is_recognised_stored_and_announced(
    deliver: Callable[..., list[str]],
    s3: S3,
    rekognition: FakeRekognition,
    records: Callable[[str], ImageRecord | None],
    labels_topic: Topic,
) -> None:
    name = "red flower+100% ü/日本.jpg"
    assert deliver(s3.put(name, **{"source-url": "https://host/a.jpg"})) == []

    [request] = rekognition.calls
    version = boto3.client("s3").head_object(Bucket="images", Key=name)["VersionId"]
    assert request == {
        "Image": {"S3Object": {"Bucket": "images", "Name": name, "Version": version}},
        **PARAMETERS,
    }
    record = records(name)
    assert record
    assert (record.status, record.size, record.model) == ("RECOGNIZED", len(photo(name)), "3.0")
    assert (record.bucket, record.version_id, record.source_url) == ("images", version, "https://host/a.jpg")
    assert [label.name for label in record.labels] == ["Person", "Face"]
    [published] = labels_topic.published()
    assert published.document["schema"] == "sightline.recognition/1"
    assert published.document["event"] == "image.recognized"
    assert published.document["image"] == name
    assert published.document["labels"][0]["instances"][0]["box"]["width"] == 0.25
    assert published.attributes == {"event": "image.recognized", "labels": '["Person", "Face"]'}


def test_the_test_event_of_s3_is_ignored(
    deliver: Callable[..., list[str]], s3: S3, rekognition: FakeRekognition
) -> None:
    assert deliver(json.dumps(captured("test-event")), s3.put("a.jpg")) == []
    assert len(rekognition.calls) == 1


def test_one_bad_message_keeps_only_itself_in_the_queue(
    deliver: Callable[..., list[str]], s3: S3, records: Callable[[str], ImageRecord | None]
) -> None:
    assert deliver(s3.put("a.jpg"), "no json", s3.put("b.jpg")) == ["1"]
    assert records("a.jpg")
    assert records("b.jpg")


def test_a_batch_in_which_everything_fails_is_no_failed_invocation(deliver: Callable[..., list[str]]) -> None:
    assert deliver("no json", "{}") == ["0", "1"]


def test_a_picture_that_can_never_be_recognised_is_a_result(
    deliver: Callable[..., list[str]],
    s3: S3,
    rekognition: FakeRekognition,
    records: Callable[[str], ImageRecord | None],
    labels_topic: Topic,
) -> None:
    rekognition.errors["bad.jpg"] = "InvalidImageFormatException"
    assert deliver(s3.put("good.jpg"), s3.put("bad.jpg")) == []
    record = records("bad.jpg")
    assert record
    assert record.failure
    assert (record.status, record.failure.code) == ("FAILED", "InvalidImageFormatException")
    [announced] = [published for published in labels_topic.published() if published.document["image"] == "bad.jpg"]
    assert announced.document["event"] == "image.failed"
    assert announced.document["failure"] == {"code": "InvalidImageFormatException", "message": "in its own words"}
    assert announced.attributes == {"event": "image.failed"}


def test_a_throttled_picture_stays_in_the_queue_and_is_recognised_later(
    deliver: Callable[..., list[str]],
    s3: S3,
    rekognition: FakeRekognition,
    records: Callable[[str], ImageRecord | None],
    labels_topic: Topic,
) -> None:
    rekognition.errors["a.jpg"] = "ThrottlingException"
    message = s3.put("a.jpg")
    assert deliver(message) == ["0"]
    assert records("a.jpg") is None
    assert labels_topic.published() == []
    rekognition.errors.clear()
    assert deliver(message) == []
    assert records("a.jpg")


def test_a_repeated_message_calls_nothing_and_announces_the_same_again(
    deliver: Callable[..., list[str]], s3: S3, rekognition: FakeRekognition, labels_topic: Topic
) -> None:
    message = s3.put("a.jpg")
    assert deliver(message, message) == []
    assert deliver(message) == []
    assert len(rekognition.calls) == 1
    assert len({published.text for published in labels_topic.published()}) == 1


def test_what_was_stored_but_not_announced_is_announced_at_the_next_try(
    deliver: Callable[..., list[str]],
    s3: S3,
    worker: RecordUpdater,
    rekognition: FakeRekognition,
    labels_topic: Topic,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    message = s3.put("a.jpg")
    with monkeypatch.context() as broken:
        lost = dataclasses.replace(worker, topic=dataclasses.replace(worker.topic, arn=f"{worker.topic.arn}-gone"))
        broken.setattr(recognize_images, "record_updater", lambda: lost)
        assert deliver(message) == ["0"]
    assert labels_topic.published() == []
    assert deliver(message) == []
    assert len(labels_topic.published()) == 1
    assert len(rekognition.calls) == 1


def test_events_out_of_order_end_as_the_object_is(
    deliver: Callable[..., list[str]],
    s3: S3,
    rekognition: FakeRekognition,
    records: Callable[[str], ImageRecord | None],
    labels_topic: Topic,
) -> None:
    older, newer = s3.put("a.jpg"), s3.put("a.jpg")
    assert deliver(newer) + deliver(older) == []
    current = boto3.client("s3").head_object(Bucket="images", Key="a.jpg")["VersionId"]
    record = records("a.jpg")
    assert record
    assert record.version_id == current
    assert len(rekognition.calls) == 1
    assert len(labels_topic.published()) == 1


def test_a_deleted_picture_stays_deleted_whatever_comes_late(
    deliver: Callable[..., list[str]],
    s3: S3,
    rekognition: FakeRekognition,
    records: Callable[[str], ImageRecord | None],
    labels_topic: Topic,
) -> None:
    created = s3.put("a.jpg")
    assert deliver(created) == []
    replaced, deleted = s3.put("a.jpg", body="replaced"), s3.delete("a.jpg")
    assert deliver(deleted) + deliver(replaced) + deliver(created) + deliver(deleted) == []
    record = records("a.jpg")
    assert record
    assert record.status == "DELETED"
    assert record.expires_at
    assert len(rekognition.calls) == 1
    events = [published.document["event"] for published in labels_topic.published()]
    assert events == ["image.recognized", "image.deleted", "image.deleted"]  # the last event came twice


def test_the_deletion_of_a_folder_does_no_harm(
    deliver: Callable[..., list[str]], s3: S3, table: str, records: Callable[[str], ImageRecord | None]
) -> None:
    """Its deletion looks like that of a picture."""
    assert deliver(s3.notification("object-deleted", "holiday/", "marker")) == []
    assert ImageRecords(boto3.client("dynamodb"), table).newest(limit=10, start=None).entries == []
    assert deliver(s3.put("holiday/")) == []
    record = records("holiday/")
    assert record
    assert record.status == "RECOGNIZED"


def test_a_picture_put_again_after_its_deletion_comes_back(
    deliver: Callable[..., list[str]], s3: S3, records: Callable[[str], ImageRecord | None]
) -> None:
    assert deliver(s3.put("a.jpg"), s3.delete("a.jpg"), s3.put("a.jpg")) == []
    record = records("a.jpg")
    assert record
    assert record.status == "RECOGNIZED"
    assert record.expires_at is None


def test_the_event_of_a_permanently_deleted_version_is_dropped(
    deliver: Callable[..., list[str]], s3: S3, records: Callable[[str], ImageRecord | None]
) -> None:
    message = s3.put("a.jpg")
    version = json.loads(message)["Records"][0]["s3"]["object"]["versionId"]
    boto3.client("s3").delete_object(Bucket="images", Key="a.jpg", VersionId=version)
    assert deliver(message) == []
    assert records("a.jpg") is None
