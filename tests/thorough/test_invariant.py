"""Records, events and calls agree with S3 in the end: after any changes, events in any order, and interruptions."""

import dataclasses
import json
import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar
from unittest import mock

import boto3
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from moto import mock_aws

from common.runtime import caches, message_batch
from recognition.runtime import recognize_images
from recognition.runtime.records.image_records import ImageRecords
from recognition.runtime.records.record_updater import RecordUpdater
from recognition.runtime.spending import paid_answers
from recognition.runtime.spending.paid_answers import PaidAnswers
from tests.functional.conftest import Context, create_tables, create_topic, failed, received, sqs_event
from tests.functional.fake_rekognition import FakeRekognition
from tests.functional.s3_bucket import S3

KEYS = st.sampled_from(["a.jpg", "b.jpg"])
CONTENTS = st.sampled_from(["one", "two", "three"])
BATCH = 4


class DeathError(BaseException):
    """The worker ends: nothing after it runs, and nothing is given back."""


@dataclasses.dataclass
class Interruption:
    """Something that happens at a worker's n-th call of a service, before the call takes effect or after it."""

    calls_left: int = 0
    after: bool = False
    action: Callable[[], None] = lambda: None
    is_dead: bool = False

    def call(self, method: Callable[..., Any], request: dict[str, Any]) -> Any:
        if self.is_dead:
            raise DeathError  # the other threads end too
        self.calls_left -= 1
        is_now = self.calls_left == 0
        if is_now and not self.after:
            self.action()
        answer = method(**request)
        if is_now and self.after:
            self.action()
        return answer

    def die(self) -> None:
        self.is_dead = True
        raise DeathError


class Interrupted:
    """A client with an interruption."""

    def __init__(self, client: Any, interruption: Interruption) -> None:
        self._client = client
        self._interruption = interruption

    def __getattr__(self, name: str) -> Any:
        method: Callable[..., Any] = getattr(self._client, name)
        return lambda **request: self._interruption.call(method, request)


class Clock:
    """A time that is the same in every run. Some time passes between two batches."""

    def __init__(self) -> None:
        self.now = 1_000_000_000.0

    def time(self) -> float:
        return self.now


def one_by_one(max_workers: int) -> ThreadPoolExecutor:
    """Threads would make each run end differently."""
    return ThreadPoolExecutor(max_workers=1)


def is_removal(body: str) -> bool:
    return not json.loads(body)["Records"][0]["eventName"].startswith("ObjectCreated:")


