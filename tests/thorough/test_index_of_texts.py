"""The index of pictures with up to 100 words equals a result by brute force after overwrites, deletions and retries.

SIGHTLINE_RECORDS is the number of pictures: `make test-index` takes 2,000. The tables are in memory, because moto
copies all tables for each transaction.
"""

import os
import random
from typing import Any

import pytest
from botocore.exceptions import ClientError

from common.runtime.dynamodb_items import from_attributes
from common.runtime.recognition_event import Label
from recognition.runtime.index import index_writer
from recognition.runtime.index.index_writer import IndexWriter
from recognition.runtime.records.image_records import ImageRecord
from tests.derived import expected, indexed
from tests.findings import celebrities, moderation, words
from tests.functional.test_projection import record

RECORDS = int(os.environ.get("SIGHTLINE_RECORDS", "200"))
MAX_WORDS = 100
VOCABULARY = [f"{stem}{number}" for number in range(400) for stem in ("Invoice-", "né", "ROAD", "x")]
WEIGHTS = [1 / (number + 1) for number in range(len(VOCABULARY))]
KEYS = {"index": ("label", "rank"), "counts": ("shard", "label"), "projections": ("image",)}


class DeathError(BaseException):
    """The worker's end."""


class MemoryTables:
    """The tables of the index. Some transactions conflict, and some workers die before a transaction."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.tables: dict[str, dict[tuple[str, ...], dict[str, Any]]] = {name: {} for name in KEYS}
        self.transactions = 0

    def get_item(self, *, TableName: str, Key: dict[str, Any], **_: Any) -> dict[str, Any]:  # noqa: N803
        item = self.tables[TableName].get(_key(TableName, Key))
        return {"Item": item} if item else {}

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        found = {
            table: [item for key in asked["Keys"] if (item := self.tables[table].get(_key(table, key)))]
            for table, asked in RequestItems.items()
        }
        return {"Responses": found}

    def transact_write_items(self, *, TransactItems: list[dict[str, Any]]) -> None:  # noqa: N803
        assert len(TransactItems) <= 100
        fate = self.chance.random()
        if fate < 0.02:
            raise DeathError
        if fate < 0.06:
            raise _cancelled("TransactionConflict")
        for write in TransactItems:
            [request] = write.values()
            if "ConditionExpression" in request and not self._holds(request):
                raise _cancelled("ConditionalCheckFailed")
        for write in TransactItems:
            [(kind, request)] = write.items()
            getattr(self, f"_{kind.lower()}")(request)
        self.transactions += 1

    def _holds(self, request: dict[str, Any]) -> bool:
        key = _key(request["TableName"], request.get("Item") or request["Key"])
        there = self.tables[request["TableName"]].get(key)
        values = request.get("ExpressionAttributeValues", {})
        match request["ConditionExpression"]:
            case "attribute_not_exists(image)":
                return there is None
            case "revision = :revision":
                return there is not None and there["revision"] == values[":revision"]
            case "images > :one":
                return there is not None and int(there["images"]["N"]) > 1
            case "attribute_not_exists(images) OR images <= :one":
                return there is None or int(there["images"]["N"]) <= 1
            case other:
                raise NotImplementedError(other)

    def _put(self, request: dict[str, Any]) -> None:
        self.tables[request["TableName"]][_key(request["TableName"], request["Item"])] = request["Item"]

    def _delete(self, request: dict[str, Any]) -> None:
        del self.tables[request["TableName"]][_key(request["TableName"], request["Key"])]  # it must be there

    def _update(self, request: dict[str, Any]) -> None:
        table, values = self.tables[request["TableName"]], request["ExpressionAttributeValues"]
        there = table.get(_key(request["TableName"], request["Key"]), {"images": {"N": "0"}})
        images = int(there["images"]["N"]) + int(values[":change"]["N"])
        item = {**there, **request["Key"], "images": {"N": str(images)}}
        table[_key(request["TableName"], request["Key"])] = item


def _key(table: str, item: dict[str, Any]) -> tuple[str, ...]:
    return tuple(item[name]["S"] for name in KEYS[table])


def _cancelled(reason: str) -> ClientError:
    response: Any = {
        "Error": {"Code": "TransactionCanceledException"},
        "CancellationReasons": [{"Code": "None"}, {"Code": reason}],
    }
    return ClientError(response, "TransactWriteItems")


def picture(chance: random.Random, number: int, sequencer: int) -> ImageRecord:
    """A picture with ten labels and up to 100 words, a few of them often and most of them seldom."""
    labels = {
        name: Label(name=name, confidence=round(chance.uniform(70, 100), 4), parents=("Thing",))
        for name in (f"Label {int(100 ** chance.random())}" for _ in range(10))
    }
    texts = chance.choices(VOCABULARY, WEIGHTS, k=chance.randint(0, MAX_WORDS))
    abilities = {"text": words(*texts, confidence=round(chance.uniform(50, 100), 4))}
    if chance.random() < 0.2:
        abilities["celebrities"] = celebrities(chance.choice(["Zoé Doe", "Jo Bloggs"]))
    if chance.random() < 0.2:
        abilities["moderation"] = moderation("Gore", "Violence")
    return record(f"{number}.jpg", *labels.values(), sequencer=sequencer, abilities=abilities)


def changes(chance: random.Random) -> list[ImageRecord]:
    """Every picture, then half of them again, then the deletions of a tenth."""
    numbers = range(RECORDS)
    made = [picture(chance, number, 1) for number in numbers]
    made += [picture(chance, number, 2) for number in chance.sample(numbers, RECORDS // 2)]
    gone = chance.sample(numbers, RECORDS // 10)
    return made + [record(f"{number}.jpg", sequencer=3, status="DELETED") for number in gone]


def handle(writer: IndexWriter, stored: ImageRecord) -> None:
    """Handle a message until a worker survives it."""
    while True:
        seen = writer.read(stored.image)
        try:
            writer.reconcile(stored.image, stored.image_id, stored, seen=seen, rewrite=False)
        except DeathError:
            continue
        return


@pytest.mark.timeout(60 + RECORDS)
def test_the_index_of_texts_equals_brute_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_writer, "FIRST_WAIT_SECONDS", 0.0)
    chance = random.Random(18)
    tables = MemoryTables(chance)
    writer = IndexWriter(tables, "index", "counts", "projections")  # type: ignore[arg-type]
    current: dict[str, ImageRecord] = {}
    for change in changes(chance):
        current[change.image] = change
        handle(writer, change)
        if chance.random() < 0.1:
            handle(writer, chance.choice(list(current.values())))
    entries, counts = indexed(*(map(from_attributes, tables.tables[name].values()) for name in ("index", "counts")))
    brute_force = expected(current.values())
    assert entries == brute_force.entries
    assert counts == brute_force.counts
    assert tables.transactions > 2 * RECORDS
