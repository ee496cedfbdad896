"""Sends e-mails about results: one for each batch, so that SNS's ten a second are never exceeded."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from common.runtime.aws_clients import client
from common.runtime.environment import from_environment
from common.runtime.message_batch import MessageBatch
from common.runtime.recognition_event import EventError, RecognitionEvent
from integration.runtime.emails import email_text

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

logger = Logger()


@dataclass(frozen=True)
class Environment:
    """The function's variables."""

    email_topic_arn: str
    queue_url: str


@cache
def _environment() -> Environment:
    return from_environment(Environment)


@cache
def _sns() -> "SNSClient":
    sns: SNSClient = client("sns")
    return sns


@cache
def _sqs() -> "SQSClient":
    sqs: SQSClient = client("sqs")
    return sqs


class MailRefusedError(Exception):
    """SNS did not take the e-mail that a message was to be in."""


def _mail(bodies: Iterable[str]) -> None:
    """Send one e-mail about all that are events; each stands in it once.

    Raises:
        BotoCoreError, ClientError: SNS did not take it.
    """
    results: dict[str, RecognitionEvent] = {}
    for body in bodies:
        with suppress(EventError):
            result = RecognitionEvent.from_json(body)
            results[result.event_id] = result
    if results:
        mailed = list(results.values())
        _sns().publish(
            TopicArn=_environment().email_topic_arn, Subject=email_text.subject(mailed), Message=email_text.text(mailed)
        )


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Lambda's entry: one e-mail about all the messages. If SNS refuses it, all of them stay in the queue."""
    refusal: Exception | None = None
    try:
        _mail(record["body"] for record in event["Records"])
    except (BotoCoreError, ClientError) as error:
        refusal = error

    def handle(record: SQSRecord) -> None:
        result = RecognitionEvent.from_json(record.body)
        logger.thread_safe_append_keys(
            image=result.image, event_id=result.event_id, correlation_id=result.correlation_id
        )
        if refusal:
            raise MailRefusedError(str(refusal)) from refusal
        logger.info("mailed")

    return MessageBatch(_sqs(), _environment().queue_url).handle(event, handle, context)