class Pipeline(RuleBasedStateMachine):
    """Versions come, go and come back. Their notifications arrive twice and in any order. Workers die and overtake."""

    template: ClassVar[dict[str, Any]]

    @initialize()
    def start(self) -> None:
        self.moto = mock_aws()
        self.moto.start()
        client = boto3.client("s3")
        client.create_bucket(Bucket="images")
        client.put_bucket_versioning(Bucket="images", VersioningConfiguration={"Status": "Enabled"})
        self.s3 = S3("images")
        self.topic = create_topic()
        tables = create_tables(self.template)
        variables = {
            "CLASSIFICATIONS_TABLE": tables["classifications"],
            "RECOGNITIONS_TABLE": tables["recognitions"],
            "USAGE_TABLE": tables["usage"],
            "MONTHLY_BUDGET_USD": "0.0",
            "QUEUE_URL": boto3.client("sqs").create_queue(QueueName="queue")["QueueUrl"],
            "REMOVALS_QUEUE_URL": boto3.client("sqs").create_queue(QueueName="removals")["QueueUrl"],
            "MAX_RECEIVE_COUNT": "20",
            "CALLS_PER_SECOND": "100000",
            "LABELS_TOPIC_ARN": self.topic.arn,
            "DETECT_LABELS": "{}",
            "MAX_IMAGE_BYTES": "1000000",
            "MAX_IMAGE_PIXELS": "1000000",
        }
        self.environment = mock.patch.dict(os.environ, variables)
        self.environment.start()
        caches.clear_all()
        self.rekognition = FakeRekognition()
        self.records = ImageRecords(boto3.client("dynamodb"), tables["classifications"])
        self.clock = Clock()
        self.queue: list[str] = []
        """The messages of both queues."""
        self.passed_on: set[str] = set()
        """Removals that are in the queue of uploads."""
        self.contents: dict[str, str] = {}  # version -> content
        self.allowed: Counter[str] = Counter()  # content -> calls

    @rule(key=KEYS, content=CONTENTS)
    def put(self, key: str, content: str) -> None:
        self.queue.append(self.s3.put(key, body=content))
        self.contents[self.s3.versions[-1][1]] = content
        self.allowed[content] = max(1, self.allowed[content])

    @precondition(lambda self: self.s3.versions)
    @rule(data=st.data(), by_lifecycle=st.booleans())
    def delete(self, data: st.DataObject, by_lifecycle: bool) -> None:
        key, _ = data.draw(st.sampled_from(self.s3.versions))
        self.queue.append(self.s3.expire(key) if by_lifecycle else self.s3.delete(key))

    @precondition(lambda self: self.s3.versions)
    @rule(data=st.data())
    def delete_versions(self, data: st.DataObject) -> None:
        """Delete versions and markers permanently: the current, the only, older ones, several or all of them."""
        chosen = data.draw(st.lists(st.sampled_from(self.s3.versions), min_size=1, unique=True))
        self.queue += self.s3.delete_versions(*chosen)

    @precondition(lambda self: self.queue)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        self.queue.append(data.draw(st.sampled_from(self.queue)))

    @precondition(lambda self: self.queue)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        self._handle(self._batch(data), Interruption())

    @precondition(lambda self: self.queue)
    @rule(data=st.data(), calls=st.integers(1, 14), after=st.booleans())
    def deliver_to_a_worker_that_dies(self, data: st.DataObject, calls: int, after: bool) -> None:
        batch = self._batch(data)
        interruption = Interruption(calls, after)
        interruption.action = interruption.die
        try:
            self._handle(batch, interruption)
        except DeathError:
            for version in self.s3.current().values():  # the worker may have asked about each of them
                self.allowed[self.contents[version]] += 1

    @precondition(lambda self: self.queue)
    @rule(data=st.data(), calls=st.integers(1, 14), after=st.booleans(), key=KEYS, content=CONTENTS, put=st.booleans())
    def deliver_while_the_object_changes(
        self, data: st.DataObject, calls: int, after: bool, key: str, content: str, put: bool
    ) -> None:
        change = (lambda: self.put(key, content)) if put else (lambda: self._restore_or_delete(key))
        self._handle(self._batch(data), Interruption(calls, after, change))

    @precondition(lambda self: len(self.queue) > 1)
    @rule(data=st.data(), calls=st.integers(1, 14), after=st.booleans())
    def deliver_to_a_worker_that_is_overtaken(self, data: st.DataObject, calls: int, after: bool) -> None:
        first, *others = self._batch(data)
        self._handle([first], Interruption(calls, after, lambda: self._handle(others, Interruption())))

    def teardown(self) -> None:
        """Deliver the rest at the end of a run, and check."""
        if not hasattr(self, "moto"):
            return
        try:
            while self.queue:
                self._handle(self.queue[:BATCH], Interruption())
            self._check()
        finally:
            self.environment.stop()
            self.moto.stop()

    def _restore_or_delete(self, key: str) -> None:
        """Delete the latest version or marker of a key permanently."""
        latest = [(each, version) for each, version in self.s3.versions if each == key][-1:]
        if latest:
            self.queue += self.s3.delete_versions(*latest)

    def _batch(self, data: st.DataObject) -> list[str]:
        return list(data.draw(st.permutations(self.queue)))[:BATCH]

    def _worker(self, interruption: Interruption) -> RecordUpdater:
        """Make a new worker with an interruption in all its clients."""

        def wrap(client: Any) -> Any:
            return Interrupted(client, interruption)

        caches.clear_all()
        made = recognize_images.record_updater()
        operation = made.recognizer.operation
        stored, usage = operation.paid_answers, operation.usage
        return dataclasses.replace(
            made,
            pictures=dataclasses.replace(made.pictures, s3=wrap(made.pictures.s3)),
            recognizer=dataclasses.replace(
                made.recognizer,
                rekognition=wrap(self.rekognition),
                operation=dataclasses.replace(
                    operation,
                    paid_answers=PaidAnswers(wrap(stored.dynamodb), stored.table, stored.form),
                    usage=dataclasses.replace(
                        usage, dynamodb=wrap(usage.dynamodb), without_retries=wrap(usage.without_retries)
                    ),
                ),
            ),
            records=ImageRecords(wrap(made.records.dynamodb), made.records.table),
            topic=dataclasses.replace(made.topic, sns=wrap(made.topic.sns)),
        )

    def _handle(self, batch: list[str], interruption: Interruption) -> None:
        worker = self._worker(interruption)
        self.clock.now += 20  # a dead worker's claim of 30 s is met once or twice
        with (
            mock.patch.object(recognize_images, "record_updater", return_value=worker),
            mock.patch.object(paid_answers, "time", self.clock),
            mock.patch.object(message_batch, "ThreadPoolExecutor", one_by_one),
        ):
            for queue, messages in self._by_queue(batch).items():
                answer = recognize_images.handler(sqs_event(*messages, queue=queue), Context())  # type: ignore[arg-type]
                kept = {int(number) for number in failed(dict(answer))}
                for number, body in enumerate(messages):
                    if number not in kept and body in self.queue:
                        self.queue.remove(body)
        self._receive_passed_on()

    def _by_queue(self, batch: list[str]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for body in batch:
            queue = "removals" if is_removal(body) and body not in self.passed_on else "queue"
            found.setdefault(queue, []).append(body)
        return found

    def _receive_passed_on(self) -> None:
        """Take the messages that the worker sent to the queue of uploads."""
        bodies = received(os.environ["QUEUE_URL"])
        self.queue += bodies
        self.passed_on |= set(bodies)

    def _check(self) -> None:
        published = [message.document for message in self.topic.published()]
        for event_id in {document["event_id"] for document in published}:
            texts = {json.dumps(document) for document in published if document["event_id"] == event_id}
            assert len(texts) == 1, f"two events have one id: {texts}"
        current = self.s3.current()
        for key in ("a.jpg", "b.jpg"):
            record = self.records.get(key)
            if record is None:
                assert key not in current
                assert not [document for document in published if document["image"] == key]
                continue
            assert record.status == ("RECOGNIZED" if key in current else "DELETED")
            assert record.describes(current.get(key))
            assert json.loads(record.event().to_json()) in published, f"the event of {record.status} is missing"
        versions = [call["Image"]["S3Object"]["Version"] for call in self.rekognition.calls]
        calls = Counter(self.contents[version] for version in versions)
        assert all(calls[content] <= self.allowed[content] for content in calls), (calls, self.allowed)
        assert recognize_images.record_updater().recognizer.operation.usage.this_month().calls >= len(versions)


def test_records_events_and_calls_agree_with_s3_in_the_end(templates: dict[str, Any]) -> None:
    Pipeline.template = templates["RekognitionStack"]
    run_state_machine_as_test(
        Pipeline,
        settings=settings(
            max_examples=10, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
