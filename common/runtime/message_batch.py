"""Handles the messages of one invocation in parallel. Only failed messages return, each time after a longer pause."""

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
    """A message has to wait, although nothing is wrong with it."""

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds


class MessageBatch(BatchProcessor):
    """Powertools' processor of SQS batches, with a thread for each message and backoff by visibility.

    An exception keeps its message in the queue. The message is hidden for 5 s after the first receive, then twice as
    long after each receive, for at most 15 min, or as long as a RetryLaterError says. `MessagesFailed` counts a one for
    each other exception and a zero for each success. Other metrics do not show failed messages: the invocation does not
    fail, and SQS leaves messages that were received three times out of a queue's age
    (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html).
    """

    def __init__(self, sqs: "SQSClient", queue_url: Callable[[str], str]) -> None:
        # Even if all messages fail, the invocation does not: each message counts for itself.
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

        Each message has its own context. So the keys that a handler adds by `logger.thread_safe_append_keys` appear in
        the lines about its message, and in no other lines of the same thread.
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
        """Hide a message that was received. If that fails, the message returns after the queue's own time."""
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
    """Return the seconds to wait after so many receives. Jitter separates messages that failed together."""
    longest = min(LAST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** min(receives - 1, 10))
    return max(1, round(random.uniform(longest / 2, longest)))  # noqa: S311 - no secret
