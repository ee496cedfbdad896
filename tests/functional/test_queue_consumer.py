from collections.abc import Sequence
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from common.runtime.queue_consumer import Message, queue_consumer, sqs
from tests.functional.conftest import Context, failed, sqs_event


def test_a_function_of_one_message_handles_a_batch_and_only_failed_messages_stay(
    queue_url: str, context: Context
) -> None:
    seen: list[tuple[str, int]] = []

    @queue_consumer(queue_url=lambda _: queue_url)
    def handler(message: Message) -> None:
        if message.body == "bad":
            raise ValueError(message.id)
        seen.append((message.body, message.receives))

    answer = handler(sqs_event("a", "bad", "b", receives=3), context)  # type: ignore[arg-type]
    assert failed(dict(answer)) == ["1"]
    assert sorted(seen) == [("a", 3), ("b", 3)]


def test_preparation_runs_once_for_each_batch(queue_url: str, context: Context) -> None:
    batches: list[list[str]] = []
    shared: list[int] = []

    def prepare(messages: Sequence[Message]) -> int:
        batches.append([message.body for message in messages])
        return len(batches)

    @queue_consumer(queue_url=lambda _: queue_url, prepare=prepare)
    def handler(message: Message, number: int) -> None:
        shared.append(number)

    for bodies in (("a", "b"), ("c",)):
        assert failed(dict(handler(sqs_event(*bodies), context))) == []  # type: ignore[arg-type]
    assert batches == [["a", "b"], ["c"]]
    assert shared == [1, 1, 2]


def test_a_failed_preparation_fails_the_invocation(queue_url: str, context: Context) -> None:
    def prepare(_: Sequence[Message]) -> None:
        raise RuntimeError("no secret")

    @queue_consumer(queue_url=lambda _: queue_url, prepare=prepare)
    def handler(message: Message, _: None) -> None:
        raise AssertionError

    with pytest.raises(RuntimeError, match="no secret"):
        handler(sqs_event("a"), context)  # type: ignore[arg-type]


def test_a_message_knows_the_time_that_is_left(queue_url: str, context: Context) -> None:
    left: list[float] = []

    @queue_consumer(queue_url=lambda _: queue_url)
    def handler(message: Message) -> None:
        left.append(message.seconds_left)

    handler(sqs_event("a"), context)  # type: ignore[arg-type]
    assert 25 < left[0] <= 30


@pytest.mark.parametrize(("seconds", "delay"), [(0, 0), (12.4, 12), (100_000, 900)])
def test_a_message_that_is_sent_again_is_a_new_one(queue_url: str, seconds: float, delay: int) -> None:
    message = Message(_record("text"), queue_url, 0)
    sent: list[dict[str, Any]] = []
    sqs().meta.events.register("provide-client-params.sqs.SendMessage", lambda params, **_: sent.append(params))
    message.send_again(seconds)
    assert sent == [{"QueueUrl": queue_url, "MessageBody": "text", "DelaySeconds": delay}]


def _record(body: str) -> SQSRecord:
    return SQSRecord(sqs_event(body)["Records"][0])
