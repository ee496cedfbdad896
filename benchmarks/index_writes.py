"""Compute how many write units the index needs for a picture, for several numbers of words: `make bench-index`.

The code of `update_index` makes the transactions, and nothing is written. DynamoDB counts two units for each KB of an
item in a transaction (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html). Prints
JSON.
"""

import json
import math
import sys
from typing import Any

from cli.cost.list_prices import DYNAMODB_WRITE_UNIT
from common.runtime.recognition_event import AbilityResult, Label, image_id
from recognition.runtime.index.index_writer import IndexWriter
from recognition.runtime.records.image_records import ImageRecord

WORDS = (0, 10, 50, 100)
LABELS, PARENTS = 10, 5
KILOBYTE = 1024
MAP_BYTES, MEMBER_BYTES = 3, 1
"""The overhead of a list or map, and of each of its members."""


class Transactions:
    """Collects the transactions that `update_index` would send."""

    def __init__(self) -> None:
        self.writes: list[dict[str, Any]] = []
        self.count = 0

    def transact_write_items(self, *, TransactItems: list[dict[str, Any]]) -> None:  # noqa: N803 - boto3's name
        """Take one transaction."""
        self.writes += TransactItems
        self.count += 1


def size(value: dict[str, Any]) -> int:
    """Return the bytes of an attribute's value, as DynamoDB counts them.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    [(kind, content)] = value.items()
    if kind == "M":
        return MAP_BYTES + item_size(content) + MEMBER_BYTES * len(content)
    if kind == "L":
        return MAP_BYTES + sum(size(each) + MEMBER_BYTES for each in content)
    if kind == "N":
        return math.ceil(len(content.lstrip("-")) / 2) + 1
    return len(content.encode()) if kind == "S" else 1


def item_size(item: dict[str, Any]) -> int:
    """Return the bytes of an item."""
    return sum(len(name.encode()) + size(value) for name, value in item.items())


def picture(words: int) -> ImageRecord:
    """Return a record with labels, their parents, and words of nine characters."""
    labels = tuple(
        Label(name=f"Label number {n}", confidence=91.2345, parents=(f"Parent {n % PARENTS}",)) for n in range(LABELS)
    )
    found = tuple({"text": f"invoic{n:03}", "type": "word", "confidence": 98.7654} for n in range(words))
    abilities = {"text": AbilityResult(status="done", at="2026-11-29T12:00:00.000Z", found=found)} if words else {}
    return ImageRecord(
        image="uploads/2026/11/photo-0001.jpg",
        image_id=image_id("images", "uploads/2026/11/photo-0001.jpg"),
        status="RECOGNIZED",
        bucket="images",
        sequencer="0" * 64,
        uploaded_at="2026-11-29T12:00:00.000Z",
        recognized_at="2026-11-29T12:00:01.000Z",
        fingerprint="f",
        labels=labels,
        abilities=abilities,
    )


def figures(words: int) -> dict[str, Any]:
    """Return the writes of a new picture."""
    transactions = Transactions()
    record = picture(words)
    index = IndexWriter(transactions, "index", "counts", "projections")  # type: ignore[arg-type]
    index.reconcile(record.image, record.image_id, record, seen=None, rewrite=False)
    puts = [write["Put"] for write in transactions.writes if "Put" in write]
    counters = len(transactions.writes) - len(puts)  # each under 1 KB
    units = 2 * (sum(math.ceil(item_size(put["Item"]) / KILOBYTE) for put in puts) + counters)
    entries = [item_size(put["Item"]) for put in puts if put["TableName"] == "index"]
    return {
        "transactions": transactions.count,
        "entries": len(entries),
        "entry_bytes": max(entries),
        "write_units": units,
        "usd_per_million_pictures": round(units * 1e6 * DYNAMODB_WRITE_UNIT, 2),
        "index_kb": round(sum(entries) / KILOBYTE, 1),
    }


def main() -> int:
    """Print the figures for each number of words."""
    print(json.dumps({"benchmark": "index writes", "words": {str(words): figures(words) for words in WORDS}}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
