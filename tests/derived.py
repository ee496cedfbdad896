"""Computes derived data from the records by brute force, and reads the stored derived data, for tests of any tier."""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from recognition.runtime.records.image_records import ImageRecord, from_item


@dataclass(frozen=True)
class Derived:
    """Entries as (key, confidence in ten-thousandths of a per cent, image), images per key, documents by id.

    The key of a label is its name. Keys of other terms begin with their kind.
    """

    entries: set[tuple[str, int, str]]
    counts: dict[str, int]
    documents: dict[str, Any]


def items(dynamodb: Any, table: str) -> list[dict[str, Any]]:
    """Return all items of a table, with plain values."""
    pages = dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    return [
        {name: TypeDeserializer().deserialize(value) for name, value in item.items()}
        for page in pages
        for item in page["Items"]
    ]


def stored_records(dynamodb: Any, table: str) -> list[ImageRecord]:
    """Return all records, including those of deleted images."""
    pages = dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    return [from_item(item) for page in pages for item in page["Items"]]


def plain(text: str) -> str:
    """Return a word in lower case, without accents, and without marks at its ends."""
    letters = unicodedata.normalize("NFKD", text)
    return re.sub(
        r"^[\W_]+|[\W_]+$", "", "".join(each for each in letters if not unicodedata.combining(each))
    ).casefold()


def names(record: ImageRecord) -> Iterator[tuple[str, float]]:
    """Yield the keys under which an image is found, with the confidences in per cent."""
    for label in record.labels:
        for name in {label.name, *label.parents, *label.aliases}:
            yield name.lower(), label.confidence
    results = record.abilities
    for each in results["text"].found if "text" in results else ():
        for word in map(plain, each["text"].split() if each["type"] == "word" else ()):
            if 0 < len(word) <= 200:
                yield f"text\x1f{word}", each["confidence"]
    for each in results["celebrities"].found if "celebrities" in results else ():
        yield f"celebrity\x1f{plain(each['name'])}", each["confidence"]
    for each in results["moderation"].found if "moderation" in results else ():
        for name in filter(None, (each["name"], each["parent"])):
            yield f"moderation\x1f{plain(name)}", each["confidence"]


def expected(records: Iterable[ImageRecord]) -> Derived:
    """Derive everything from the records, without the code under test."""
    entries: dict[tuple[str, str], int] = {}
    documents = {}
    for record in records:
        if record.status != "RECOGNIZED":
            continue
        for name, confidence in names(record):
            key = (name, record.image)
            entries[key] = max(entries.get(key, 0), int(Decimal(repr(confidence)) * 10_000))
        documents[record.image_id] = {
            "image_id": record.image_id,
            "labels": [
                {
                    "Name": label.name,
                    "Confidence": label.confidence,
                    "Instances": [
                        {
                            "BoundingBox": {
                                "Width": i.box.width,
                                "Height": i.box.height,
                                "Left": i.box.left,
                                "Top": i.box.top,
                            },
                            "Confidence": i.confidence,
                        }
                        for i in label.instances
                    ],
                    "Parents": [{"Name": parent} for parent in label.parents],
                }
                for label in record.labels
            ],
        }
    counts = Counter(name for name, _ in entries)
    return Derived({(name, value, image) for (name, image), value in entries.items()}, dict(counts), documents)


def indexed(
    entry_items: Iterable[dict[str, Any]], count_items: Iterable[dict[str, Any]]
) -> tuple[set[tuple[str, int, str]], dict[str, int]]:
    """Return the entries and the counts of the index. All entries of an image must agree."""
    entries: set[tuple[str, int, str]] = set()
    contents: dict[str, Any] = {}
    for item in entry_items:
        confidence = int(item["confidences"][item["label"]])
        assert item["rank"] == f"{1_000_000 - confidence:07d}#{item['image_id']}"
        entries.add((item["label"], confidence, item["image"]))
        content = {name: value for name, value in item.items() if name not in {"label", "rank"}}
        assert contents.setdefault(item["image"], content) == content
    for image, content in contents.items():
        assert {(name, int(value), image) for name, value in content["confidences"].items()} <= entries
    counted: Counter[str] = Counter()
    for item in count_items:
        assert item["images"] > 0
        kind, separator, _ = item["shard"].partition("#")
        counted[f"{kind}\x1f{item['label']}" if separator else item["label"]] += int(item["images"])
    return entries, dict(+counted)


def found(dynamodb: Any, s3: Any, *, index: str, counts: str, results: str) -> Derived:
    """Read the tables and the bucket. All entries of an image must agree."""
    entries, counted = indexed(items(dynamodb, index), items(dynamodb, counts))
    documents = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=results):
        for entry in page.get("Contents", []):
            body = s3.get_object(Bucket=results, Key=entry["Key"])["Body"].read()
            documents[entry["Key"].removesuffix(".json")] = json.loads(body)
    return Derived(entries, counted, documents)
