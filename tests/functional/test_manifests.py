"""Manifests from the bucket to the report: every line counts once, whatever is cut, repeated or refused."""

import dataclasses
import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from api.runtime import fetch_images, read_manifest
from api.runtime.manifests.manifest_table import Manifest, Manifests
from common.runtime import message_batch
from common.settings import Settings
from tests.conftest import Templates, captured
from tests.counted import COUNTED
from tests.functional.conftest import Context, create_tables, emitted, failed, kinds, sqs_event
from tests.functional.test_get_save_image import stored
from tests.source_server import Source, serve


@pytest.fixture(name="source")
def source_fixture() -> Iterator[Source]:
    with serve() as running:
        yield running


@dataclasses.dataclass
class Intake:
    """The manifest bucket with its notifications, both queues, and their consumers."""

    context: Any
    manifest_queue: str
    fetch_queue: str
    images: str
    fetched: Counter[int] = dataclasses.field(default_factory=Counter)
    """Line number -> times it was queued."""

    def drop(self, key: str, content: str | bytes, **metadata: str) -> str:
        """Put a manifest into the bucket. Returns its version."""
        s3 = boto3.client("s3")
        version = str(s3.put_object(Bucket="manifests", Key=key, Body=content, Metadata=metadata)["VersionId"])
        self.announce(key, version)
        return version

    def announce(self, key: str, version: str) -> None:
        document = captured("object-created")
        document["Records"][0]["s3"]["object"] |= {"key": key.replace(" ", "+"), "versionId": version}
        boto3.client("sqs").send_message(QueueUrl=self.manifest_queue, MessageBody=json.dumps(document))

    def read(self) -> None:
        """Consume the present messages of the manifest queue, one after the other."""
        self._work_off(self.manifest_queue, read_manifest.handler)

    def fetch(self) -> None:
        """Consume the messages of the fetch queue, as often as they come back."""
        self._work_off(self.fetch_queue, fetch_images.handler)

    def run(self) -> None:
        """Consume both queues until they are empty."""
        while self.depth(self.manifest_queue) + self.depth(self.fetch_queue):
            self.fetch()
            self.read()

    def report(self, key: str) -> Any:
        return json.loads(boto3.client("s3").get_object(Bucket="manifests", Key=f"reports/{key}.json")["Body"].read())

    def _work_off(self, queue: str, handler: Callable[..., Any]) -> None:
        sqs = boto3.client("sqs")
        size = 1 if queue == self.manifest_queue else 10
        while messages := sqs.receive_message(
            QueueUrl=queue, MaxNumberOfMessages=size, MessageSystemAttributeNames=["All"]
        ).get("Messages"):
            event = sqs_event(*(message["Body"] for message in messages))
            for record, message in zip(event["Records"], messages, strict=True):
                record["receiptHandle"] = message["ReceiptHandle"]
                record["attributes"] = message["Attributes"]
                if "number" in (body := json.loads(message["Body"])):
                    self.fetched[body["number"]] += 1
            left = failed(handler(event, self.context))
            for number, message in enumerate(messages):
                if str(number) not in left:
                    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            if handler is read_manifest.handler:
                return

    def depth(self, queue: str) -> int:
        """Return the number of messages that wait in a queue."""
        found = boto3.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
        return int(found["ApproximateNumberOfMessages"])


