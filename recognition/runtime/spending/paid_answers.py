"""Keep Rekognition's answers in the table `Recognitions`, so that no content is paid for twice.

The table has one item for each combination of content and settings. The item holds a short claim while a call is in
progress, and the answer afterwards. Answers do not expire.
"""

import threading
import time
import uuid
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from common.runtime.dynamodb_items import from_attributes, to_attributes
from common.runtime.message_batch import RetryLaterError
from common.runtime.metrics import count
from recognition.runtime.spending.answer_forms import AnswerForm

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

logger = Logger()

T = TypeVar("T")


class ClaimedError(RetryLaterError):
    """Another worker is asking about the same content. Look for the worker's answer after `seconds`."""


@dataclass(frozen=True)
class PaidAnswers(Generic[T]):
    """The table `Recognitions`. Threads of one worker that need the same content wait for each other.

    A content's key stands for the picture's bytes, the operation and its parameters.
    """

    dynamodb: "DynamoDBClient"
    table: str
    form: AnswerForm[T]
    worker: str = field(default_factory=lambda: str(uuid.uuid4()))
    _guard: Any = field(default_factory=threading.Lock)
    _locks: Any = field(default_factory=weakref.WeakValueDictionary)

    def answer(self, content: str, *, refresh: str | None, lease_seconds: float, ask: Callable[[], T]) -> T:
        """Return the stored answer for a content. If there is none, call `ask` and store its answer.

        While `ask` runs, no other worker asks about this content. `refresh` identifies a request for a new answer. Then
        a stored answer is used only if the same request produced it. The claim of a worker that died ends after
        `lease_seconds`.

        Raises:
            ClaimedError: another worker is asking.
            Exception: any error of `ask`. The claim is released.
        """
        with self._lock(content):
            if (stored := self._claim(content, refresh, lease_seconds)) is not None:
                count("CacheHits")
                return stored
            try:
                answer = ask()
            except Exception:
                self._release(content)
                raise
            try:
                self._store(content, refresh, answer)
            except (BotoCoreError, ClientError):
                # The answer is paid for and still used. Only a later request for this content pays again.
                logger.exception("an answer could not be stored", extra={"content": content})
            return answer

    def _lock(self, content: str) -> threading.Lock:
        with self._guard:
            lock: threading.Lock = self._locks.setdefault(content, threading.Lock())
            return lock

    def _claim(self, content: str, refresh: str | None, lease_seconds: float) -> T | None:
        """Claim the content with one conditional write. If the content has a stored answer, return this answer."""
        now = time.time()
        values = {":now": now, ":until": now + lease_seconds, ":worker": self.worker, ":refresh": refresh}
        unanswered = "attribute_not_exists(answer)"
        if refresh:
            unanswered += " OR attribute_not_exists(refresh) OR refresh <> :refresh"
        try:
            self.dynamodb.update_item(
                TableName=self.table,
                Key={"content": {"S": content}},
                UpdateExpression="SET claimed_until = :until, worker = :worker",
                ConditionExpression=(
                    f"({unanswered}) AND (attribute_not_exists(claimed_until) OR claimed_until < :now)"
                ),
                ExpressionAttributeValues=to_attributes(values),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            item = from_attributes(error.response["Item"])  # type: ignore[typeddict-item] # requested above
            if "answer" in item and (not refresh or item.get("refresh") == refresh):
                return self.form.from_value(item["answer"])
            raise ClaimedError(
                "another worker is asking about the same content", _retry_seconds(item, now, lease_seconds)
            ) from error
        return None

    def _store(self, content: str, refresh: str | None, answer: T) -> None:
        set_refresh = ", refresh = :refresh" if refresh else ""
        self.dynamodb.update_item(
            TableName=self.table,
            Key={"content": {"S": content}},
            UpdateExpression=f"SET answer = :answer{set_refresh} REMOVE claimed_until, worker",
            ExpressionAttributeValues={
                ":answer": self.form.to_attribute(answer),
                **to_attributes({":refresh": refresh}),
            },
        )

    def _release(self, content: str) -> None:
        """Remove this worker's claim, so that the next attempt does not have to wait for the claim's end."""
        try:
            self.dynamodb.update_item(
                TableName=self.table,
                Key={"content": {"S": content}},
                UpdateExpression="REMOVE claimed_until, worker",
                ConditionExpression="worker = :worker",
                ExpressionAttributeValues=to_attributes({":worker": self.worker}),
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise


def _retry_seconds(item: dict[str, Any], now: float, lease_seconds: float) -> int:
    """Return the seconds until the worker of a message should look at a claim again.

    This is the age of the claim, rounded up, and one more second. Most calls take one second, so the first look comes
    soon. If the other worker died, the message is received only a few times. The result never exceeds the rest of the
    claim by more than two seconds. The other worker's lease is assumed to be as long as ours.
    """
    left = max(0.0, float(item["claimed_until"]) - now)
    return ceil(min(left, max(1.0, lease_seconds - left))) + 1
