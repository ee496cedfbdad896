"""`sightline reproject --ability` asks only for what records lack, and goes on where it was interrupted."""

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import boto3
import pytest

from cli.ability_backlog import AbilityBacklog, BacklogSize
from cli.commands.reproject import RebuildResources, send_backlog
from cli.s3_notifications import CREATED, next_sequencer, notification
from recognition.runtime import recognize_images
from recognition.runtime.records.image_records import ImageRecord
from recognition.runtime.records.record_updater import RecordUpdater
from tests.functional.conftest import Topic, received
from tests.functional.fake_rekognition import FakeRekognition
from tests.functional.s3_bucket import S3

Deliver = Callable[..., list[str]]
RATE = {"calls_per_second": 1000}


@pytest.fixture
def abilities() -> dict[str, Any]:
    return {
        "text": {"when": ["scans/"], **RATE},
        "faces": {"when": "always", "attributes": [], **RATE},
    }


@pytest.fixture
def uploaded(deliver: Deliver, s3: S3, worker: RecordUpdater, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Pictures that were recognised before abilities were enabled."""
    without = type(worker.abilities)({})
    names = ["a.jpg", "scans/b.jpg", "c.jpg", "folder/"]
    with monkeypatch.context() as before:
        bare = worker.__class__(worker.pictures, worker.recognizer, without, worker.records, worker.topic)
        before.setattr(recognize_images, "record_updater", lambda: bare)
        asked = {"c.jpg": {"abilities": "text"}}
        assert deliver(*[s3.put(name, **asked.get(name, {})) for name in names], s3.put("bad.jpg")) == []
    return names


@pytest.fixture
def backlog(worker: RecordUpdater, s3: S3, tables: dict[str, str]) -> AbilityBacklog:
    enabled = {name: each.enabled for name, each in worker.abilities.operations.items()}
    return AbilityBacklog(boto3.client("s3"), boto3.client("dynamodb"), s3.bucket, tables["classifications"], enabled)


@pytest.fixture
def places(tables: dict[str, str], s3: S3, queue_url: str) -> RebuildResources:
    return RebuildResources(tables["classifications"], "", "", "", s3.bucket, queue_url)


@pytest.fixture
def rekognition() -> FakeRekognition:
    return FakeRekognition(errors={"bad.jpg": "InvalidImageFormatException"})


def lacking(backlog: AbilityBacklog) -> dict[str, set[str]]:
    return {image.image: set(image.lacking) for image in backlog.images(lambda _: None)}


@pytest.mark.usefixtures("uploaded")
def test_pictures_that_the_setting_or_their_upload_calls_for_are_found(backlog: AbilityBacklog) -> None:
    assert lacking(backlog) == {
        "a.jpg": {"faces"},
        "scans/b.jpg": {"text", "faces"},
        "c.jpg": {"text", "faces"},
        "folder/": {"faces"},
    }
    size = BacklogSize.of(backlog.images(lambda _: None))
    assert (size.pictures, dict(size.calls)) == (4, {"text": 2, "faces": 4})
    assert size.dollars(0) == Decimal("0.006")
    assert size.dollars(1_000_000) == Decimal("0.0048")
    assert size.hours({"text": 0.001, "faces": 100}) == pytest.approx(2 / 0.001 / 3600)


def test_what_is_done_is_not_sent_again_and_labels_are_not_asked_again(
    backlog: AbilityBacklog,
    places: RebuildResources,
    uploaded: list[str],
    deliver: Deliver,
    rekognition: FakeRekognition,
    records: Callable[[str], ImageRecord | None],
    queue_url: str,
) -> None:
    before = len(rekognition.asked)
    assert send_backlog(boto3.client("sqs"), places, backlog) == 4
    messages = received(queue_url)
    assert deliver(*messages[:2]) == []  # then the command is interrupted, and the rest of the messages is lost
    assert len(lacking(backlog)) == 2
    assert send_backlog(boto3.client("sqs"), places, backlog) == 2
    assert deliver(*received(queue_url)) == []
    assert lacking(backlog) == {}
    assert send_backlog(boto3.client("sqs"), places, backlog) == 0
    assert sorted(rekognition.asked[before:]) == ["DetectFaces"] * 4 + ["DetectText"] * 2
    assert deliver(*messages) == []  # late repetitions cost nothing
    assert len(rekognition.asked) == before + 6
    for name in uploaded:
        record = records(name)
        assert record
        assert "faces" in record.abilities


@pytest.mark.usefixtures("uploaded")
def test_a_refusal_that_may_not_be_the_pictures_fault_is_asked_about_again(
    backlog: AbilityBacklog,
    places: RebuildResources,
    deliver: Deliver,
    rekognition: FakeRekognition,
    queue_url: str,
) -> None:
    rekognition.refusals["DetectFaces"] = "InvalidParameterException"
    for _ in range(2):
        assert send_backlog(boto3.client("sqs"), places, backlog) == 4
        assert deliver(*received(queue_url)) == []
    rekognition.refusals.clear()
    assert send_backlog(boto3.client("sqs"), places, backlog) == 4
    assert deliver(*received(queue_url)) == []
    assert lacking(backlog) == {}


@pytest.mark.usefixtures("uploaded")
def test_results_are_read_again_from_stored_answers_with_changed_options(
    backlog: AbilityBacklog,
    places: RebuildResources,
    deliver: Deliver,
    rekognition: FakeRekognition,
    labels_topic: Topic,
    records: Callable[[str], ImageRecord | None],
    queue_url: str,
) -> None:
    assert send_backlog(boto3.client("sqs"), places, backlog) == 4
    assert deliver(*received(queue_url)) == []
    asked = len(rekognition.asked)
    labels_topic.published()
    assert send_backlog(boto3.client("sqs"), places, dataclasses.replace(backlog, again=True)) == 4
    before = records("a.jpg")
    messages = received(queue_url)
    for _ in range(2):  # a repeated message finds its own results
        assert deliver(*messages) == []
        after = records("a.jpg")
        assert before
        assert after
        assert after.sequencer == next_sequencer(before.sequencer)
    assert len({each.document["event_id"] for each in labels_topic.published()}) == 4
    assert len(rekognition.asked) == asked


def test_an_upload_that_paid_for_new_labels_does_not_pay_twice_for_an_ability(
    deliver: Deliver, s3: S3, rekognition: FakeRekognition, worker: RecordUpdater, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second name was uploaded with `refresh` before the ability was enabled. The first has its answer."""
    with monkeypatch.context() as before:
        bare = dataclasses.replace(worker, abilities=type(worker.abilities)({}))
        before.setattr(recognize_images, "record_updater", lambda: bare)
        second = s3.put("b.jpg", body="the same", refresh="r")
        assert deliver(second) == []
    assert deliver(s3.put("a.jpg", body="the same")) == []
    record = worker.records.get("b.jpg")
    assert record
    sequencer = next_sequencer(record.sequencer)
    message = notification("images", "b.jpg", CREATED, datetime.now(UTC), sequencer=sequencer, abilities=["faces"])
    assert deliver(message) == []
    assert rekognition.asked == ["DetectLabels", "DetectFaces"]
