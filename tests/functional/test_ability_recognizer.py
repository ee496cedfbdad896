"""The worker asks about abilities: each is paid for once, and an ability that fails does not hold back the others."""

import io
import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from PIL import Image

from cli.s3_notifications import CREATED, next_sequencer, notification
from common.runtime import caches
from recognition.runtime import recognize_images
from recognition.runtime.records.image_records import ImageRecord
from recognition.runtime.records.record_updater import RecordUpdater
from recognition.runtime.spending.monthly_usage import AbilityUsage
from tests.functional.conftest import Topic, received
from tests.functional.fake_rekognition import FakeRekognition, with_rekognition
from tests.functional.s3_bucket import S3

Records = Callable[[str], ImageRecord]
Deliver = Callable[..., list[str]]

MAKE_UPDATER = recognize_images.record_updater
RATE = {"calls_per_second": 1000}
GEOMETRY = {"BoundingBox": {"Left": 0.1, "Top": 0.2, "Width": 0.3, "Height": 0.4}, "Polygon": [{"X": 0.1, "Y": 0.2}]}
WORD = {"DetectedText": "a", "Type": "WORD", "Id": 1, "ParentId": 0, "Confidence": 99.0, "Geometry": GEOMETRY}
OPTIONS: dict[str, Any] = {
    "text": {"when": "always", **RATE},
    "moderation": {"when": ["user-uploads/"], "min_confidence": 60, **RATE},
    "faces": {"when": "asked", "attributes": [], **RATE},
}


@pytest.fixture
def abilities() -> dict[str, Any]:
    return OPTIONS


@pytest.fixture
def record(records: Callable[[str], ImageRecord | None]) -> Records:
    """Return the record of an image that has one."""

    def read(name: str) -> ImageRecord:
        found = records(name)
        assert found
        return found

    return read


def enable(rekognition: Any, monkeypatch: pytest.MonkeyPatch, **options: Any) -> None:
    """Deploy these abilities."""
    monkeypatch.setenv("ABILITIES", json.dumps(options))
    caches.clear_all()
    made = with_rekognition(MAKE_UPDATER(), rekognition)
    monkeypatch.setattr(recognize_images, "record_updater", lambda: made)


def asking(record: ImageRecord, *names: str) -> str:
    """Return a message that asks for abilities of a record."""
    sequencer = next_sequencer(record.sequencer)
    return notification("images", record.image, CREATED, datetime.now(UTC), sequencer=sequencer, abilities=names)


def test_a_picture_is_asked_about_the_abilities_that_its_name_and_its_upload_call_for(
    deliver: Deliver, s3: S3, rekognition: FakeRekognition, record: Records, labels_topic: Topic
) -> None:
    assert deliver(s3.put("a.jpg")) == []
    assert rekognition.asked == ["DetectLabels", "DetectText"]
    assert deliver(s3.put("user-uploads/b.jpg", abilities="faces,celebrities")) == []
    assert rekognition.asked[2:] == ["DetectLabels", "DetectText", "DetectModerationLabels", "DetectFaces"]
    results = record("user-uploads/b.jpg").abilities
    assert list(results) == ["text", "moderation", "faces"]
    assert {result.status for result in results.values()} == {"done"}
    assert (results["text"].model, results["moderation"].model, results["faces"].model) == ("3.0", "7.0", None)
    assert [finding["text"] for finding in results["text"].found] == ["INV-2026", "INV-2026"]
    without, published = labels_topic.published()
    names = ["Smoking", "Drugs & Tobacco Paraphernalia & Use"]
    assert [finding["name"] for finding in published.document["abilities"]["moderation"]["found"]] == names
    assert json.loads(published.attributes["moderation"]) == names  # each once, although one is the other's parent
    assert "moderation" not in without.attributes


