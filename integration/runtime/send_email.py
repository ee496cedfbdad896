"""Sends e-mails about results: one for each batch, so that SNS's ten a second are never exceeded."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.typing import LambdaContext

import emails
from aws_clients import client
from environment import from_environment
from metrics import count, flush
from recognition_event import EventError, RecognitionEvent

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

logger = Logger()


@dataclass(frozen=True)
class Environment:
    """The function's variables."""

    email_topic_arn: str


@cache
def _environment() -> Environment:
    return from_environment(Environment)


@cache
def _sns() -> "SNSClient":
    sns: SNSClient = client("sns")
    return sns


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:  # noqa: ARG001
    """Lambda's entry: one e-mail about all the messages. If SNS refuses it, all of them stay in the queue."""
    results: dict[str, RecognitionEvent] = {}
    failures: list[Any] = []
    for record in event["Records"]:
        try:
            result = RecognitionEvent.from_json(record["body"])
            results[result.event_id] = result
            count("MessagesFailed", 0)
        except EventError as error:
            count("MessagesFailed")
            logger.warning("message failed", extra={"message_id": record["messageId"], "reason": str(error)})
            failures.append({"itemIdentifier": record["messageId"]})
    flush()
    if results:
        mailed = list(results.values())
        _sns().publish(
            TopicArn=_environment().email_topic_arn, Subject=emails.subject(mailed), Message=emails.text(mailed)
        )
        for result in mailed:
            known = {"image": result.image, "event_id": result.event_id, "correlation_id": result.correlation_id}
            logger.info("mailed", extra=known)
    return {"batchItemFailures": failures}
