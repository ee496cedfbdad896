"""Everything that is derived from the records agrees with them, through the real queue and the API.

SIGHTLINE_RECORDS is the number of injected records: `make test-index` takes 5,000.
"""

import json
import os
import random
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import requests

from common.runtime.recognition_event import AbilityResult, Label, image_id
from local.cloud import Cloud
from recognition.runtime.records.image_records import ImageRecord, to_item
from tests.derived import Derived, expected, found, names, stored_records
from tests.e2e.conftest import System, wait_for
from tests.e2e.test_commands import sightline
from tests.findings import words

pytestmark = pytest.mark.usefixtures("without_thumbnails")

RECORDS = int(os.environ.get("SIGHTLINE_RECORDS", "100"))
PARENTS = {f"Thing {number}": (f"Kind {number % 5}",) for number in range(40)}
ALIASES = {"Thing 1": ("First thing",), "Thing 7": ("Other thing", "Seventh")}
LONG = 60 + RECORDS / 5


def labels(chance: random.Random) -> tuple[Label, ...]:
    """Ten of forty labels, some more often than others."""
    weights = [1 / (number + 1) for number in range(len(PARENTS))]
    names = dict.fromkeys(chance.choices(list(PARENTS), weights, k=10))
    return tuple(
        Label(
            name=name,
            confidence=round(chance.uniform(55, 100), 5),
            parents=PARENTS[name],
            aliases=ALIASES.get(name, ()),
        )
        for name in names
    )


def texts(chance: random.Random) -> dict[str, AbilityResult]:
    """Three of twenty words in half of the records, and up to a hundred words in a tenth."""
    found = [f"WORD-{chance.randrange(20)}" for _ in range(3)] if chance.random() < 0.5 else []
    if chance.random() < 0.1:
        found += [f"Page{chance.randrange(400)}" for _ in range(chance.randint(1, 97))]
    return {"text": words(*found, confidence=round(chance.uniform(55, 100), 5))} if found else {}


class Injection:
    """Puts old records into the table, and their events into the queue."""

    def __init__(self, system: System) -> None:
        self.system, self.dynamodb = system, system.client("dynamodb")
        self.chance = random.Random(6)
        self.sequence = 0

    def record(self, number: int, **values: Any) -> ImageRecord:
        self.sequence += 1
        image = f"injected/{number:05}.jpg"
        plain: dict[str, Any] = {
            "image": image,
            "image_id": image_id(self.system.endpoints.bucket, image),
            "status": "RECOGNIZED",
            "bucket": self.system.endpoints.bucket,
            "sequencer": f"{self.sequence:064X}",
            "uploaded_at": f"2001-01-{1 + number % 28:02}T09:30:00.000Z",
            "recognized_at": "2001-02-01T09:30:00.000Z",
            "fingerprint": "f",
            "model": "3.0",
            "labels": labels(self.chance),
            "abilities": texts(self.chance),
        }
        return ImageRecord(**(plain | values))

    def store(self, records: Sequence[ImageRecord]) -> None:
        requests_ = [{"PutRequest": {"Item": to_item(record)}} for record in records]
        for start in range(0, len(requests_), 25):
            self.dynamodb.batch_write_item(RequestItems={self.system.endpoints.table: requests_[start : start + 25]})

    def announce(self, records: Sequence[ImageRecord]) -> None:
        sqs, queue = self.system.client("sqs"), self.system.queue("IndexQueue")
        bodies = [record.event().to_json() for record in records]
        for start in range(0, len(bodies), 10):
            entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies[start : start + 10])]
            assert not sqs.send_message_batch(QueueUrl=queue, Entries=entries).get("Failed")

    def table(self, name: str) -> str:
        [found] = [table for table in self.dynamodb.list_tables()["TableNames"] if f"-{name}" in table]
        return str(found)

    def derived(self) -> Derived:
        [results] = [
            bucket["Name"]
            for bucket in self.system.s3().list_buckets()["Buckets"]
            if bucket["Name"].startswith("rekognitionstack-results")
        ]
        return found(
            self.dynamodb,
            self.system.s3(),
            index=self.table("LabelIndex"),
            counts=self.table("LabelCounts"),
            results=results,
        )

    def records(self) -> list[ImageRecord]:
        return stored_records(self.dynamodb, self.system.endpoints.table)

    def expect_what_the_records_say(self) -> None:
        wait_for(self.system.is_idle, LONG)
        assert self.system.depth("IndexDeadLetters") == 0
        assert self.derived() == expected(self.records())

    def remove(self) -> None:
        """Remove the records, as TTL does."""
        for record in self.records():
            if record.image.startswith("injected/"):
                key = {"image": {"S": record.image}}
                self.dynamodb.delete_item(TableName=self.system.endpoints.table, Key=key)


@pytest.fixture(scope="module")
def injection(system: System) -> Iterator[Injection]:
    """Delete half of the records and overwrite a tenth while messages come, some twice, in any order."""
    wait_for(system.is_idle)
    injection = Injection(system)
    first = [injection.record(number) for number in range(RECORDS)]
    injection.store(first)
    injection.announce(first)
    numbers = list(range(RECORDS))
    injection.chance.shuffle(numbers)
    half, tenth = RECORDS // 2, RECORDS // 10
    later = [
        injection.record(number, status="DELETED", labels=(), abilities={}, expires_at=int(time.time()) + 9_999)
        for number in numbers[:half]
    ]
    later += [injection.record(number) for number in numbers[half : half + tenth]]
    injection.chance.shuffle(later)
    injection.store(later)
    again = injection.chance.sample(first, tenth)
    injection.announce([*later, *again])
    yield injection
    injection.remove()