@pytest.fixture(name="intake")
def intake_fixture(
    bucket: str, templates: Templates, source: Source, context: Context, monkeypatch: pytest.MonkeyPatch
) -> Intake:
    s3, sqs = boto3.client("s3"), boto3.client("sqs")
    for name in ("manifests", "archive"):
        s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket="manifests", VersioningConfiguration={"Status": "Enabled"})
    made = Intake(
        dataclasses.replace(context),
        sqs.create_queue(QueueName="manifest")["QueueUrl"],
        sqs.create_queue(QueueName="fetch")["QueueUrl"],
        bucket,
    )
    for name, value in {
        "IMAGE_BUCKET": bucket,
        "MANIFEST_BUCKET": "manifests",
        "MANIFESTS_TABLE": create_tables(templates["APIStack"])["manifests"],
        "MANIFEST_QUEUE_URL": made.manifest_queue,
        "FETCH_QUEUE_URL": made.fetch_queue,
        "SOURCES": json.dumps(Settings(private_sources=(source.host_and_port,)).sources),
        "SOURCE_BUCKETS": '["archive"]',
        "MAX_IMAGE_BYTES": "1000000",
        "MAX_IMAGE_PIXELS": "1000000",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(read_manifest, "SPARE_SECONDS", -1.0)
    monkeypatch.setattr(fetch_images, "SPARE_SECONDS", -1.0)
    monkeypatch.setattr(read_manifest, "FIRST_LOOK_SECONDS", 0)
    for module in (message_batch, fetch_images):  # what failed comes back at once
        monkeypatch.setattr(module, "backoff", lambda _: 0)
    monkeypatch.setattr(fetch_images, "LAST_RETRY_SECONDS", 0)
    return made


def adds_up(report: Any) -> bool:
    settled = report["stored"] + report["unchanged"] + len(report["failed"]) + report["pending"]
    accepted: bool = report["accepted"] == settled
    return accepted and report["lines"] == report["accepted"] + len(report["rejected"])


def test_a_report_says_what_became_of_each_line(intake: Intake, source: Source) -> None:
    host = source.address
    lines = [
        f'{{"url": "{host}/photo.jpg?red", "name": "red.jpg"}}',
        f'{{"url": "{host}/photo.jpg?navy"}}',
        "no JSON",
        f'{{"url": "{host}/photo.jpg?red", "name": "red.jpg"}}',
        f'{{"url": "{host}/png", "name": "red.jpg"}}',
        f'{{"url": "{host}/missing", "name": "a.jpg"}}',
        f'{{"url": "{host}/page", "name": "b.jpg"}}',
        '{"url": "http://127.0.0.1:9/x", "name": "c.jpg"}',
    ]
    version = intake.drop("2026/my list.jsonl", "\n".join(lines))
    intake.run()
    report = intake.report("2026/my list.jsonl")
    assert (report["manifest"], report["version_id"], report["status"]) == ("2026/my list.jsonl", version, "done")
    assert (report["lines"], report["accepted"], report["pending"]) == (8, 7, 0)
    assert (report["stored"], report["unchanged"]) == (2, 1)
    [rejected] = report["rejected"]
    assert rejected["line"] == 3
    assert "not JSON" in rejected["reason"]
    reasons = {line["line"]: (line["url"], line["reason"].partition(":")[0]) for line in report["failed"]}
    assert reasons.keys() == {5, 6, 7, 8}
    assert reasons[6] == (f"{host}/missing", "SourceFailed")
    assert [reasons[line][1] for line in (5, 7, 8)] == ["NameTaken", "NotAPicture", "SourceForbidden"]
    assert adds_up(report)
    assert report["started_at"] <= report["finished_at"]
    assert sorted(key.partition("@")[0] for key in stored(intake.images)) == ["photo.jpg", "red.jpg"]


def test_json_and_csv_are_taken_as_well(intake: Intake, source: Source, capsys: pytest.CaptureFixture[str]) -> None:
    intake.drop("one.json", f'{{"url": "{source.address}/photo.jpg?red", "name": "1.jpg"}}')
    intake.read()
    assert kinds(emitted(capsys)) == COUNTED["read_manifest"]
    intake.fetch()
    assert kinds(emitted(capsys)) == COUNTED["fetch_images"]
    intake.drop("list.json", f'[{{"url": "{source.address}/photo.jpg?navy", "name": "2.jpg"}}, {{}}]')
    intake.drop("table.csv", f"url,name\n{source.address}/photo.jpg,3.jpg\n{source.address}/png\n")
    intake.drop("empty.csv", "")
    intake.run()
    reports = [intake.report(key) for key in ("one.json", "list.json", "table.csv", "empty.csv")]
    assert [report["status"] for report in reports] == ["done"] * 4
    assert [report["lines"] for report in reports] == [1, 2, 2, 0]
    assert all(adds_up(report) for report in reports)
    assert sorted(key.partition("@")[0] for key in stored(intake.images)) == ["1.jpg", "2.jpg", "3.jpg", "png"]


def many(source: Source, count: int) -> str:
    """Return lines, every fifth of them bad."""
    return "\n".join(
        "bad" if number % 5 == 0 else f"{source.address}/photo.jpg?{number},{number % 7}/{number}.jpg"
        for number in range(1, count + 1)
    )


def quick(monkeypatch: pytest.MonkeyPatch, intake: Intake) -> list[str]:
    """Replace fetching. Returns the names of the stored pictures."""
    names: list[str] = []
    fake = dataclasses.replace(fetch_images.fetcher())

    class Saver:
        def save(self, upload: Any) -> Any:
            names.append(upload.name)
            return dataclasses.make_dataclass("Saved", ["changed"])(True)

    fake = dataclasses.replace(fake, saver=Saver())  # type: ignore[arg-type]
    monkeypatch.setattr(fetch_images, "fetcher", lambda: fake)
    return names


def test_reading_goes_on_where_the_time_limit_cut_it(
    intake: Intake, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = quick(monkeypatch, intake)
    monkeypatch.setattr(read_manifest, "MAX_BATCH_LINES", 7)
    monkeypatch.setattr(read_manifest, "CHUNK_BYTES", 100)
    monkeypatch.setattr(read_manifest, "SPARE_SECONDS", 100.0)  # more than there is
    intake.drop("long.csv", many(source, 60))
    for invocation in range(1, 9):
        intake.read()
        assert intake.depth(intake.manifest_queue) == 1, invocation
    intake.run()
    assert set(intake.fetched.values()) == {1}
    assert sorted(intake.fetched) == [number for number in range(1, 61) if number % 5]
    assert len(names) == len(set(names)) == 48
    report = intake.report("long.csv")
    assert (report["lines"], report["stored"], len(report["rejected"])) == (60, 48, 12)
    assert [line["line"] for line in report["rejected"]] == list(range(5, 61, 5))


def test_repeated_events_and_messages_count_once(
    intake: Intake, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = quick(monkeypatch, intake)
    monkeypatch.setattr(read_manifest, "MAX_BATCH_LINES", 7)
    monkeypatch.setattr(read_manifest, "SPARE_SECONDS", 100.0)
    version = intake.drop("list.csv", many(source, 20))
    for _ in range(3):
        intake.announce("list.csv", version)
    task = json.dumps({"task": "read", "key": "list.csv", "version_id": version, "not_before": 0})
    for _ in range(6):
        boto3.client("sqs").send_message(QueueUrl=intake.manifest_queue, MessageBody=task)
        intake.read()
    intake.run()
    intake.announce("list.csv", version)
    intake.run()
    assert len(names) == len(set(names)) == 16
    report = intake.report("list.csv")
    assert report["status"] == "done"
    assert (report["lines"], report["stored"], report["unchanged"], len(report["rejected"])) == (20, 16, 0, 4)


def test_of_two_readers_at_once_the_second_stops(
    intake: Intake, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line that both readers have queued is processed once."""
    names = quick(monkeypatch, intake)
    monkeypatch.setattr(read_manifest, "MAX_BATCH_LINES", 10)
    manifest = Manifest("list.csv", intake.drop("list.csv", many(source, 40)))
    reader = read_manifest.reader()
    began = reader.manifests.begin(manifest)
    reader.read(manifest, ends_at=1e9)
    late = dataclasses.replace(reader, manifests=Late(reader.manifests, began))  # type: ignore[arg-type]
    late.read(manifest, ends_at=1e9)
    intake.run()
    report = intake.report("list.csv")
    assert (report["lines"], report["stored"], len(report["rejected"])) == (40, 32, 8)
    assert adds_up(report)
    assert max(intake.fetched.values()) == 2
    assert [number for number, times in intake.fetched.items() if times == 2] == [n for n in range(1, 11) if n % 5]
    assert len(names) == 32


@dataclasses.dataclass
class Late:
    """Shows a reader the progress from before another reader continued."""

    real: Manifests
    progress_then: Any

    def begin(self, _: Manifest) -> Any:
        return self.progress_then

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


@pytest.mark.parametrize("operation", ["send_message_batch", "batch_write_item", "put_item", "send_message"])
def test_a_reader_that_dies_is_followed_by_one_that_goes_on(
    intake: Intake, source: Source, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    """Each call in turn fails once after it was made, as if the worker had died then."""
    quick(monkeypatch, intake)
    monkeypatch.setattr(read_manifest, "MAX_BATCH_LINES", 5)
    monkeypatch.setattr(read_manifest, "SPARE_SECONDS", 100.0)
    reader = read_manifest.reader()
    service = reader.sqs if operation.startswith("send") else reader.manifests.dynamodb
    for number in range(1, 4):
        dying = Dying(service, operation, number)
        if service is reader.sqs:
            fake = dataclasses.replace(reader, sqs=dying)  # type: ignore[arg-type]
        else:
            manifests = dataclasses.replace(reader.manifests, dynamodb=dying)  # type: ignore[arg-type]
            fake = dataclasses.replace(reader, manifests=manifests)
        monkeypatch.setattr(read_manifest, "reader", lambda fake=fake: fake)
        intake.drop(f"{number}.csv", many(source, 15))
        intake.run()
        report = intake.report(f"{number}.csv")
        assert report["status"] == "done"
        assert (report["lines"], report["stored"], len(report["rejected"])) == (15, 12, 3)


@dataclasses.dataclass
class Dying:
    """A client that makes a call and then raises an error for it."""

    real: Any
    operation: str
    number: int

    def __getattr__(self, name: str) -> Any:
        call = getattr(self.real, name)
        if name != self.operation:
            return call

        def made(**request: Any) -> Any:
            answer = call(**request)
            self.number -= 1
            if self.number == 0:
                raise ClientError({"Error": {"Code": "InternalError", "Message": "dead"}}, name)
            return answer

        return made


def test_a_manifest_again_stores_nothing_twice(intake: Intake, source: Source) -> None:
    for key in ("a.csv", "b.csv", "a.csv"):
        intake.drop(key, f"{source.address}/photo.jpg?red,red.jpg\n{source.address}/png,a.png")
        intake.run()
    assert (intake.report("b.csv")["stored"], intake.report("b.csv")["unchanged"]) == (0, 2)
    assert len(stored(intake.images)) == 2


@pytest.mark.parametrize("key", ["photos.zip", "IMG_1.jpg", "list", "a b/ü.xlsx"])
def test_an_object_that_is_no_manifest_gets_a_report_that_says_so(intake: Intake, key: str) -> None:
    intake.drop(key, "PK")
    intake.run()
    report = intake.report(key)
    assert (report["status"], report["lines"], report["accepted"]) == ("done", 1, 0)
    [rejected] = report["rejected"]
    assert rejected == {
        "line": 1,
        "reason": "the object is no manifest: the name of a manifest ends in .json, .jsonl, .ndjson, .csv, .tsv, .txt",
    }


def test_an_empty_manifest_gets_a_report(intake: Intake) -> None:
    intake.drop("empty.CSV", "")
    intake.run()
    assert (intake.report("empty.CSV")["status"], intake.report("empty.CSV")["lines"]) == ("done", 0)


def test_reports_folders_and_test_events_are_left_alone(intake: Intake) -> None:
    sqs = boto3.client("sqs")
    sqs.send_message(QueueUrl=intake.manifest_queue, MessageBody=json.dumps(captured("test-event")))
    intake.drop("reports/list.csv.json", '{"url": "https://host/a.jpg"}')
    intake.drop("2026/", "")
    intake.run()
    assert intake.fetched == {}
    assert boto3.client("s3").list_objects_v2(Bucket="manifests")["KeyCount"] == 2


def test_reading_is_saved_by_bytes_as_well(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blank lines alone fill no batch of lines."""
    monkeypatch.setattr(read_manifest, "CHUNK_BYTES", 100)
    monkeypatch.setattr(read_manifest, "MAX_BATCH_BYTES", 400)
    monkeypatch.setattr(read_manifest, "SPARE_SECONDS", 100.0)  # more than there is
    intake.drop("blank.csv", "\n" * 2_000)
    for invocation in range(1, 5):
        intake.read()
        assert intake.depth(intake.manifest_queue) == 1, invocation
    intake.run()
    assert intake.report("blank.csv")["status"] == "done"


def test_lines_without_an_outcome_are_counted_in_the_end(
    intake: Intake, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake.drop("list.csv", f"{source.address}/photo.jpg\n{source.address}/png")
    intake.read()
    assert (intake.report("list.csv")["status"], intake.report("list.csv")["pending"]) == ("running", 2)
    intake.read()
    assert intake.depth(intake.manifest_queue) == 1  # looks again
    monkeypatch.setattr(read_manifest, "LAST_LOOK_SECONDS", 0)
    intake.read()
    assert (intake.report("list.csv")["status"], intake.report("list.csv")["pending"]) == ("unfinished", 2)
    assert intake.depth(intake.manifest_queue) == 0
