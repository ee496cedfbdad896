"""A third party that fails, in its ways, gets everything all the same, and is not hammered meanwhile."""

import json
import os
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from standardwebhooks import Webhook

from local.cloud import Cloud
from recognition_event import Label, RecognitionEvent
from tests import partner_documents
from tests.e2e.conftest import System, wait_for

OUTAGE_SECONDS = float(os.environ.get("OUTAGE_SECONDS", "8"))
"""`make test-delivery` takes a minute."""

LONG = 120 + 8 * OUTAGE_SECONDS
Behave = Callable[..., None]


@pytest.fixture
def behave(system: System) -> Iterator[Behave]:
    """Tell the partner how to answer."""

    def told(**behaviour: Any) -> None:
        requests.post(f"{system.endpoints.partner}behaviour", json=behaviour, timeout=10).raise_for_status()

    wait_for(system.is_idle)
    yield told
    told()


def event(image: str, *labels: str) -> RecognitionEvent:
    return RecognitionEvent(
        event="image.recognized",
        event_id=str(uuid.uuid4()),
        image=image,
        image_id=str(uuid.uuid4()),
        bucket="images",
        version_id="v1",
        source_url=None,
        occurred_at=f"2026-11-20T09:30:00.{uuid.uuid4().int % 1000:03}Z",
        model="3.0",
        labels=tuple(Label(name=label, confidence=98.13) for label in labels),
    )


def publish(system: System, events: list[RecognitionEvent]) -> None:
    """As recognition does it."""
    sns = system.client("sns")
    [topic] = [t["TopicArn"] for t in sns.list_topics()["Topics"] if "LabelsTopic" in t["TopicArn"]]
    for start in range(0, len(events), 10):
        entries = [
            {
                "Id": str(number),
                "Message": one.to_json(),
                "MessageAttributes": {
                    "event": {"DataType": "String", "StringValue": one.event},
                    "labels": {
                        "DataType": "String.Array",
                        "StringValue": json.dumps([label.name for label in one.labels]),
                    },
                },
            }
            for number, one in enumerate(events[start : start + 10])
        ]
        assert not sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries).get("Failed")


def calls(system: System, status: int) -> int:
    """How many documents the partner has answered so."""
    counted = requests.get(f"{system.endpoints.partner}calls", timeout=10).json()
    return int(counted.get(str(status), 0))


def verify(cloud: Cloud, delivery: dict[str, Any]) -> None:
    """By the reference library, with the secrets that the partner was given."""
    for secret in cloud.signing_secrets.read_text().split():
        Webhook(secret).verify(delivery["body"], delivery["headers"], json_parse=False)


@pytest.mark.timeout(900)
def test_1000_results_survive_an_outage_throttling_and_errors(system: System, cloud: Cloud, behave: Behave) -> None:
    results = [event(f"outage/{number:04}.jpg", "Dog") for number in range(1000)]
    wanted, began = {result.event_id for result in results}, time.monotonic()

    def taken() -> list[dict[str, Any]]:
        return [delivery for delivery in system.deliveries() if delivery["headers"]["webhook-id"] in wanted]

    def arrived() -> set[str]:
        return {delivery["headers"]["webhook-id"] for delivery in taken()}

    before = calls(system, 503)
    behave(status=503)
    publish(system, results)
    wait_for(lambda: calls(system, 503) > before)
    up_at = time.monotonic() + OUTAGE_SECONDS
    wait_for(lambda: time.monotonic() > up_at, OUTAGE_SECONDS + 5)
    refused = calls(system, 503) - before
    assert 5 <= refused <= 20

    before = calls(system, 429)
    behave(status=429, retry_after="2")
    wait_for(lambda: calls(system, 429) >= before + 2, LONG)
    throttled = calls(system, 429) - before

    before = calls(system, 500)
    behave(status=500, every=3)
    wait_for(lambda: len(arrived()) >= 900, LONG)
    failed = calls(system, 500) - before
    assert failed >= 300
    most = time.monotonic() - began
    behave()
    wait_for(lambda: arrived() == wanted, LONG)
    wait_for(system.is_idle, LONG)
    figures = f"{refused} calls in an outage of {OUTAGE_SECONDS} s, {throttled} were throttled, {failed} failed"
    figures += f"; 900 arrived after {most:.0f} s, all after {time.monotonic() - began:.0f} s"
    warnings.warn(figures, stacklevel=1)  # pytest shows it

    assert system.depth("LabelsDeadLetters") == 0
    for delivery in taken():
        assert partner_documents.read(delivery["body"])["event_id"] == delivery["headers"]["webhook-id"]
        assert delivery["signature"] == "valid"
    for delivery in taken()[:20]:
        verify(cloud, delivery)
