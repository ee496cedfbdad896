"""Whatever happens in whatever order, records, events and calls are what the final objects say."""

import dataclasses
import json
import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar
from unittest import mock
from urllib.parse import quote_plus

import boto3
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from moto import mock_aws

from common.runtime import caches, message_batch
from recognition.runtime import recognize_images
from recognition.runtime.records.image_records import ImageRecords
from recognition.runtime.spending import paid_answers
from tests.conftest import captured
from tests.functional.conftest import (
    Context,
    FakeRekognition,
    create_tables,
    create_topic,
    failed,
    photo,
    sqs_event,
)

KEYS = st.sampled_from(["a.jpg", "b.jpg"])
CONTENTS = st.sampled_from(["one", "two", "three"])


class CrashError(BaseException):
    """The worker's end: nothing after it is run, nothing is given back."""


@dataclasses.dataclass
class Crash:
    """What is to end the worker: its n-th call to a service, before it takes effect or after."""

    calls_left: int = 0
    after: bool = False
    happened: bool = False


class Mortal:
    """A client that may be the last one its worker calls."""

    def __init__(self, client: Any, crash: Crash) -> None:
        self._client = client
        self._crash = crash

    def __getattr__(self, name: str) -> Any:
        method: Callable[..., Any] = getattr(self._client, name)

        def call(**request: Any) -> Any:
            if self._crash.happened:
                raise CrashError  # the other threads end with it
            self._crash.calls_left -= 1
            self._crash.happened = self._crash.calls_left == 0
            if self._crash.happened and not self._crash.after:
                raise CrashError
            answer = method(**request)
            if self._crash.happened:
                raise CrashError
            return answer

        return call


class Clock:
    """A time that is the same in every run: some passes from one batch to the next."""

    def __init__(self) -> None:
        self.now = 1_000_000_000.0

    def time(self) -> float:
        return self.now


def one_by_one(max_workers: int) -> ThreadPoolExecutor:
    """Threads would have each run end differently."""
    return ThreadPoolExecutor(max_workers=1)