def test_the_same_bytes_under_five_names_with_three_abilities_make_three_calls_besides_labels(
    deliver: Deliver, s3: S3, rekognition: FakeRekognition, record: Records, worker: RecordUpdater
) -> None:
    names = [f"user-uploads/{number}.jpg" for number in range(5)]
    for name in names:  # one by one, because moto's threads lose some counts
        assert deliver(s3.put(name, body="the same", abilities="faces")) == []
    assert Counter(rekognition.asked) == Counter(
        ["DetectLabels", "DetectText", "DetectModerationLabels", "DetectFaces"]
    )
    assert len({json.dumps(record(name).event().abilities["text"].found) for name in names}) == 1
    month = worker.recognizer.operation.usage.this_month()
    assert (month.calls, month.cache_hits) == (4, 16)
    assert month.abilities == dict.fromkeys(OPTIONS, AbilityUsage(1, 4, cost_usd=0.001, saved_usd=0.004))
    assert month.days[-1].abilities == month.abilities


def test_a_picture_is_converted_once_for_all_operations(deliver: Deliver, s3: S3, rekognition: FakeRekognition) -> None:
    file = io.BytesIO()
    Image.new("RGB", (100, 100), "red").save(file, "WEBP")
    assert deliver(s3.put_bytes("user-uploads/a.webp", file.getvalue(), abilities="faces")) == []
    assert len({id(image["Bytes"]) for image in rekognition.images}) == 1
    assert len(rekognition.asked) == 4


def test_while_one_ability_is_throttled_labels_and_the_other_abilities_are_requested_once(
    deliver: Deliver, s3: S3, rekognition: FakeRekognition, records: Any, labels_topic: Topic
) -> None:
    rekognition.refusals["DetectText"] = "ProvisionedThroughputExceededException"
    message = s3.put("user-uploads/a.jpg", abilities="faces")
    for _ in range(3):
        assert deliver(message) == ["0"]
    assert records("user-uploads/a.jpg") is None
    assert labels_topic.published() == []
    rekognition.refusals.clear()
    assert deliver(message) == []
    assert Counter(rekognition.asked) == {
        "DetectLabels": 1,
        "DetectText": 4,
        "DetectModerationLabels": 1,
        "DetectFaces": 1,
    }
    assert set(records("user-uploads/a.jpg").abilities) == set(OPTIONS)
    assert len(labels_topic.published()) == 1


def test_an_ability_whose_rate_is_low_lets_its_pictures_wait_and_not_become_dead_letters(
    deliver: Deliver, s3: S3, rekognition: FakeRekognition, monkeypatch: pytest.MonkeyPatch, queue_url: str
) -> None:
    enable(rekognition, monkeypatch, text=OPTIONS["text"] | {"calls_per_second": 0.01})
    messages = [s3.put(f"{number}.jpg") for number in range(3)]
    [first, second] = deliver(*messages)
    assert deliver(messages[int(first)], receives=18) == []  # it is sent again
    assert Counter(rekognition.asked) == {"DetectLabels": 3, "DetectText": 1}
    sent = boto3.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])["Attributes"]
    assert sent["ApproximateNumberOfMessagesDelayed"] == "1"
    assert first != second


