"""Derived data agree with the records after any messages in any order, and after the death of any worker."""

import dataclasses
import json
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from unittest import mock

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.runtime.message_batch import RetryLaterError
from common.runtime.recognition_event import Box, Failure, Instance, Label, image_id
from recognition.runtime import update_index
from recognition.runtime.index import index_writer
from recognition.runtime.index.index_writer import IndexWriter
from recognition.runtime.records.image_records import ImageRecord, ImageRecords, to_item
from recognition.runtime.records.result_documents import ResultDocuments
from recognition.runtime.update_index import IndexUpdater
from tests.conftest import Templates
from tests.counted import COUNTED
from tests.derived import Derived, expected, found
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


class DeathError(BaseException):
    """The worker's end."""


class Interrupted:
    """A client that calls `then` before its n-th call. `then` runs another worker, or ends this one."""

    def __init__(self, client: Any, calls: list[int], when: int, then: Callable[[], None]) -> None:
        self.client, self.calls, self.when, self.then = client, calls, when, then

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.client, name)

        def call(**request: Any) -> Any:
            self.calls.append(1)
            if len(self.calls) == self.when:
                self.then()
            return method(**request)

        return call


LABELS = st.lists(
    st.builds(
        Label,
        name=st.sampled_from(["Dog", "dog", "Cat", "Animal", "Beach"]),
        confidence=st.sampled_from([70, 80.12345, 99.99999, 100]),
        parents=st.sampled_from([(), ("Animal",), ("Animal", "Pet")]),
        aliases=st.sampled_from([(), ("Hound",)]),
    ),
    max_size=4,
)
STATES = st.tuples(st.sampled_from(["RECOGNIZED", "RECOGNIZED", "FAILED", "DELETED"]), LABELS)
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("store"), st.sampled_from("ab"), STATES),
        st.tuples(st.just("deliver"), st.integers(0, 9), st.booleans()),
        st.tuples(st.just("die"), st.integers(0, 9), st.integers(1, 6)),
        st.tuples(st.just("overtake"), st.integers(0, 9), st.tuples(st.integers(1, 6), STATES)),
    ),
    max_size=14,
)


@given(actions=ACTIONS, seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_in_the_end_everything_derived_is_what_the_records_say(
    derivation: Derivation, actions: list[Any], seed: int
) -> None:
    """Records are stored and announced. Messages come twice, late and in any order. Workers die and overtake."""
    run = Run(derivation)
    with mock.patch.object(index_writer, "MAX_TRANSACTION_ITEMS", 6):  # so that few labels take several transactions
        for action, which, detail in actions:
            getattr(run, action)(which, detail)
        random.Random(seed).shuffle(run.queue)
        for message in run.queue:
            derivation.project(message)
    assert derivation.found() == expected(run.current.values())


class Run:
    """One example: the current records, and the messages in flight."""

    def __init__(self, derivation: Derivation) -> None:
        derivation.empty()
        self.derivation = derivation
        self.current: dict[str, ImageRecord] = {}
        self.queue: list[ImageRecord] = []
        self.changes = 0

    def store(self, name: str, state: tuple[str, list[Label]]) -> None:
        status, labels = state
        self.changes += 1
        failure = Failure(code="c", message="m") if status == "FAILED" else None
        seen = labels if status == "RECOGNIZED" else []
        self.current[name] = record(name, *seen, sequencer=self.changes, status=status, failure=failure)
        self.derivation.put(self.current[name])
        self.queue.append(self.current[name])

    def deliver(self, which: int, again: bool) -> None:
        """Handle a message. It leaves the queue, or stays to come again."""
        for message in self._message(which):
            self.derivation.project(message)
            if not again:
                self.queue.remove(message)

    def die(self, which: int, when: int) -> None:
        def end() -> None:
            raise DeathError

        for message in self._message(which):
            with suppress(DeathError):
                self._interrupted(message, when, end)
                self.queue.remove(message)

    def overtake(self, which: int, detail: tuple[int, tuple[str, list[Label]]]) -> None:
        """Store and project a later change in another worker, while this one works."""
        when, state = detail
        for message in self._message(which):

            def other() -> None:
                self.store(message.image, state)  # noqa: B023 - called at once
                self.derivation.project(self.queue.pop())

            self._interrupted(message, when, other)
            self.queue.remove(message)

    def _interrupted(self, message: ImageRecord, when: int, then: Callable[[], None]) -> None:
        calls: list[int] = []
        worker = self.derivation.worker(lambda client: Interrupted(client, calls, when, then))
        worker.handle(message.image, message.image_id, rewrite=False)

    def _message(self, which: int) -> list[ImageRecord]:
        return [self.queue[which % len(self.queue)]] if self.queue else []


@pytest.mark.parametrize("when", range(1, 6))
@pytest.mark.parametrize(
    ("first", "then"),
    [
        (record("a", DOG), record("a", CAT, BEACH, sequencer=2)),
        (record("a", DOG), record("a", sequencer=2, status="DELETED")),
        (record("a", sequencer=1, status="DELETED"), record("a", DOG, sequencer=2)),
    ],
    ids=["overwritten", "deleted", "created"],
)
def test_a_worker_that_is_overtaken_or_dies_at_any_of_its_calls_does_no_harm(
    derivation: Derivation, first: ImageRecord, then: ImageRecord, when: int
) -> None:
    """The overtaking worker finishes before the next call. No worker follows the overtaken one."""

    def other() -> None:
        derivation.put(then)
        derivation.project(then)

    calls: list[int] = []
    derivation.put(first)
    derivation.worker(lambda client: Interrupted(client, calls, when, other)).handle("a", first.image_id, rewrite=False)
    if len(calls) < when:
        other()
    assert derivation.found() == expected([then])

    def end() -> None:
        raise DeathError

    derivation.put(first)
    dying: list[int] = []
    with suppress(DeathError):
        worker = derivation.worker(lambda client: Interrupted(client, dying, when, end))
        worker.handle("a", first.image_id, rewrite=False)
    derivation.project(first)
    assert derivation.found() == expected([first])


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
