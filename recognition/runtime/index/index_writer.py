"""Bringing the label index up to an image's record, in transactions that leave it exact whatever happens in between."""

import hashlib
import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from common.runtime.dynamodb_items import from_attributes, to_attributes
from common.runtime.message_batch import RetryLaterError
from recognition.runtime.index.index_entries import Name, count_key, entry, entry_key, names, shard
from recognition.runtime.records.image_records import Classification

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MAX_ITEMS = 100  # of a transaction
TRIES = 6
FIRST_WAIT_SECONDS = 0.02
WAIT_SECONDS = 5
TOMBSTONE_SECONDS = 30 * 24 * 3600
PASSING = frozenset({"None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})
"""What an item of a cancelled transaction says if the same transaction may succeed the next time."""

Step = tuple[str, int | None, list[dict[str, Any]]]
"""A name, its confidence afterwards (None: it is no longer there), and the writes that make it so."""


class OvertakenError(Exception):
    """Something else has brought the index up to this image since it was looked at."""


@dataclass(frozen=True)
class Projection:
    """What of an image stands in the index: its names with their confidences, and a digest of its entries' content.

    Without the digest the entries are of more than one content. `revision` counts the transactions.
    """

    image_id: str
    revision: int
    confidences: dict[str, int]
    content: str | None


@dataclass(frozen=True)
class LabelIndex:
    """The three tables, as `update_index` writes them."""

    dynamodb: "DynamoDBClient"
    index: str
    counts: str
    projections: str

    def look(self, image: str) -> Projection | None:
        """What of the image stands in the index, as of the last transaction."""
        answer = self.dynamodb.get_item(TableName=self.projections, Key={"image": {"S": image}}, ConsistentRead=True)
        if "Item" not in answer:
            return None
        item = from_attributes(answer["Item"])
        return Projection(item["image_id"], item["revision"], item["confidences"], item.get("content"))

    def bring_up(
        self, image: str, image_id: str, record: Classification | None, *, seen: Projection | None, rewrite: bool
    ) -> None:
        """Make the image's entries and counts what the record says, given what was seen there before it was read.

        One transaction, or several where more than a hundred items change; after each of them counts, entries and
        projection agree. The revision is always raised, so that whoever looked earlier must look again.
        `rewrite`: also write the entries anew that should be there already.

        Raises:
            OvertakenError: look again.
            RetryLaterError: other images' transactions kept touching the same counters.
            ClientError, BotoCoreError: for now.
        """
        now = seen or Projection(image_id, 0, {}, None)
        content, steps = self._steps(image_id, record, now, rewrite=rewrite)
        while True:
            batch = list(_first(steps, MAX_ITEMS - 1))
            steps = steps[len(batch) :]
            confidences = {**now.confidences, **{name: value for name, value, _ in batch}}
            after = Projection(
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
        self, image_id: str, record: Classification | None, now: Projection, *, rewrite: bool
    ) -> tuple[str, list[Step]]:
        found = names(record)
        shared = to_attributes(entry(record, found)) if record and found else {}
        content = hashlib.sha256(json.dumps(shared, sort_keys=True).encode()).hexdigest()[:16]
        counter = shard(image_id)
        steps: list[Step] = [
            (name, None, [self._delete(name, value, image_id), self._count(name, None, counter)])
            for name, value in now.confidences.items()
            if name not in found
        ]
        for name, wanted in found.items():
            put = {"Put": {"TableName": self.index, "Item": entry_key(name, wanted.confidence, image_id) | shared}}
            there = now.confidences.get(name)
            if there is None:
                steps.append((name, wanted.confidence, [put, self._count(name, wanted, counter)]))
            elif there != wanted.confidence:
                steps.append((name, wanted.confidence, [self._delete(name, there, image_id), put]))
            elif rewrite or content != now.content:
                steps.append((name, wanted.confidence, [put]))
        return content, steps

    def _delete(self, name: str, confidence: int, image_id: str) -> dict[str, Any]:
        return {"Delete": {"TableName": self.index, "Key": entry_key(name, confidence, image_id)}}

    def _count(self, name: str, added: Name | None, counter: str) -> dict[str, Any]:
        """One image more under the name, or one less."""
        values: dict[str, Any] = {":change": 1 if added else -1}
        expression = "ADD images :change"
        if added:
            values[":spelling"] = added.spelling
            expression += " SET spelling = :spelling"
        return {
            "Update": {
                "TableName": self.counts,
                "Key": count_key(name, counter),
                "UpdateExpression": expression,
                "ExpressionAttributeValues": to_attributes(values),
            }
        }

    def _mark(self, image: str, before: Projection, after: Projection) -> dict[str, Any]:
        item = {
            "image": image,
            "image_id": after.image_id,
            "revision": after.revision,
            "confidences": after.confidences,
            "content": after.content,
            # Kept for as long as a worker could still believe that there was none.
            "expires_at": None if after.confidences else int(time.time()) + TOMBSTONE_SECONDS,
        }
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(image)"}
        if before.revision:
            condition = {
                "ConditionExpression": "revision = :revision",
                "ExpressionAttributeValues": to_attributes({":revision": before.revision}),
            }
        return {"Put": {"TableName": self.projections, "Item": to_attributes(item), **condition}}

    def _commit(self, writes: list[dict[str, Any]]) -> None:
        for attempt in range(TRIES):
            try:
                # botocore adds a token, so that its own repetition of a call does nothing twice.
                self.dynamodb.transact_write_items(TransactItems=writes)  # type: ignore[arg-type]
            except ClientError as error:
                reasons = {reason["Code"] for reason in error.response.get("CancellationReasons", [])}
                if "ConditionalCheckFailed" in reasons:
                    raise OvertakenError from error
                if not reasons or not reasons <= PASSING:
                    raise
            else:
                return
            time.sleep(random.uniform(0, FIRST_WAIT_SECONDS * 2**attempt))  # noqa: S311 - no secret
        raise RetryLaterError("other transactions kept touching the same counters", WAIT_SECONDS)


def _first(steps: list[Step], items: int) -> Iterator[Step]:
    """As many steps as fit into one transaction."""
    for step in steps:
        items -= len(step[2])
        if items < 0:
            return
        yield step
