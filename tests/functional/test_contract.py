"""Integration accepts recognition's real output, for every kind of event."""

import dataclasses
import json

import boto3
import pytest

from common.runtime.abilities import ABILITIES
from common.runtime.recognition_event import AbilityResult, Failure, RecognitionEvent
from integration.runtime.webhooks.recognition_xml import to_xml, to_xml_2
from recognition.runtime.detection.detect_labels import from_answer
from recognition.runtime.records.image_records import ImageRecord, from_item, to_item
from recognition.runtime.records.labels_topic import LabelsTopic
from tests.conftest import captured
from tests.functional.conftest import Topic
from tests.partner_documents import read, read_2

RECORD = ImageRecord(
    image="red flower+100% ü.jpg",
    image_id="edc67796-1be9-5d95-9291-4e780fc65789",
    status="RECOGNIZED",
    bucket="images",
    version_id="v1",
    sequencer="01",
    uploaded_at="2026-11-20T09:30:00.123Z",
    recognized_at="2026-11-20T09:30:01.456Z",
    fingerprint="f",
    model="3.0",
    correlation_id="c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
    labels=from_answer(captured("detect-labels")).labels,
)
FAILED = dataclasses.replace(
    RECORD, status="FAILED", labels=(), model=None, failure=Failure(code="ImageTooLargeException", message="too large")
)
DELETED = dataclasses.replace(RECORD, status="DELETED", labels=(), model=None)

TEXTS = ABILITIES["text"].read(
    {
        "TextDetections": [
            {
                "DetectedText": "red\x1fflower",
                "Type": "LINE",
                "Id": 0,
                "Confidence": 99.0,
                "Geometry": {
                    "BoundingBox": {"Left": 0.1, "Top": 0.2, "Width": 0.3, "Height": 0.4},
                    "Polygon": [{"X": 0.1, "Y": 0.2}, {"X": 0.4, "Y": 0.6}],
                },
            }
        ]
    },
    {},
)
READ = dataclasses.replace(
    RECORD, abilities={"text": AbilityResult(status="done", at=RECORD.recognized_at, model="3.0", found=tuple(TEXTS))}
)

MEMBERS = {
    "schema", "event", "event_id", "image", "image_id", "bucket", "version_id", "source_url", "occurred_at", "model",
    "labels", "failure", "truncated", "uploaded_at", "correlation_id",
}  # fmt: skip


@pytest.mark.parametrize("record", [RECORD, FAILED, DELETED], ids=lambda record: record.status)
def test_what_one_stack_publishes_the_next_delivers(record: ImageRecord, labels_topic: Topic, aws: None) -> None:
    LabelsTopic(boto3.client("sns"), labels_topic.arn).announce(record.event())
    [message] = labels_topic.published()

    assert set(json.loads(message.text)) == MEMBERS
    received = RecognitionEvent.from_json(message.text)
    assert received == record.event()
    for document in (read(to_xml(received)), read_2(to_xml_2(received))):
        assert document["image"] == record.image
        assert document["event"] == received.event


def test_the_results_of_abilities_reach_schema_2_and_change_nothing_in_schema_1(labels_topic: Topic, aws: None) -> None:
    stored = from_item(to_item(READ))
    LabelsTopic(boto3.client("sns"), labels_topic.arn).announce(stored.event())
    [message] = labels_topic.published()

    assert set(json.loads(message.text)) == {*MEMBERS, "abilities"}
    received = RecognitionEvent.from_json(message.text)
    assert received == READ.event()
    assert to_xml(received) == to_xml(RECORD.event())
    (ability,) = read_2(to_xml_2(received))["abilities"]["ability"]
    assert (ability["name"], ability["found"]["text_detection"][0]["text"]) == ("text", ["red\ufffdflower"])
