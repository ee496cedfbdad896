import dataclasses
import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from common.runtime import caches
from integration.runtime import send_email
from tests.counted import COUNTED
from tests.functional.conftest import Context, emitted, failed, kinds, sqs_event
from tests.unit.test_emails import EVENT

Mails = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def mails(aws: None, queue_url: str, monkeypatch: pytest.MonkeyPatch) -> Mails:
    """Return the mails since the previous call, as a subscriber gets them."""
    sns, sqs = boto3.client("sns"), boto3.client("sqs")
    topic = sns.create_topic(Name="mail")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:123456789012:queue")
    monkeypatch.setenv("EMAIL_TOPIC_ARN", topic)
    monkeypatch.setenv("QUEUE_URL", queue_url)

    def mailed() -> list[dict[str, Any]]:
        messages = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"]) for message in messages]

    return mailed


def test_a_batch_is_one_mail_that_lists_repeats_once(mails: Mails, context: Context) -> None:
    other = dataclasses.replace(EVENT, event_id="other", image="b.jpg")
    event = sqs_event(EVENT.to_json(), other.to_json(), EVENT.to_json())
    assert failed(dict(send_email.handler(event, context))) == []  # type: ignore[arg-type]
    [mail] = mails()
    assert mail["Subject"] == "Sightline: 2 images"
    assert mail["Message"].count("Image: ") == 2


def test_a_message_that_is_no_event_stays_alone(
    mails: Mails, context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    assert failed(dict(send_email.handler(sqs_event("{}", EVENT.to_json()), context))) == ["0"]  # type: ignore[arg-type]
    assert len(mails()) == 1
    counted = emitted(capsys)
    assert sorted(counted["MessagesFailed",]) == [0, 1]
    assert kinds(counted) == COUNTED["send_email"]
    assert failed(dict(send_email.handler(sqs_event("{}"), context))) == ["0"]  # type: ignore[arg-type]
    assert mails() == []


def test_a_mail_that_sns_refuses_keeps_the_whole_batch_and_it_returns_later_each_time(
    mails: Mails, context: Context, monkeypatch: pytest.MonkeyPatch, hidden: list[int]
) -> None:
    monkeypatch.setenv("EMAIL_TOPIC_ARN", "arn:aws:sns:us-east-1:123456789012:gone")
    caches.clear_all()
    event = sqs_event(EVENT.to_json(), EVENT.to_json(), receives=3)
    assert failed(dict(send_email.handler(event, context))) == ["0", "1"]  # type: ignore[arg-type]
    assert all(10 <= seconds <= 20 for seconds in hidden)
    assert len(hidden) == 2
