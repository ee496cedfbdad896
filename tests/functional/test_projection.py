"""Derived data agree with the records, after each kind of change and conflict."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from common.runtime.message_batch import RetryLaterError
from common.runtime.recognition_event import AbilityResult, Box, Failure, Instance, Label, image_id
from recognition.runtime import update_index
from recognition.runtime.index import index_entries, index_writer
from recognition.runtime.index.index_writer import IndexWriter
from recognition.runtime.records.image_records import ImageRecord, ImageRecords, to_item
from recognition.runtime.records.result_documents import ResultDocuments
from recognition.runtime.update_index import IndexUpdater
from tests.conftest import Templates
from tests.counted import COUNTED
from tests.derived import Derived, expected, found
from tests.findings import celebrities, moderation, words
from tests.functional.conftest import Context, create_tables, emitted, failed, kinds, sqs_event

DOG = Label(name="Dog", confidence=98.13, parents=("Animal", "Pet"), aliases=("Hound",))
CAT = Label(name="Cat", confidence=77.5, parents=("Animal", "Pet"))
ANIMAL = Label(name="Animal", confidence=80.00009)
BEACH = Label(
    name="Beach",
    confidence=91,
    instances=(Instance(confidence=91.5, box=Box(left=0.1, top=0.2, width=0.3, height=0.4)),),
)
MANY = tuple(
    Label(name=f"L{number}", confidence=70 + number, parents=tuple(f"P{number}.{parent}" for parent in range(3)))
    for number in range(13)
)


def record(image: str, *labels: Label, sequencer: int = 1, **values: Any) -> ImageRecord:
    plain: dict[str, Any] = {
        "image": image,
        "image_id": image_id("images", image),
        "status": "RECOGNIZED",
        "bucket": "images",
        "version_id": "v1",
        "sequencer": f"{sequencer:016X}",
        "uploaded_at": f"2026-11-20T09:30:{sequencer % 60:02}.000Z",
        "recognized_at": "2026-11-20T09:31:00.000Z",
        "fingerprint": "f",
        "model": "3.0",
        "labels": labels,
    }
    return ImageRecord(**(plain | values))


@dataclasses.dataclass
class Derivation:
    """The tables and the bucket, a worker, and what S3 and DynamoDB hold."""

    tables: dict[str, str]
    results: str = "results"
    dynamodb: Any = dataclasses.field(default_factory=lambda: boto3.client("dynamodb"))
    s3: Any = dataclasses.field(default_factory=lambda: boto3.client("s3"))

    def worker(self, wrap: Callable[[Any], Any] = lambda client: client) -> IndexUpdater:
        dynamodb, s3 = wrap(self.dynamodb), wrap(self.s3)
        return IndexUpdater(
            records=ImageRecords(dynamodb, self.tables["classifications"]),
            index=IndexWriter(
                dynamodb, self.tables["labelindex"], self.tables["labelcounts"], self.tables["projections"]
            ),
            results=ResultDocuments(s3, self.results),
        )

    def put(self, stored: ImageRecord) -> None:
        self.dynamodb.put_item(TableName=self.tables["classifications"], Item=to_item(stored))

    def project(self, stored: ImageRecord, *, rewrite: bool = False) -> None:
        self.worker().handle(stored.image, stored.image_id, rewrite=rewrite)

    def found(self) -> Derived:
        return found(
            self.dynamodb,
            self.s3,
            index=self.tables["labelindex"],
            counts=self.tables["labelcounts"],
            results=self.results,
        )

    def empty(self) -> None:
        """Delete everything. A new moto for each example would be slower."""
        for table in self.tables.values():
            description = self.dynamodb.describe_table(TableName=table)["Table"]
            names = [key["AttributeName"] for key in description["KeySchema"]]
            for item in self.dynamodb.scan(TableName=table)["Items"]:
                self.dynamodb.delete_item(TableName=table, Key={name: item[name] for name in names})
        for entry in self.s3.list_objects_v2(Bucket=self.results).get("Contents", []):
            self.s3.delete_object(Bucket=self.results, Key=entry["Key"])


@pytest.fixture
def derivation(aws: None, templates: Templates) -> Derivation:
    boto3.client("s3").create_bucket(Bucket="results")
    return Derivation(create_tables(templates["RekognitionStack"]))


def test_an_image_is_found_under_labels_parents_and_aliases_at_the_highest_confidence(derivation: Derivation) -> None:
    stored = record("a.jpg", DOG, CAT, ANIMAL)
    derivation.put(stored)
    derivation.project(stored)
    assert derivation.found().entries == {
        ("dog", 981_300, "a.jpg"),
        ("hound", 981_300, "a.jpg"),
        ("cat", 775_000, "a.jpg"),
        ("pet", 981_300, "a.jpg"),
        ("animal", 981_300, "a.jpg"),
    }


ABILITIES = {
    "text": words("INVOICE", "No.", "Dog", "crème", "-", "2026,", "x" * 201),
    "celebrities": celebrities("Beyoncé"),
    "moderation": moderation("Explicit Nudity", parent="Explicit"),
    "faces": AbilityResult(status="failed", at="t", failure=Failure(code="c", message="m")),
    "later": words("unknown"),
}


def test_an_image_is_found_under_the_names_that_abilities_found_with_their_kinds(derivation: Derivation) -> None:
    """Words that no search can name are left out: marks, and words that are too long."""
    stored = record("a.jpg", DOG, abilities=ABILITIES)
    derivation.put(stored)
    derivation.project(stored)
    labels = {("dog", 981_300), ("hound", 981_300), ("animal", 981_300), ("pet", 981_300)}
    texts = {(f"text\x1f{word}", 955_000) for word in ("invoice", "no", "dog", "creme", "2026")}
    others = {("celebrity\x1fbeyonce", 972_500), ("moderation\x1fexplicit nudity", 885_000)}
    others.add(("moderation\x1fexplicit", 885_000))
    derived = derivation.found()
    assert derived.entries == {(*each, "a.jpg") for each in labels | texts | others}
    assert derived.counts == {name: 1 for name, *_ in derived.entries}


@pytest.mark.parametrize("labels", [(), (DOG, BEACH)], ids=["no labels", "two labels"])
def test_the_result_is_what_the_record_says_from_the_first_event_to_the_deletion(
    derivation: Derivation, labels: tuple[Label, ...]
) -> None:
    for stored in (
        record("a.jpg", *labels),
        record("a.jpg", CAT, ANIMAL, sequencer=2),
        record("a.jpg", *labels, sequencer=3),
        record("a.jpg", sequencer=4, status="FAILED", failure=Failure(code="c", message="m")),
        record("a.jpg", *labels, sequencer=5),
        record("a.jpg", sequencer=6, status="DELETED", expires_at=2_000_000_000),
    ):
        derivation.put(stored)
        for _ in range(2):
            derivation.project(stored)
            assert derivation.found() == expected([stored])


def test_more_names_than_fit_into_a_transaction_are_added_and_removed_by_several(derivation: Derivation) -> None:
    for stored in (record("a.jpg", *MANY), record("a.jpg", sequencer=2, status="DELETED")):
        derivation.put(stored)
        derivation.project(stored)
        assert derivation.found() == expected([stored])


def test_an_image_whose_record_is_gone_vanishes_from_the_index(derivation: Derivation) -> None:
    stored = record("a.jpg", DOG)
    derivation.put(stored)
    derivation.project(stored)
    boto3.client("dynamodb").delete_item(
        TableName=derivation.tables["classifications"], Key={"image": {"S": stored.image}}
    )
    derivation.project(stored, rewrite=True)
    assert derivation.found() == Derived(set(), {}, {})


def test_a_repetition_writes_one_item_and_a_reprojection_repairs_damage(derivation: Derivation) -> None:
    stored = record("a.jpg", DOG)
    derivation.put(stored)
    derivation.project(stored)
    calls: list[int] = []

    class Counting:
        def __init__(self, client: Any) -> None:
            self.client = client

        def __getattr__(self, name: str) -> Any:
            return getattr(self.client, name)

        def transact_write_items(self, **request: Any) -> Any:
            calls.append(len(request["TransactItems"]))
            return self.client.transact_write_items(**request)

    derivation.worker(Counting).handle(stored.image, stored.image_id, rewrite=False)
    assert calls == [1]
    dynamodb = boto3.client("dynamodb")
    for item in dynamodb.scan(TableName=derivation.tables["labelindex"])["Items"]:
        key = {"label": item["label"], "rank": item["rank"]}
        dynamodb.delete_item(TableName=derivation.tables["labelindex"], Key=key)
    derivation.project(stored, rewrite=True)
    assert derivation.found() == expected([stored])


@pytest.mark.parametrize("is_other_added", [True, False], ids=["added", "removed"])
def test_a_counter_that_changes_while_an_image_is_removed_stays_exact(
    derivation: Derivation, monkeypatch: pytest.MonkeyPatch, is_other_added: bool
) -> None:
    """The counter of a term's last image is removed, so that no word outlives the pictures that show it."""
    monkeypatch.setattr(index_entries, "SHARDS", 1)
    states = [record("b.jpg", DOG), record("b.jpg", sequencer=2, status="DELETED")]
    before, after = reversed(states) if is_other_added else states
    for stored in (record("a.jpg", DOG), before):
        derivation.put(stored)
        derivation.project(stored)

    class Overtaken:
        def __init__(self, client: Any) -> None:
            self.client, self.is_first = client, True

        def __getattr__(self, name: str) -> Any:
            return getattr(self.client, name)

        def transact_write_items(self, **request: Any) -> Any:
            if self.is_first:
                self.is_first = False
                derivation.put(after)
                derivation.project(after)
            return self.client.transact_write_items(**request)

    removed = record("a.jpg", sequencer=2, status="DELETED")
    derivation.put(removed)
    derivation.worker(Overtaken).handle(removed.image, removed.image_id, rewrite=False)
    assert derivation.found() == expected([removed, after])


