"""Measure lists and searches as the table grows: their times, and the items that they read: `make bench-search`.

The benchmark writes records with a realistic distribution of labels (Zipf over 500 labels, 10 per image) into its own
embedded cloud. The code of `update_index` writes the index, but in batches instead of transactions. At each size, the
benchmark then requests pages by HTTP. The handler's debug log has the number of items that it read. On AWS the number
is the same. The times are not those of AWS, because the emulator scans whole tables where DynamoDB does not. Prints
JSON.
"""

import argparse
import itertools
import json
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import requests

from benchmarks.blind_cloud import BenchmarkError, in_blind_cloud, print_report
from common.runtime.recognition_event import Label, image_id
from local.cloud import Cloud
from local.endpoints import Endpoints
from recognition.runtime.index.index_writer import IndexWriter
from recognition.runtime.records.image_records import ImageRecord, to_item

ROOT = Path(__file__).resolve().parents[1]

LABELS = 500
LABELS_EACH = 10
SIZES = (1_000, 10_000, 100_000)
WRITERS = 4
BATCH = 25  # of BatchWriteItem
TIMEOUT_SECONDS = 60
LOG_SECONDS = 30


@dataclass
class Writer:
    """Takes the place of the DynamoDB client that `update_index` writes with. Writes in batches, and accepts only new
    images."""

    dynamodb: Any
    batches: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    spellings: dict[str, str] = field(default_factory=dict)
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(WRITERS))

    def put(self, table: str, item: dict[str, Any]) -> None:
        """Add an item to the next batch."""
        self.batches.setdefault(table, []).append({"PutRequest": {"Item": item}})

    def transact_write_items(self, *, TransactItems: list[dict[str, Any]]) -> None:  # noqa: N803 - boto3's name
        """Take the writes that `update_index` would send to DynamoDB."""
        for write in TransactItems:
            if "Put" in write:
                self.put(write["Put"]["TableName"], write["Put"]["Item"])
            else:
                update = write["Update"]
                key = {name: value["S"] for name, value in update["Key"].items()}
                values = update["ExpressionAttributeValues"]
                self.counts[update["TableName"], key["shard"], key["label"]] += int(values[":change"]["N"])
                self.spellings[key["label"]] = values[":spelling"]["S"]

    def flush(self) -> None:
        """Write the collected items and the current counts."""
        for (table, shard, label), images in self.counts.items():
            item = {"shard": {"S": shard}, "label": {"S": label}, "images": {"N": str(images)}}
            self.put(table, item | {"spelling": {"S": self.spellings[label]}})
        for table, writes in self.batches.items():
            parts = [writes[start : start + BATCH] for start in range(0, len(writes), BATCH)]
            list(self.pool.map(lambda part: self._write(table, part), parts))  # noqa: B023 - used up at once
        self.batches.clear()

    def _write(self, table: str, writes: list[dict[str, Any]]) -> None:
        left = {table: writes}
        while left:
            left = self.dynamodb.batch_write_item(RequestItems=left).get("UnprocessedItems", {})


