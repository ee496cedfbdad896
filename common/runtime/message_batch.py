"""Handles the messages of one invocation in parallel. Only failed messages return to the queue, with growing pauses."""

import random
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from common.runtime import metrics

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

logger = Logger()

FIRST_RETRY_SECONDS = 5
LAST_RETRY_SECONDS = 900


class RetryLaterError(Exception):
    """A message has to wait. Nothing is wrong with the message."""

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds


class MessageBatch(BatchProcessor):
    """Powertools' processor of SQS batches, with a thread for each message and backoff by visibility.

    A message stays in the queue if its handler raises an exception. The message is hidden for 5 s after the first
    receive. The time doubles with each receive, up to 15 min. A RetryLaterError gives its own time. The metric
    `MessagesFailed` gets a one for each exception except RetryLaterError, and a zero for each success. Other metrics do
    not show failed messages, because the invocation does not fail. A queue's age does not show them either, because SQS
    leaves out messages that were received three times
    (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html).
    """

    def __init__(self, sqs: "SQSClient", queue_url: Callable[[str], str]) -> None:
        # The invocation does not fail even if all messages fail, because each message is reported separately.
        super().__init__(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
        self.sqs = sqs
        self.queue_url = queue_url

    def handle(
        self, event: dict[str, Any], handler: Callable[[SQSRecord], None], context: LambdaContext
    ) -> PartialItemFailureResponse:
        """Handle the event's messages. Returns the ids of those that stay in the queue."""
        try:
            return process_partial_response(event=event, record_handler=handler, processor=self, context=context)
        finally:
            metrics.flush()

    def process(self) -> list[tuple[Any, ...]]:
        """Handle all messages in parallel, because they mostly wait for other services. Called by Powertools.

        Each message has its own context. A handler may add keys by `logger.thread_safe_append_keys`. These keys appear
        only in the log lines about this message, and not in later log lines of the same thread.
        """
        with ThreadPoolExecutor(max_workers=max(1, len(self.records))) as pool:
            return list(pool.map(lambda record: Context().run(self._process_record, record), self.records))

    def success_handler(self, record: SQSRecord, result: Any) -> Any:
        """Count a success. Called by Powertools in the thread of the message."""
        metrics.count("MessagesFailed", 0)
        return super().success_handler(record, result)

    def failure_handler(self, record: SQSRecord, exception: Any) -> Any:
        """Log and hide a message that failed. Called by Powertools in the thread of the message."""
        error: BaseException = exception[1]
        receives = int(record.attributes.approximate_receive_count)
        delay = backoff(receives)
        if isinstance(error, RetryLaterError):
            delay = error.seconds
            extra = {"message_id": record.message_id, "reason": str(error), "receives": receives}
            logger.info("message waits", extra=extra)
        else:
            metrics.count("MessagesFailed")
            logger.error(
                "message failed",
                extra={
                    "message_id": record.message_id,
                    "reason": f"{type(error).__name__}: {error}",
                    "receives": receives,
                    "tried_seconds": tried_seconds(record),
                    "retry_seconds": delay,
                    "stack": "".join(traceback.format_exception(error)),
                },
            )
        self.hide(record, delay)
        return super().failure_handler(record, exception)

    def hide(self, record: SQSRecord, seconds: int) -> None:
        """Hide a received message. If the call fails, the message returns after the queue's visibility timeout."""
        try:
            self.sqs.change_message_visibility(
                QueueUrl=self.queue_url(record.event_source_arn),
                ReceiptHandle=record.receipt_handle,
                VisibilityTimeout=seconds,
            )
        except (BotoCoreError, ClientError):
            logger.warning("visibility was not changed", extra={"message_id": record.message_id}, exc_info=True)


def tried_seconds(record: SQSRecord) -> int:
    """Return the seconds since the first receive. Metric filters compare them (common/infrastructure/monitoring.py)."""
    return round(time.time() - int(record.attributes.approximate_first_receive_timestamp) / 1000)


def backoff(receives: int) -> int:
    """Return the seconds to wait after a number of receives. Jitter separates messages that failed at the same time."""
    longest = min(LAST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** min(receives - 1, 10))
    return max(1, round(random.uniform(longest / 2, longest)))  # noqa: S311 - no secret
