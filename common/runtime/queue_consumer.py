"""Makes Lambda handlers for batches of SQS messages from functions that handle one message."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, overload

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from common.runtime.aws_clients import client
from common.runtime.caches import cached
from common.runtime.message_batch import MessageBatch

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

logger = Logger()

MAX_DELAY_SECONDS = 900  # SQS's limit

Shared = TypeVar("Shared")
QueueUrl = Callable[[str], str]
"""A function from a queue's ARN to the queue's URL. Most Lambda functions read one queue, so they ignore the ARN."""
LambdaHandler = Callable[[dict[str, Any], LambdaContext], PartialItemFailureResponse]


@dataclass(frozen=True)
class Message:
    """One message, and the time at which its invocation ends."""

    record: SQSRecord
    queue_url: str
    ends_at: float
    """The time by `time.monotonic` at which Lambda ends the invocation."""

    @property
    def id(self) -> str:
        """The id that SQS gave the message."""
        return self.record.message_id

    @property
    def body(self) -> str:
        """The text of the message."""
        return self.record.body

    @property
    def receives(self) -> int:
        """Number of times that SQS has delivered the message, including this one."""
        return int(self.record.attributes.approximate_receive_count)

    @property
    def age_seconds(self) -> float:
        """Seconds since the message was sent."""
        return time.time() - int(self.record.attributes.sent_timestamp) / 1000

    @property
    def seconds_left(self) -> float:
        """Seconds until Lambda ends the invocation."""
        return self.ends_at - time.monotonic()

    def send_again(self, seconds: float) -> None:
        """Send the same text as a new message, delayed by at most 15 minutes. Its count of receives begins again."""
        delay = min(round(seconds), MAX_DELAY_SECONDS)
        sqs().send_message(QueueUrl=self.queue_url, MessageBody=self.body, DelaySeconds=delay)

    def pass_on(self, queue_url: str) -> None:
        """Send the same text as a new message to another queue."""
        sqs().send_message(QueueUrl=queue_url, MessageBody=self.body)


@cached
def sqs() -> "SQSClient":
    """Return this worker's client."""
    made: SQSClient = client("sqs")
    return made


@overload
def queue_consumer(*, queue_url: QueueUrl) -> Callable[[Callable[[Message], None]], LambdaHandler]: ...


@overload
def queue_consumer(
    *, queue_url: QueueUrl, prepare: Callable[[Sequence[Message]], Shared]
) -> Callable[[Callable[[Message, Shared], None]], LambdaHandler]: ...


def queue_consumer(
    *, queue_url: QueueUrl, prepare: Callable[[Sequence[Message]], Any] | None = None
) -> Callable[[Callable[..., None]], LambdaHandler]:
    """Make a Lambda handler from a function that handles one message.

    The messages of a batch are handled in parallel. If the function raises for a message, this message stays in the
    queue (`MessageBatch`). `prepare` runs once before a batch, and its result is the second argument for each message.
    If `prepare` raises, the invocation fails and all messages stay in the queue.
    """

    def decorate(handle: Callable[..., None]) -> LambdaHandler:
        @logger.inject_lambda_context(clear_state=True)
        def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
            ends_at = time.monotonic() + context.get_remaining_time_in_millis() / 1000

            def message(record: SQSRecord) -> Message:
                return Message(record, queue_url(record.event_source_arn), ends_at)

            shared: tuple[Any, ...] = ()
            if prepare is not None:
                shared = (prepare([message(SQSRecord(record)) for record in event["Records"]]),)
            batch = MessageBatch(sqs(), queue_url)
            return batch.handle(event, lambda record: handle(message(record), *shared), context)

        return handler

    return decorate