class Pipeline(RuleBasedStateMachine):
    """Objects are put, overwritten and deleted; their notifications come doubled and in any order; workers die."""

    template: ClassVar[dict[str, Any]]

    @initialize()
    def start(self) -> None:
        self.moto = mock_aws()
        self.moto.start()
        self.s3 = boto3.client("s3")
        self.s3.create_bucket(Bucket="images")
        self.s3.put_bucket_versioning(Bucket="images", VersioningConfiguration={"Status": "Enabled"})
        self.topic = create_topic()
        tables = create_tables(self.template)
        variables = {
            "CLASSIFICATIONS_TABLE": tables["classifications"],
            "RECOGNITIONS_TABLE": tables["recognitions"],
            "USAGE_TABLE": tables["usage"],
            "MONTHLY_BUDGET_USD": "0.0",
            "QUEUE_URL": boto3.client("sqs").create_queue(QueueName="queue")["QueueUrl"],
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
        self.crash = Crash()
        self.queue: list[str] = []
        self.current: dict[str, tuple[str, str] | None] = {}  # key -> content and version, None once deleted
        self.contents: dict[str, str] = {}  # version -> content
        self.allowed: Counter[str] = Counter()  # content -> calls
        self.changes = 0

    @rule(key=KEYS, content=CONTENTS)
    def put(self, key: str, content: str) -> None:
        version = self.s3.put_object(Bucket="images", Key=key, Body=photo(content))["VersionId"]
        self.current[key], self.contents[version] = (content, version), content
        self.allowed[content] = max(1, self.allowed[content])
        self._notify("object-created", key, version)

    @precondition(lambda self: any(self.current.values()))
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from([key for key, found in self.current.items() if found]))
        version = self.s3.delete_object(Bucket="images", Key=key)["VersionId"]
        self.current[key] = None
        self._notify("object-deleted", key, version)

    @precondition(lambda self: self.queue)
    @rule(data=st.data())
    def double(self, data: st.DataObject) -> None:
        self.queue.append(data.draw(st.sampled_from(self.queue)))

    @precondition(lambda self: self.queue)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        batch = data.draw(st.permutations(self.queue))[:4]
        self._handle(batch)

    @precondition(lambda self: self.queue)
    @rule(data=st.data(), calls=st.integers(1, 12), after=st.booleans())
    def deliver_to_a_worker_that_dies(self, data: st.DataObject, calls: int, after: bool) -> None:
        self.crash = Crash(calls, after)
        batch = data.draw(st.permutations(self.queue))[:4]
        try:
            self._handle(batch)
        except CrashError:
            for body in batch:  # each of them may have been under way
                version = json.loads(body)["Records"][0]["s3"]["object"]["versionId"]
                self.allowed[self.contents.get(version, "")] += 1
        self.crash = Crash()

    def teardown(self) -> None:
        """The end of a run: deliver what is left, then look."""
        if not hasattr(self, "moto"):
            return
        try:
            while self.queue:
                self._handle(self.queue[:4])
            self._check()
        finally:
            self.environment.stop()
            self.moto.stop()

    def _handle(self, batch: list[str]) -> None:
        caches.clear_all()  # each batch goes to a new worker
        made = recognize_images.recognizer()
        mortal = dataclasses.replace(
            made,
            pictures=dataclasses.replace(made.pictures, s3=Mortal(self.s3, self.crash)),  # type: ignore[arg-type]
            sns=Mortal(made.sns, self.crash),  # type: ignore[arg-type]
            rekognition=Mortal(self.rekognition, self.crash),  # type: ignore[arg-type]
            records=ImageRecords(Mortal(made.records.dynamodb, self.crash), made.records.table),  # type: ignore[arg-type]
            paid_answers=type(made.paid_answers)(
                Mortal(made.paid_answers.dynamodb, self.crash),  # type: ignore[arg-type]
                made.paid_answers.table,
            ),
            usage=dataclasses.replace(
                made.usage,
                dynamodb=Mortal(made.usage.dynamodb, self.crash),  # type: ignore[arg-type]
                without_retries=Mortal(made.usage.without_retries, self.crash),  # type: ignore[arg-type]
            ),
        )
        self.clock.now += 20  # a dead worker's claim of 30 s is met once, perhaps twice
        with (
            mock.patch.object(recognize_images, "recognizer", return_value=mortal),
            mock.patch.object(paid_answers, "time", self.clock),
            mock.patch.object(message_batch, "ThreadPoolExecutor", one_by_one),
        ):
            answer = recognize_images.handler(sqs_event(*batch), Context())  # type: ignore[arg-type]
        kept = {int(number) for number in failed(dict(answer))}
        for number, body in enumerate(batch):
            if number not in kept:
                self.queue.remove(body)

    def _check(self) -> None:
        published = self.topic.published()
        for key, expected in self.current.items():
            record = self.records.get(key)
            assert record
            announced = [p.document for p in published if p.document["event_id"] == record.event().event_id]
            assert announced, f"{key} ended as {record.status}, and nobody was told"
            assert all(json.loads(record.event().to_json()) == document for document in announced)
            if expected is None:
                assert record.status == "DELETED"
            else:
                assert (record.status, record.version_id) == ("RECOGNIZED", expected[1])
        versions = [call["Image"]["S3Object"]["Version"] for call in self.rekognition.calls]
        calls = Counter(self.contents[version] for version in versions)
        assert all(calls[content] <= self.allowed[content] for content in calls), (calls, self.allowed)
        assert recognize_images.recognizer().usage.this_month().calls >= len(versions)

    def _notify(self, event: str, key: str, version: str) -> None:
        self.changes += 1
        document = captured(event)
        document["Records"][0]["s3"]["object"] |= {
            "key": quote_plus(key),
            "versionId": version,
            "sequencer": f"{self.changes:016X}",
        }
        self.queue.append(json.dumps(document))


def test_records_events_and_calls_are_what_the_final_objects_say(templates: dict[str, Any]) -> None:
    Pipeline.template = templates["RekognitionStack"]
    run_state_machine_as_test(
        Pipeline,
        settings=settings(
            max_examples=10, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