def records(bucket: str, count: int) -> Iterator[ImageRecord]:
    """Return `count` records. They are the same in each run."""
    chance = random.Random(0)  # noqa: S311 - the same each time is the point
    weights = list(itertools.accumulate(1 / rank for rank in range(1, LABELS + 1)))
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(count):
        drawn: dict[int, None] = {}
        while len(drawn) < LABELS_EACH:
            drawn[chance.choices(range(1, LABELS + 1), cum_weights=weights)[0]] = None
        image = f"archive/{number:07}.jpg"
        moment = (start + timedelta(seconds=number)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        yield ImageRecord(
            image=image,
            image_id=image_id(bucket, image),
            status="RECOGNIZED",
            bucket=bucket,
            version_id="v1",
            sequencer=f"{number:064X}",
            uploaded_at=moment,
            recognized_at=moment,
            fingerprint="benchmark",
            model="3.0",
            labels=tuple(Label(name=f"Label {rank}", confidence=round(chance.uniform(70, 100), 4)) for rank in drawn),
        )


def tables(cloud: Cloud, endpoints: Endpoints) -> dict[str, str]:
    """Return the names of the deployed tables, by construct."""
    names = cloud.client("dynamodb").list_tables()["TableNames"]
    kinds = ("LabelIndex", "LabelCounts", "Projections")
    return {kind: next(name for name in names if f"-{kind}" in name) for kind in kinds} | {
        "Classifications": endpoints.table
    }


def load(cloud: Cloud, named: dict[str, str], new: Iterable[ImageRecord], writer: Writer) -> None:
    """Write records, and the index entries that `update_index` makes from them."""
    index = IndexWriter(writer, named["LabelIndex"], named["LabelCounts"], named["Projections"])  # type: ignore[arg-type]
    for number, record in enumerate(new, 1):
        writer.put(named["Classifications"], to_item(record))
        index.reconcile(record.image, record.image_id, record, seen=None, rewrite=False)
        if number % 5_000 == 0:
            writer.flush()
            cloud.say(f"  {number:,} written")
    writer.flush()


def queries(chance: random.Random) -> dict[str, str]:
    """Return one query of each kind, with labels from the whole distribution."""

    def label() -> str:
        return f"label {int(LABELS ** chance.random())}"

    three = [("label", label()) for _ in range(3)]
    return {
        "list": "",
        "one_label": f"search?{urlencode([('label', label()), ('min_confidence', 90)])}",
        "all_of_three": f"search?{urlencode(three)}",
        "any_of_three": f"search?{urlencode([*three, ('match', 'any')])}",
    }


@dataclass
class Caller:
    """Requests pages, and reads their cost from the handler's log."""

    cloud: Cloud
    endpoints: Endpoints
    log_group: str

    def ask(self, path: str) -> tuple[float, int]:
        """Request a page. Returns (ms, number of entries)."""
        headers = {"x-api-key": self.endpoints.api_key}
        started = time.perf_counter()
        answer = requests.get(f"{self.endpoints.labels}/{path}", headers=headers, timeout=TIMEOUT_SECONDS)
        taken = 1000 * (time.perf_counter() - started)
        if not answer.ok:
            raise BenchmarkError(f"{path}: {answer.status_code} {answer.text}")
        return taken, len(answer.json())

    def items_read(self, since: int, count: int) -> list[int]:
        """Return the numbers of items that the handler has logged since a time, in the order of the calls."""
        deadline = time.monotonic() + LOG_SECONDS
        while time.monotonic() < deadline:
            pages = self.cloud.client("logs").get_paginator("filter_log_events")
            found = []
            for page in pages.paginate(logGroupName=self.log_group, startTime=since):
                for event in page["events"]:
                    entry = _document(event["message"])
                    if "items_read" in entry:
                        found.append((event["timestamp"], entry["items_read"]))
            if len(found) >= count:
                return [read for _, read in sorted(found, key=lambda pair: pair[0])]
            time.sleep(0.2)
        raise BenchmarkError(f"{len(found)} of {count} calls are in the log")


def _document(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def measure(caller: Caller, calls: int) -> dict[str, Any]:
    """Return figures for each kind of query.

    All queries of one kind run before the next kind, so the log lines of one kind are together.
    """
    chance = random.Random(1)  # noqa: S311 - the same each time is the point
    rounds = [queries(chance) for _ in range(calls)]
    figures = {}
    for kind in rounds[0]:
        caller.ask(rounds[0][kind])  # starts a worker
        caller.items_read(0, 1)
        time.sleep(0.01)
        since = int(1000 * time.time())
        answers = [caller.ask(paths[kind]) for paths in rounds]
        read = caller.items_read(since, calls)
        figures[kind] = {
            "ms": {
                "p50": _quantile([taken for taken, *_ in answers], 50),
                "p95": _quantile([a for a, *_ in answers], 95),
            },
            "items_read": {"p50": _quantile(read, 50), "p95": _quantile(read, 95), "max": max(read)},
            "entries": {"p50": _quantile([count for _, count in answers], 50)},
        }
    return figures


def _quantile(values: Sequence[float], per_cent: int) -> float:
    if len(values) == 1:
        return round(values[0], 1)
    return round(statistics.quantiles(values, n=100, method="inclusive")[per_cent - 1], 1)


def run(cloud: Cloud, sizes: Sequence[int], calls: int) -> dict[str, Any]:
    """Start the cloud, and measure at each size.

    Raises:
        BenchmarkError, CloudError: the measurement failed.
    """
    endpoints = cloud.up()
    functions = cloud.client("lambda").list_functions(MaxItems=50)["Functions"]
    function = next(entry for entry in functions if entry["Handler"] == "recognition.runtime.list_images.handler")
    variables = function["Environment"]["Variables"] | {"POWERTOOLS_LOG_LEVEL": "DEBUG"}
    cloud.client("lambda").update_function_configuration(
        FunctionName=function["FunctionName"], Environment={"Variables": variables}
    )
    caller = Caller(cloud, endpoints, function["LoggingConfig"]["LogGroup"])
    writer, made = Writer(cloud.client("dynamodb")), records(endpoints.bucket, max(sizes))
    at_size, there = {}, 0
    for size in sizes:
        cloud.say(f"{size:,} records …")
        started = time.monotonic()
        load(cloud, tables(cloud, endpoints), itertools.islice(made, size - there), writer)
        cloud.say(f"  loaded after {time.monotonic() - started:.0f} s")
        there = size
        at_size[str(size)] = measure(caller, calls)
        cloud.say(f"  {json.dumps(at_size[str(size)])}")
    return at_size


def main() -> int:
    """Measure, print the figures, and stop everything that was started."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of records, growing")
    parser.add_argument("--calls", type=int, default=30, help="number of calls of each kind")
    options = parser.parse_args()
    if min(*options.sizes, options.calls, 1) < 1 or sorted(set(options.sizes)) != list(options.sizes):
        parser.error("--sizes must be growing numbers, and --calls must be 1 or more")
    figures = in_blind_cloud(lambda cloud: run(cloud, options.sizes, options.calls))
    shape = {"labels": LABELS, "labels_each": LABELS_EACH, "page": 100, "calls_each": options.calls}
    print_report("search", {**shape, "records": figures})
    return 0


if __name__ == "__main__":
    sys.exit(main())