class Conflicted:
    """A client that fails its first `times` transactions with conflicts."""

    def __init__(self, client: Any, times: int) -> None:
        self.client, self.left = client, times

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def transact_write_items(self, **request: Any) -> Any:
        self.left -= 1
        if self.left >= 0:
            response: Any = {
                "Error": {"Code": "TransactionCanceledException"},
                "CancellationReasons": [{"Code": "None"}, {"Code": "TransactionConflict"}],
            }
            raise ClientError(response, "TransactWriteItems")
        return self.client.transact_write_items(**request)


def test_conflicts_with_other_images_are_retried_and_then_wait(
    derivation: Derivation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_writer, "FIRST_WAIT_SECONDS", 0.0)
    stored = record("a.jpg", DOG)
    derivation.put(stored)
    derivation.worker(lambda client: Conflicted(client, 3)).handle("a.jpg", stored.image_id, rewrite=False)
    assert derivation.found() == expected([stored])
    with pytest.raises(RetryLaterError):
        derivation.worker(lambda client: Conflicted(client, 99)).handle("a.jpg", stored.image_id, rewrite=False)


def test_the_handler_takes_events_and_reprojections_and_nothing_else(
    derivation: Derivation, context: Context, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("QUEUE_URL", boto3.client("sqs").create_queue(QueueName="queue")["QueueUrl"])
    monkeypatch.setenv("RESULTS_BUCKET", derivation.results)
    monkeypatch.setenv("CLASSIFICATIONS_TABLE", derivation.tables["classifications"])
    monkeypatch.setenv("LABEL_INDEX_TABLE", derivation.tables["labelindex"])
    monkeypatch.setenv("LABEL_COUNTS_TABLE", derivation.tables["labelcounts"])
    monkeypatch.setenv("PROJECTIONS_TABLE", derivation.tables["projections"])
    one, two = record("a.jpg", DOG), record("b.jpg", CAT)
    for stored in (one, two):
        derivation.put(stored)
    again = {"schema": update_index.REPROJECTION, "image": two.image, "image_id": two.image_id}
    bodies = [one.event().to_json(), json.dumps(again), "no json", '{"schema": "else"}', "[]"]
    answer = update_index.handler(sqs_event(*bodies), context)  # type: ignore[arg-type]
    assert failed(dict(answer)) == ["2", "3", "4"]
    assert derivation.found() == expected([one, two])
    assert kinds(emitted(capsys)) == COUNTED["update_index"]
