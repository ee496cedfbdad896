"""Everything that is derived from pictures equals S3's own listing after random operations on versions.

Four seeds run 150 operations each. SIGHTLINE_OPERATIONS sets another number; `make test-versions` runs 2,000 each.
"""

import os
import random
from collections.abc import Callable
from typing import IO, Any

import boto3
import pytest

from cli.record_differences import RecordComparison
from common.runtime.recognition_event import image_id
from recognition.runtime import make_renditions, recognize_images, update_index
from recognition.runtime.make_renditions import RenditionUpdater
from recognition.runtime.pictures.stored_pictures import StoredPictures
from recognition.runtime.records.hidden_images import HiddenImages
from recognition.runtime.records.image_records import ImageRecords
from recognition.runtime.records.record_updater import RecordUpdater
from recognition.runtime.renditions.rendition_store import RenditionIndex, RenditionStore
from tests.conftest import captured
from tests.derived import expected, found, stored_records
from tests.functional.conftest import Context, Topic, failed, received, sqs_event
from tests.functional.fake_rekognition import with_rekognition
from tests.functional.s3_bucket import S3

OPERATIONS = int(os.environ.get("SIGHTLINE_OPERATIONS", "150"))
ODD_KEYS = [
    "folder/",
    "folder//",
    "100%25+1 %2B.jpg",
    " a \u202e\x7f.jpg",
    "日本/🏖.jpg",
    f"{'ü' * 510}.jpg",
    "../a",
    ".",
]
KEYS = [*ODD_KEYS, *(f"{number} ü+&.jpg" for number in range(17))]
CONTENTS = ["dog", "cat", "beach", "car", "tree", "bird"]
UNSAFE = {"car", "bird"}
"""The contents with a moderation label."""

BATCH = 10
OFTEN = 20
LOST_SHARE = 0.02


class UndecodedPictures(StoredPictures):
    """Takes a picture itself as its rendition, so that the test does not wait for the decoder."""

    def jpeg(self, file: IO[bytes], *, form: str, seconds: float) -> bytes:
        file.seek(0)
        return file.read()


class ContentRekognition:
    """Answers each version with the label, the words and the moderation label that its content names."""

    def __init__(self, contents: dict[str, str]) -> None:
        self.contents = contents
        self.calls = 0

    def detect_labels(self, **request: Any) -> Any:
        content, answer = self._content(request), captured("detect-labels")
        answer["Labels"] = [{**answer["Labels"][0], "Name": content, "Confidence": 80 + len(content) / 7}]
        return answer

    def detect_text(self, **request: Any) -> Any:
        content, answer = self._content(request), captured("detect-text")
        for detection in answer["TextDetections"]:
            detection["DetectedText"] = f"the {content}" if detection["Type"] == "LINE" else content
        return answer

    def detect_moderation_labels(self, **request: Any) -> Any:
        content, answer = self._content(request), captured("detect-moderation-labels")
        if content not in UNSAFE:
            answer["ModerationLabels"] = []
        return answer

    def _content(self, request: Any) -> str:
        self.calls += 1
        return self.contents[request["Image"]["S3Object"]["Version"]]