@pytest.mark.timeout(LONG + 120)
def test_counts_index_and_documents_are_what_the_records_say(injection: Injection) -> None:
    injection.expect_what_the_records_say()


@pytest.mark.timeout(LONG + 120)
def test_searches_find_what_is_in_the_records(injection: Injection) -> None:
    wait_for(injection.system.is_idle, LONG)
    system = injection.system
    terms = {record.image: _highest(record) for record in injection.records() if record.status == "RECOGNIZED"}
    for asked, written, match, least in (
        (["THING 1"], [], "all", 0),
        (["seventh", "thing 0"], [], "all", 70),
        (["thing 0", "first thing", "thing 2"], [], "all", 60),
        (["thing 9", "thing 0"], [], "any", 90),
        (["thing 0"], ["word-1*", "Word-3"], "all", 0),
        ([], ["word-1*"], "all", 80),
        (["thing 9"], ["word-1*", "word-3"], "any", 70),
    ):
        combine = all if match == "all" else any
        wanted = {
            image
            for image, known in terms.items()
            if combine(
                any(_fits(term, key) and known[key] >= least for key in known)
                for term in (*asked, *(f"text\x1f{text}" for text in written))
            )
        }
        seen: list[str] = []
        address = f"{system.endpoints.labels}/search"
        query: Any = {
            "label": asked,
            "text": written,
            "match": match,
            "min_confidence": least,
            "limit": 20,
            "to": "2002-01-01",
        }
        while address:
            answer = requests.get(address, params=query, headers=system.headers, timeout=60)
            assert answer.ok, answer.text
            seen += [entry["image"] for entry in answer.json()]
            link = answer.links.get("next")
            address, query = (f"{system.endpoints.labels}/search{link['url']}" if link else ""), None
        assert sorted(seen) == sorted(wanted)


def _highest(record: ImageRecord) -> dict[str, float]:
    """Return the terms of a record with their highest confidences."""
    highest: dict[str, float] = {}
    for key, confidence in names(record):
        highest[key] = max(confidence, highest.get(key, 0))
    return highest


def _fits(term: str, key: str) -> bool:
    asked = term.casefold()
    return key.startswith(asked[:-1]) if asked.endswith("*") else key == asked


@pytest.mark.timeout(2 * LONG + 120)
def test_a_reprojection_restores_derived_data_and_removes_images_without_a_record(
    injection: Injection, cloud: Cloud
) -> None:
    wait_for(injection.system.is_idle, LONG)
    before = injection.derived()
    index = injection.table("LabelIndex")
    for item in injection.dynamodb.scan(TableName=index, Limit=40)["Items"]:
        key = {"label": item["label"], "rank": item["rank"]}
        injection.dynamodb.delete_item(TableName=index, Key=key)
    again = sightline(cloud, "reproject")
    assert again.returncode == 0, again.stderr
    wait_for(injection.system.is_idle, LONG)
    assert injection.derived() == before

    injection.remove()
    gone = sightline(cloud, "reproject")
    assert f"{RECORDS - RECORDS // 2:,}  index entries without a record, to remove" in gone.stdout, gone.stdout
    injection.expect_what_the_records_say()
    assert not [entry for entry in injection.derived().entries if entry[2].startswith("injected/")]


def test_objects_without_a_record_are_recognised_again(system: System, cloud: Cloud, injection: Injection) -> None:
    name = "lost & found+1.jpg"
    assert system.upload(f"{system.endpoints.photos}astronaut.jpg", name).ok
    record = wait_for(lambda: system.image(name))
    wait_for(system.is_idle)
    injection.dynamodb.delete_item(TableName=system.endpoints.table, Key={"image": {"S": name}})
    again = sightline(cloud, "reproject", "--missing")
    assert " 1  objects that differ from their records, to recognise or remove" in again.stdout, (
        again.stdout + again.stderr
    )
    back = wait_for(lambda: system.image(name))
    assert (back["version_id"], back["labels"]) == (record["version_id"], record["labels"])

    shown = sightline(cloud, "show", name, "--json")
    assert json.loads(shown.stdout)["image_id"] == record["image_id"]
    label = record["labels"][0]["name"]
    wait_for(system.is_idle)
    found_again = sightline(cloud, "search", label, "--from", "2020-01-01", "--limit", "500", "--json")
    assert name in [entry["image"] for entry in json.loads(found_again.stdout)]
    listed = sightline(cloud, "search", label, "--from", "2020-01-01", "--limit", "500").stdout.splitlines()
    assert name in [line.partition("\t")[0] for line in listed]

    deleted = sightline(cloud, "delete", name, "no such.jpg")
    assert deleted.returncode == 1
    assert f"✓ {name}: " in deleted.stdout
    assert "✗ no such.jpg: there is no image" in deleted.stdout
    wait_for(lambda: system.image(name) is None)
    injection.expect_what_the_records_say()
