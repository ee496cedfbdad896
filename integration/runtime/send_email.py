"""Sends e-mails about results. Each batch gets one e-mail, so that SNS's limit of ten a second is never exceeded."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from common.runtime.aws_clients import client
from common.runtime.caches import cached
from common.runtime.environment import from_environment
from common.runtime.queue_consumer import Message, queue_consumer
from common.runtime.recognition_event import EventError, RecognitionEvent
from integration.runtime.emails import email_text

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

logger = Logger()


@dataclass(frozen=True)
class Environment:
    """The function's variables."""

    email_topic_arn: str
    queue_url: str


@cached
def _environment() -> Environment:
    return from_environment(Environment)


@cached
def _sns() -> "SNSClient":
    sns: SNSClient = client("sns")
    return sns


class MailRefusedError(Exception):
    """SNS refused the e-mail about a batch of messages."""


def _send_mail(messages: Sequence[Message]) -> Exception | None:
    """Send one e-mail about all messages that are events.

    Each event appears once. Returns the error if SNS refuses it.
    """
    results: dict[str, RecognitionEvent] = {}
    for message in messages:
        with suppress(EventError):
            result = RecognitionEvent.from_json(message.body)
            results[result.event_id] = result
    if not results:
        return None
    mailed = list(results.values())
    try:
        _sns().publish(
            TopicArn=_environment().email_topic_arn, Subject=email_text.subject(mailed), Message=email_text.text(mailed)
        )
    except (BotoCoreError, ClientError) as error:
        return error
    return None


@queue_consumer(queue_url=lambda _: _environment().queue_url, prepare=_send_mail)
def handler(message: Message, refusal: Exception | None) -> None:
    """Finish a message that the batch's e-mail mentions. If SNS refused the e-mail, all messages stay in the queue."""
    result = RecognitionEvent.from_json(message.body)
    logger.thread_safe_append_keys(image=result.image, event_id=result.event_id, correlation_id=result.correlation_id)
    if refusal:
        raise MailRefusedError(str(refusal)) from refusal
    logger.info("mailed")
