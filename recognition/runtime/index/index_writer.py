"""Make the label index agree with an image's record. Transactions keep the index exact after any interruption."""

import hashlib
import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from common.runtime.dynamodb_items import from_attributes, get_items, to_attributes
from common.runtime.message_batch import RetryLaterError
from recognition.runtime.index.index_entries import Term, count_key, counted_key, entry, entry_key, shard, terms
from recognition.runtime.records.image_records import ImageRecord

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MAX_TRANSACTION_ITEMS = 100
MAX_ATTEMPTS = 6
FIRST_WAIT_SECONDS = 0.02
RETRY_SECONDS = 5
EMPTY_STATE_SECONDS = 30 * 24 * 3600
TRANSIENT_REASONS = frozenset({"None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})
"""Reasons why DynamoDB cancelled a transaction that may succeed at the next attempt. `None` is the reason for an item
without a fault."""

Step = tuple[str, int | None, list[dict[str, Any]]]
"""A term, its new confidence (None if the term is removed), and the writes that make this change."""


class OvertakenError(Exception):
    """Another worker has updated the index for this image, or a counter, since its state was read."""


@dataclass(frozen=True)
class IndexedImage:
    """The state of an image in the index: its terms with their confidences, and a digest of the content of its entries.

    There is no digest while the entries of the image differ in content. `revision` counts the transactions.
    """

    image_id: str
    revision: int
    confidences: dict[str, int]
    content: str | None


@dataclass(frozen=True)
class IndexWriter:
    """Writes the tables `LabelIndex`, `LabelCounts` and `Projections`."""

    dynamodb: "DynamoDBClient"
    index: str
    counts: str
    projections: str

    def read(self, image: str) -> IndexedImage | None:
        """Read the state of an image after the last transaction."""
        answer = self.dynamodb.get_item(TableName=self.projections, Key={"image": {"S": image}}, ConsistentRead=True)
        if "Item" not in answer:
            return None
        item = from_attributes(answer["Item"])
        return IndexedImage(item["image_id"], item["revision"], item["confidences"], item.get("content"))

    def reconcile(
        self, image: str, image_id: str, record: ImageRecord | None, *, seen: IndexedImage | None, rewrite: bool
    ) -> None:
        """Make the image's entries and counts agree with its record.

        `seen` is the image's state in the index. It was read before the record. The change is one transaction, or
        several transactions if more than a hundred items change. After each transaction, counts, entries and state
        agree. The revision always grows, so a worker that read the state earlier has to read it again. With `rewrite`,
        the method also writes the entries that should be right already.

        Raises:
            OvertakenError: read the state again.
            RetryLaterError: at each attempt, transactions of other images updated the same counters.
            ClientError, BotoCoreError: a transient error.
        """
        now = seen or IndexedImage(image_id, 0, {}, None)
        content, steps = self._steps(image_id, record, now, rewrite=rewrite)
        while True:
            batch = list(_first(steps, MAX_TRANSACTION_ITEMS - 1))
            steps = steps[len(batch) :]
            confidences = {**now.confidences, **{name: value for name, value, _ in batch}}
            after = IndexedImage(
                image_id,
                now.revision + 1,
                {name: value for name, value in confidences.items() if value is not None},
                None if steps else content,
            )
            writes = [write for _, _, writes in batch for write in writes]
            self._commit([self._mark(image, now, after), *writes])
            if not steps:
                return
            now = after

    def _steps(
        self, image_id: str, record: ImageRecord | None, now: IndexedImage, *, rewrite: bool
    ) -> tuple[str, list[Step]]:
        found = terms(record)
        shared = to_attributes(entry(record, found)) if record and found else {}
        content = hashlib.sha256(json.dumps(shared, sort_keys=True).encode()).hexdigest()[:16]
        counter = shard(image_id)
        steps = list(self._removals(now, [name for name in now.confidences if name not in found], counter))
        for name, wanted in found.items():
            put = {"Put": {"TableName": self.index, "Item": entry_key(name, wanted.confidence, image_id) | shared}}
            there = now.confidences.get(name)
            if there is None:
                steps.append((name, wanted.confidence, [put, self._count_more(name, wanted, counter)]))
            elif there != wanted.confidence:
                steps.append((name, wanted.confidence, [self._delete(name, there, image_id), put]))
            elif rewrite or content != now.content:
                steps.append((name, wanted.confidence, [put]))
        return content, steps

    def _removals(self, now: IndexedImage, names: Sequence[str], counter: str) -> Iterator[Step]:
        several = self._counted_more_than_once(names, counter)
        for name in names:
            count = self._count_fewer(name, counter) if name in several else self._remove_counter(name, counter)
            yield name, None, [self._delete(name, now.confidences[name], now.image_id), count]

    def _delete(self, name: str, confidence: int, image_id: str) -> dict[str, Any]:
        return {"Delete": {"TableName": self.index, "Key": entry_key(name, confidence, image_id)}}

    def _counted_more_than_once(self, names: Sequence[str], counter: str) -> set[str]:
        """Return those of the names under which this counter counts several images."""
        keys = [count_key(name, counter) for name in names]
        return {
            counted_key(item["shard"]["S"], item["label"]["S"])
            for item in get_items(self.dynamodb, self.counts, keys, consistent=True)
            if int(item["images"]["N"]) > 1
        }

    def _count_more(self, name: str, added: Term, counter: str) -> dict[str, Any]:
        return {
            "Update": {
                "TableName": self.counts,
                "Key": count_key(name, counter),
                "UpdateExpression": "ADD images :change SET spelling = :spelling",
                "ExpressionAttributeValues": to_attributes({":change": 1, ":spelling": added.spelling}),
            }
        }

    def _count_fewer(self, name: str, counter: str) -> dict[str, Any]:
        return {
            "Update": {
                "TableName": self.counts,
                "Key": count_key(name, counter),
                "UpdateExpression": "ADD images :change",
                "ConditionExpression": "images > :one",
                "ExpressionAttributeValues": to_attributes({":change": -1, ":one": 1}),
            }
        }

    def _remove_counter(self, name: str, counter: str) -> dict[str, Any]:
        """Remove the counter of a term's last image. Otherwise, a word would outlive all pictures that show it."""
        return {
            "Delete": {
                "TableName": self.counts,
                "Key": count_key(name, counter),
                "ConditionExpression": "attribute_not_exists(images) OR images <= :one",
                "ExpressionAttributeValues": to_attributes({":one": 1}),
            }
        }

    def _mark(self, image: str, before: IndexedImage, after: IndexedImage) -> dict[str, Any]:
        item = {
            "image": image,
            "image_id": after.image_id,
            "revision": after.revision,
            "confidences": after.confidences,
            "content": after.content,
            # The item is kept as long as a worker may still have read that there was no item.
            "expires_at": None if after.confidences else int(time.time()) + EMPTY_STATE_SECONDS,
        }
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(image)"}
        if before.revision:
            condition = {
                "ConditionExpression": "revision = :revision",
                "ExpressionAttributeValues": to_attributes({":revision": before.revision}),
            }
        return {"Put": {"TableName": self.projections, "Item": to_attributes(item), **condition}}

    def _commit(self, writes: list[dict[str, Any]]) -> None:
        for attempt in range(MAX_ATTEMPTS):
            try:
                # botocore adds a token, so its own repetition of a call has no second effect.
                self.dynamodb.transact_write_items(TransactItems=writes)  # type: ignore[arg-type]
            except ClientError as error:
                reasons = {reason["Code"] for reason in error.response.get("CancellationReasons", [])}
                if "ConditionalCheckFailed" in reasons:
                    raise OvertakenError from error
                if not reasons or not reasons <= TRANSIENT_REASONS:
                    raise
            else:
                return
            time.sleep(random.uniform(0, FIRST_WAIT_SECONDS * 2**attempt))  # noqa: S311 - no secret
        raise RetryLaterError("other transactions kept updating the same counters", RETRY_SECONDS)


def _first(steps: list[Step], items: int) -> Iterator[Step]:
    """Yield as many steps as fit into one transaction."""
    for step in steps:
        items -= len(step[2])
        if items < 0:
            return
        yield step