class World:
    """The bucket, and the four queues of the three functions that follow it."""

    def __init__(
        self,
        s3: S3,
        topic: Topic,
        deliver: Callable[..., list[str]],
        upload_queue_url: str,
        context: Context,
        seed: int,
    ) -> None:
        self.s3, self.topic, self.upload_queue_url, self.context = s3, topic, upload_queue_url, context
        self.recognize = deliver
        self.chance = random.Random(seed)
        self.loses_messages = seed % 2 == 1
        self.contents: dict[str, str] = {}
        self.uploads: list[str] = []
        self.removals: list[str] = []
        self.renditions: list[str] = []
        self.labels: list[str] = []
        self.announced: dict[str, dict[str, Any]] = {}
        """The last event of each image."""

    def operate(self) -> None:
        """Do one random operation, then perhaps handle a part of the messages."""
        operations: dict[Callable[[], list[str]], int] = {self.put: 45}
        if self.s3.versions:
            operations |= {
                self.put_often: 1,
                self.put_folder: 2,
                self.copy_onto_itself: 5,
                self.delete: 15,
                self.expire: 3,
                self.delete_latest: 15,
                self.delete_any: 15,
                self.delete_several: 5,
                self.empty: 1,
            }
        [operation] = self.chance.choices(list(operations), list(operations.values()))
        messages = operation()
        self.renditions += messages
        for message in messages:
            if not self.loses_messages or self.chance.random() > LOST_SHARE:
                (self.uploads if "ObjectCreated:" in message else self.removals).append(message)
        if self.chance.random() < 0.1:
            self.handle(self.chance.random())

    def put(self) -> list[str]:
        return [self._put(self.chance.choice(KEYS))]

    def put_often(self) -> list[str]:
        """Write the same key many times, faster than any message is handled."""
        key = self.chance.choice(KEYS)
        return [self._put(key) for _ in range(OFTEN)]

    def _put(self, key: str) -> str:
        content = self.chance.choice(CONTENTS)
        message = self.s3.put(key, body=content)
        self.contents[self.s3.versions[-1][1]] = content
        return message

    def put_folder(self) -> list[str]:
        """Make the empty object that a console creates for a folder, perhaps over a picture."""
        return [self.s3.put_bytes("folder/", b"")]

    def copy_onto_itself(self) -> list[str]:
        latest = [version for version in dict(self.s3.versions).items() if version[1] in self.contents]
        if not latest:
            return []
        key, version_id = self.chance.choice(latest)
        message = self.s3.copy_onto_itself(key)
        self.contents[self.s3.versions[-1][1]] = self.contents[version_id]
        return [message]

    def delete(self) -> list[str]:
        return [self.s3.delete(self._key())]

    def expire(self) -> list[str]:
        return [self.s3.expire(self._key())]

    def delete_latest(self) -> list[str]:
        """Delete the current version permanently, or undelete the picture."""
        key = self._key()
        return self.s3.delete_versions([version for version in self.s3.versions if version[0] == key][-1])

    def delete_any(self) -> list[str]:
        return self.s3.delete_versions(self.chance.choice(self.s3.versions))

    def delete_several(self) -> list[str]:
        number = min(len(self.s3.versions), self.chance.randint(2, 10))
        return self.s3.delete_versions(*self.chance.sample(self.s3.versions, number))

    def empty(self) -> list[str]:
        return self.s3.delete_versions(*self.s3.versions)

    def _key(self) -> str:
        return self.chance.choice(self.s3.versions)[0]

    def pictures(self) -> dict[str, str]:
        """List the keys whose current version is a picture, with its id."""
        return {key: version for key, version in self.s3.current().items() if version in self.contents}

    def finish(self, records_table: str) -> None:
        """Handle all messages, and those that `sightline reproject --missing` sends instead of lost ones."""
        self._handle_all()
        dynamodb = boto3.client("dynamodb")
        comparison = RecordComparison(boto3.client("s3"), dynamodb, self.s3.bucket, records_table)
        found = [*comparison.differing_objects(), *comparison.missing_objects(KEYS)]
        assert self.loses_messages or not found
        self.uploads += found
        self.renditions += found
        self._handle_all()

    def _handle_all(self) -> None:
        while self.removals or self.uploads or self.renditions or self.labels:
            self.handle(1)

    def handle(self, share: float) -> None:
        """Handle a random part of each queue in random order. Some messages come again later."""
        for queue, work in (
            (self.removals, self._remove),
            (self.uploads, self._recognize),
            (self.renditions, self._render),
            (self.labels, self._index),
        ):
            self.chance.shuffle(queue)
            number = round(share * len(queue))
            messages, queue[:] = queue[:number], queue[number:]
            for start in range(0, number, BATCH):
                work(messages[start : start + BATCH])
            queue += [message for message in messages if self.chance.random() < 0.05 and share < 1]

    def _remove(self, messages: list[str]) -> None:
        self.removals += [messages[int(number)] for number in self.recognize(*messages, queue="removals")]
        self.uploads += received(self.upload_queue_url)  # removals that need a call of Rekognition
        self._publish()

    def _recognize(self, messages: list[str]) -> None:
        self.uploads += [messages[int(number)] for number in self.recognize(*messages)]
        self._publish()

    def _publish(self) -> None:
        for published in self.topic.published():
            self.labels.append(published.text)
            last = self.announced.get(published.document["image"])
            if last is None or published.document["occurred_at"] >= last["occurred_at"]:
                self.announced[published.document["image"]] = published.document

    def _render(self, messages: list[str]) -> None:
        for message in messages:  # moto closes a file that another thread still reads
            assert failed(dict(make_renditions.handler(sqs_event(message), self.context))) == []  # type: ignore[arg-type]

    def _index(self, messages: list[str]) -> None:
        for message in messages:  # moto's transactions are not made for threads
            assert failed(dict(update_index.handler(sqs_event(message), self.context))) == []  # type: ignore[arg-type]


