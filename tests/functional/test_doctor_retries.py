"""The doctor reports messages that were received often. It reads log lines that a real handler wrote, from moto's
CloudWatch Logs."""

import io
from typing import Any
from uuid import uuid4

import boto3
import pytest

from cli.doctor.deployment import Deployment
from cli.doctor.finding import Finding, State
from cli.doctor.retries import check_retries
from common.runtime.message_batch import MessageBatch, RetryLaterError, logger
from tests.functional.conftest import Context, sqs_event
from tests.functional.queue_system import (  # noqa: F401 - fixtures
    FakeTarget,
    Pair,
    log,
    target_fixture,
    uploads_fixture,
)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """The lines that a handler logs."""
    stream = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", stream)
    return stream


def fail(queue: str, context: Context, error: Exception, *, messages: int, receives: int) -> None:
    """Let a handler fail for this number of messages."""

    def handle(record: Any) -> None:
        logger.thread_safe_append_keys(image="a.jpg")
        raise error

    event = sqs_event(*["{}"] * messages, receives=receives)
    for record in event["Records"]:
        record["messageId"] = str(uuid4())
    MessageBatch(boto3.client("sqs"), lambda _: queue).handle(event, handle, context)  # type: ignore[arg-type]


def findings(target: FakeTarget, written: io.StringIO) -> list[Finding]:
    for line in written.getvalue().splitlines():
        log(line)
    return list(check_retries(Deployment(target)))


def test_messages_received_more_than_five_times_are_reported_by_their_reasons(
    target: FakeTarget, uploads: Pair, written: io.StringIO, context: Context
) -> None:
    queue = uploads.url(dead=False)
    for _ in range(3):
        boto3.client("sqs").send_message(QueueUrl=queue, MessageBody="{}")
    fail(queue, context, ValueError("no JSON"), messages=2, receives=6)
    fail(queue, context, RetryLaterError("the picture kept changing", 5), messages=1, receives=9)
    fail(queue, context, ValueError("a first attempt"), messages=4, receives=5)
    first, second = findings(target, written)
    assert first.state is second.state is State.PROBLEM
    counted = "2 messages received more than 5 times, such as a.jpg: ValueError: no JSON"
    assert first.text == f"UploadedImage: {counted}"
    assert "1 message received more than 5 times, such as a.jpg: the picture kept changing" in second.text
    assert "`sightline logs --function Worker --minutes 30`" in first.fix


def test_messages_that_have_left_their_queue_are_no_problem(
    target: FakeTarget, uploads: Pair, written: io.StringIO, context: Context
) -> None:
    fail(uploads.url(dead=False), context, ValueError("no JSON"), messages=1, receives=6)
    [finding] = findings(target, written)
    assert finding.state is State.GOOD