def test_pictures_over_the_budget_wait_and_no_answer_is_paid_for_twice_when_it_is_raised(
    deliver: Deliver, s3: S3, rekognition: FakeRekognition, record: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = {"text": OPTIONS["text"]}
    monkeypatch.setenv("MONTHLY_BUDGET_USD", "0.003")
    enable(rekognition, monkeypatch, **text)
    messages = [s3.put(f"{number}.jpg") for number in range(2)]
    waiting = [each for message in messages for each in deliver(message)]
    assert (len(waiting), len(rekognition.asked)) == (1, 3)
    monkeypatch.setenv("MONTHLY_BUDGET_USD", "0.004")
    enable(rekognition, monkeypatch, **text)
    assert deliver(*messages) == []
    assert Counter(rekognition.asked) == {"DetectLabels": 2, "DetectText": 2}
    assert all(record(f"{number}.jpg").abilities for number in range(2))


def test_throttled_calls_are_not_counted(
    deliver: Deliver, s3: S3, rekognition: FakeRekognition, worker: RecordUpdater
) -> None:
    rekognition.refusals["DetectText"] = "ThrottlingException"
    assert deliver(s3.put("a.jpg")) == ["0"]
    month = worker.recognizer.operation.usage.this_month()
    assert (month.calls, month.abilities["text"]) == (1, AbilityUsage(0, 0, 0, 0))


def test_an_ability_that_is_refused_for_good_holds_nothing_back_and_is_not_asked_again(
    deliver: Deliver, s3: S3, rekognition: FakeRekognition, record: Records
) -> None:
    rekognition.refusals["DetectText"] = "InvalidParameterException"
    assert deliver(s3.put("a.jpg", body="the same"), s3.put("b.jpg", body="the same")) == []
    for name in ("a.jpg", "b.jpg"):
        assert record(name).status == "RECOGNIZED"
        result = record(name).abilities["text"]
        assert (result.status, result.found) == ("failed", ())
        assert result.failure
        assert (result.failure.code, result.failure.message) == ("InvalidParameterException", "in its own words")
    assert rekognition.asked == ["DetectLabels", "DetectText"]


def test_a_refusal_that_may_not_be_the_pictures_fault_is_a_result_and_the_next_request_asks_again(
    deliver: Deliver, s3: S3, rekognition: FakeRekognition, worker: RecordUpdater, record: Records
) -> None:
    rekognition.refusals["DetectFaces"] = "InvalidParameterException"
    assert deliver(s3.put("a.jpg", abilities="faces")) == []
    assert record("a.jpg").abilities["faces"].status == "failed"
    message = asking(record("a.jpg"), "faces")
    for _ in range(2):  # the message is repeated: its own refusal is its answer
        assert deliver(message) == []
        assert rekognition.asked.count("DetectFaces") == 2
    assert worker.recognizer.operation.usage.this_month().calls == 2  # of DetectLabels and DetectText
    rekognition.refusals.clear()
    assert deliver(asking(record("a.jpg"), "faces")) == []
    assert record("a.jpg").abilities["faces"].status == "done"


def test_a_picture_that_can_never_be_recognised_is_asked_about_nothing_else(
    deliver: Deliver, s3: S3, rekognition: FakeRekognition, record: Records
) -> None:
    rekognition.errors["a.jpg"] = "InvalidImageFormatException"
    assert deliver(s3.put("a.jpg")) == []
    assert deliver(asking(record("a.jpg"), "text")) == []
    assert rekognition.asked == ["DetectLabels"]
    assert record("a.jpg").abilities == {}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({}, "KeyError"),
        ({"TextDetections": [{}]}, "KeyError"),
        ({"TextDetections": None}, "TypeError"),
        ({"TextDetections": [WORD | {"Geometry": {"BoundingBox": {}, "Polygon": []}}]}, "KeyError"),
        ({"TextDetections": [WORD | {"Confidence": float("nan")}]}, "ValueError"),
    ],
)
def test_an_answer_that_cannot_be_read_becomes_a_failure_of_the_ability_alone(
    deliver: Deliver,
    s3: S3,
    rekognition: FakeRekognition,
    record: Records,
    monkeypatch: pytest.MonkeyPatch,
    answer: Any,
    reason: str,
) -> None:
    def detect_text(**_: Any) -> Any:
        rekognition.asked.append("DetectText")
        return answer

    monkeypatch.setattr(rekognition, "detect_text", detect_text)
    message = s3.put("a.jpg")
    assert [deliver(message, receives=receives) for receives in (1, 2, 3)] == [["0"], ["0"], []]
    result = record("a.jpg").abilities["text"]
    assert result.failure
    assert result.failure.message == f"the picture failed 3 times; the last error was {reason}"
    assert (rekognition.asked, record("a.jpg").status) == (["DetectLabels", "DetectText"], "RECOGNIZED")


