"""Integration accepts recognition's real output, for every kind of event."""

import dataclasses
import json

import boto3
import pytest

from common.runtime.recognition_event import Failure, RecognitionEvent
from integration.runtime.webhooks.recognition_xml import to_xml
from recognition.runtime.detection.detect_labels import from_answer
from recognition.runtime.records.image_records import ImageRecord
from recognition.runtime.records.labels_topic import LabelsTopic
from tests.conftest import captured
from tests.functional.conftest import Topic
from tests.partner_documents import read

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
    document = read(to_xml(received))
    assert document["image"] == record.image
    assert document["event"] == received.event