@pytest.fixture
def abilities() -> dict[str, Any]:
    options: dict[str, Any] = {"when": "always", "calls_per_second": 1000}
    return {"text": options, "moderation": {**options, "min_confidence": 60}}


@pytest.fixture
def world(
    s3: S3,
    labels_topic: Topic,
    worker: RecordUpdater,
    deliver: Callable[..., list[str]],
    queue_url: str,
    tables: dict[str, str],
    context: Context,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> World:
    client = boto3.client("s3")
    for bucket in ("results", "renditions"):
        client.create_bucket(Bucket=bucket)
    variables = {
        "LABEL_INDEX_TABLE": tables["labelindex"],
        "LABEL_COUNTS_TABLE": tables["labelcounts"],
        "PROJECTIONS_TABLE": tables["projections"],
        "RESULTS_BUCKET": "results",
        "RENDITIONS_BUCKET": "renditions",
        "RENDITION_INDEX_TABLE": tables["renditionindex"],
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    renditions = RenditionUpdater(
        UndecodedPictures(client, 1_000_000, 1_000_000),
        RenditionStore(client, "renditions", RenditionIndex(boto3.client("dynamodb"), tables["renditionindex"])),
    )
    monkeypatch.setattr(make_renditions, "rendition_updater", lambda: renditions)
    made = World(s3, labels_topic, deliver, queue_url, context, request.param)
    recognizing = with_rekognition(worker, ContentRekognition(made.contents))
    monkeypatch.setattr(recognize_images, "record_updater", lambda: recognizing)
    return made


@pytest.mark.parametrize("world", range(4), indirect=True)
def test_all_data_equals_s3s_listing_after_random_operations(world: World, tables: dict[str, str]) -> None:
    for _ in range(OPERATIONS):
        world.operate()
    world.finish(tables["classifications"])
    dynamodb, client = boto3.client("dynamodb"), boto3.client("s3")
    current = world.pictures()
    records = stored_records(dynamodb, tables["classifications"])
    alive = {record.image: record for record in records if record.status != "DELETED"}
    assert {image: record.version_id for image, record in alive.items()} == current
    for image, record in alive.items():
        content = world.contents[current[image]]
        assert record.labels[0].name == content
        assert {each["text"] for each in record.abilities["text"].found} == {content, f"the {content}"}
        assert bool(record.abilities["moderation"].found) == (content in UNSAFE)
    listed = ImageRecords(dynamodb, tables["classifications"]).newest(limit=100, start=None).entries
    assert {entry["image"] for entry in listed} == current.keys()
    hidden = HiddenImages(dynamodb, tables["classifications"], frozenset({"smoking"}))
    assert hidden.among(current) == {image for image, version in current.items() if world.contents[version] in UNSAFE}
    derived = found(dynamodb, client, index=tables["labelindex"], counts=tables["labelcounts"], results="results")
    assert derived == expected(records)
    ids = {image_id(world.s3.bucket, image): version for image, version in current.items()}
    index = RenditionIndex(dynamodb, tables["renditionindex"])
    every_id = [image_id(world.s3.bucket, key) for key in KEYS]
    assert {each: renditions.version for each, renditions in index.find(every_id).items()} == ids
    files = client.list_objects_v2(Bucket="renditions").get("Contents", [])
    assert {file["Key"] for file in files} == {f"{each}/thumbnail.jpg" for each in ids}
    for image in current:
        thumbnail = client.get_object(Bucket="renditions", Key=f"{image_id(world.s3.bucket, image)}/thumbnail.jpg")
        assert thumbnail["Body"].read() == client.get_object(Bucket=world.s3.bucket, Key=image)["Body"].read()
    assert {image for image, event in world.announced.items() if event["event"] != "image.deleted"} == current.keys()
    assert {record.event().event_id for record in records} == {e["event_id"] for e in world.announced.values()}