def test_an_answer_with_odd_texts_is_stored_and_announced(
    deliver: Deliver,
    s3: S3,
    rekognition: FakeRekognition,
    record: Records,
    labels_topic: Topic,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = ["half \ud83d", "\0]]>\x1f", "\u202eRTL", "", "x" * 100_000]
    odd = [WORD | {"DetectedText": text, "Geometry": GEOMETRY | {"Polygon": []}} for text in texts]
    monkeypatch.setattr(rekognition, "detect_text", lambda **_: {"TextDetections": odd})
    assert deliver(s3.put("a.jpg")) == []
    stored = [each["text"] for each in record("a.jpg").abilities["text"].found]
    assert stored == ["half ?", *texts[1:]]
    [published] = labels_topic.published()
    assert [each["text"] for each in published.document["abilities"]["text"]["found"]] == stored


def test_an_ability_that_is_removed_and_enabled_again_costs_nothing(
    deliver: Deliver, s3: S3, rekognition: FakeRekognition, record: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert deliver(s3.put("a.jpg", body="the same")) == []
    enable(rekognition, monkeypatch)
    assert deliver(s3.put("b.jpg", body="the same"), asking(record("a.jpg"), "text")) == []
    assert (set(record("a.jpg").abilities), record("b.jpg").abilities) == ({"text"}, {})
    enable(rekognition, monkeypatch, text=OPTIONS["text"])
    assert deliver(asking(record("b.jpg"), "text")) == []
    assert record("b.jpg").abilities["text"].found == record("a.jpg").abilities["text"].found
    assert rekognition.asked == ["DetectLabels", "DetectText"]


def test_another_threshold_costs_nothing_and_other_parameters_cost_a_call(
    deliver: Deliver,
    s3: S3,
    rekognition: FakeRekognition,
    record: Records,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number, (least, attributes) in enumerate([(60, []), (90, []), (90, ["SMILE"])]):
        options = {
            "moderation": OPTIONS["moderation"] | {"min_confidence": least},
            "faces": OPTIONS["faces"] | {"attributes": attributes},
        }
        enable(rekognition, monkeypatch, **options)
        name = f"user-uploads/{number}.jpg"
        assert deliver(s3.put(name, body="the same", abilities="faces")) == []
        assert len(record(name).abilities["moderation"].found) == (2 if least == 60 else 0)
    assert Counter(rekognition.asked) == {"DetectLabels": 1, "DetectModerationLabels": 1, "DetectFaces": 2}


def test_a_change_that_asks_for_an_ability_adds_only_this_and_announces_once(
    deliver: Deliver,
    s3: S3,
    rekognition: FakeRekognition,
    record: Records,
    labels_topic: Topic,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    enable(rekognition, monkeypatch)
    uploaded = s3.put("a.jpg")
    assert deliver(uploaded) == []
    before = record("a.jpg")
    enable(rekognition, monkeypatch, text=OPTIONS["text"])
    assert deliver(uploaded) == []  # a repeated upload asks for nothing
    assert before == record("a.jpg")
    labels_topic.published()
    message = asking(before, "text", "faces")
    assert deliver(message) == []
    assert rekognition.asked == ["DetectLabels", "DetectText"]
    after = record("a.jpg")
    assert set(after.abilities) == {"text"}
    assert (after.labels, after.uploaded_at, after.source_url) == (before.labels, before.uploaded_at, before.source_url)
    [published] = labels_topic.published()
    assert published.document["event_id"] not in {before.event().event_id}
    assert deliver(message) == []
    assert len(rekognition.asked) == 2
    assert labels_topic.published()[0].text == published.text


def test_a_removal_that_needs_an_ability_passes_the_message_on(
    deliver: Deliver, s3: S3, rekognition: FakeRekognition, record: Records, queue_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    enable(rekognition, monkeypatch)
    older, newer = s3.put("a.jpg", body="older"), s3.put("a.jpg", body="newer")
    assert deliver(older, newer) == []
    assert deliver(s3.put("b.jpg", body="older")) == []
    enable(rekognition, monkeypatch, text=OPTIONS["text"])
    [removed] = s3.delete_versions(s3.versions[1])
    assert deliver(removed, queue="removals") == []
    assert received(queue_url) == [removed]
    assert "DetectText" not in rekognition.asked
    assert deliver(removed) == []
    assert set(record("a.jpg").abilities) == {"text"}
