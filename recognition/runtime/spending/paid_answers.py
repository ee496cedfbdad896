"""The table of what Rekognition said: one item per content and settings, so that nothing is paid for twice.

An item holds a short claim while a call is under way, and the answer afterwards. Answers stay.
"""

import dataclasses
import json
import threading
import time
import uuid
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from common.runtime.dynamodb_items import from_attributes, to_attributes
from common.runtime.message_batch import RetryLaterError
from common.runtime.metrics import count
from common.runtime.recognition_event import Failure, label_from, without_instances
from recognition.runtime.detection.detect_labels import Detection

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

logger = Logger()

MAX_BYTES = 350_000  # an item may have 400 KB


class ClaimedError(RetryLaterError):
    """Another worker asks about the same content; its answer may be there after the seconds that this says."""


@dataclass(frozen=True)
class Recognitions:
    """The table. Threads of one worker that meet at one content wait for each other."""

    dynamodb: "DynamoDBClient"
    table: str
    worker: str = field(default_factory=lambda: str(uuid.uuid4()))
    _guard: Any = field(default_factory=threading.Lock)
    _locks: Any = field(default_factory=weakref.WeakValueDictionary)

    def answer(
        self, content: str, *, refresh: str | None, lease_seconds: float, ask: Callable[[], Detection]
    ) -> Detection:
        """The stored answer for a content, or a new one from `ask`, which is called by nobody else meanwhile.

        `refresh` names a wish for a new answer: one given for the same wish counts as stored, older ones do not.
        The claim ends after `lease_seconds`, when a worker that died in between cannot come back any more.

        Raises:
            ClaimedError: another worker is asking.
            whatever `ask` raises; the claim is given back.
        """
        with self._lock(content):
            if stored := self._claim(content, refresh, lease_seconds):
                count("CacheHits")
                return stored
            try:
                detection = ask()
            except Exception:
                self._release(content)
                raise
            try:
                self._store(content, refresh, detection)
            except (BotoCoreError, ClientError):
                # It is paid for: whoever asks next pays again, but not the one who has it in hand.
                logger.exception("an answer could not be stored", extra={"content": content})
            return detection

    def _lock(self, content: str) -> threading.Lock:
        with self._guard:
            lock: threading.Lock = self._locks.setdefault(content, threading.Lock())
            return lock

    def _claim(self, content: str, refresh: str | None, lease_seconds: float) -> Detection | None:
        """Claim the content with one conditional write, or find the answer that makes it needless."""
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
            item = from_attributes(error.response["Item"])  # type: ignore[typeddict-item] # as asked for
            if "answer" in item and (not refresh or item.get("refresh") == refresh):
                return _detection(item["answer"])
            raise ClaimedError("another worker asks about the same content", _wait(item, now, lease_seconds)) from error
        return None

    def _store(self, content: str, refresh: str | None, detection: Detection) -> None:
        also = ", refresh = :refresh" if refresh else ""
        self.dynamodb.update_item(
            TableName=self.table,
            Key={"content": {"S": content}},
            UpdateExpression=f"SET answer = :answer{also} REMOVE claimed_until, worker",
            ExpressionAttributeValues=to_attributes({":answer": _document(detection), ":refresh": refresh}),
        )

    def _release(self, content: str) -> None:
        """Give the claim back, so that the next try need not wait for its end; it would end anyway."""
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


def _wait(item: dict[str, Any], now: float, lease_seconds: float) -> int:
    """Seconds, a little more than the claim is old: most calls take one second, and after a dead worker few looks do.

    Not longer than to the claim's end. That worker is taken to have claimed for as long as this one would have.
    """
    left = max(0.0, float(item["claimed_until"]) - now)
    return ceil(min(left, max(1.0, lease_seconds - left))) + 1


def _document(detection: Detection) -> dict[str, Any]:
    document = dataclasses.asdict(detection)
    if len(json.dumps(document).encode()) > MAX_BYTES:
        bare = dataclasses.replace(detection, labels=without_instances(detection.labels), truncated=True)
        document = dataclasses.asdict(bare)
    return document


def _detection(document: dict[str, Any]) -> Detection:
    failure = document.get("failure")
    return Detection(
        labels=tuple(label_from(label) for label in document["labels"]),
        model=document.get("model"),
        failure=Failure(**failure) if failure else None,
        truncated=bool(document.get("truncated")),
    )
