"""The renditions of a picture agree with its current version in the end, after any changes and interruptions."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, Any

from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from common.runtime.dynamodb_items import from_attributes
from common.runtime.message_batch import RetryLaterError
from common.runtime.s3_events import Change
from recognition.runtime.make_renditions import RenditionUpdater
from recognition.runtime.pictures.stored_pictures import StoredPictures
from recognition.runtime.renditions.rendition_store import RenditionIndex, RenditionStore

JPEG, HEIC, NONE = b"\xff\xd8\xff", b"\0\0\0\0ftypheic", b"no picture"
NOT_FOUND: Any = {"ResponseMetadata": {"HTTPStatusCode": 404}}


class DeathError(Exception):
    """The worker ends."""


@dataclass
class Body:
    content: bytes

    def iter_chunks(self, size: int) -> Iterator[bytes]:
        yield self.content

    def close(self) -> None: ...


@dataclass(frozen=True)
class Version:
    """A version of the picture, or a delete marker without content."""

    id: str
    content: bytes | None


@dataclass
class FakeCloud:
    """Two buckets and a table. Before each call of a worker the next of `moves` happens."""

    moves: list[Any]
    versions: list[Version] = field(default_factory=list)
    stored_versions: int = 0
    made: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The renditions bucket."""
    index: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The table of renditions: image_id -> item."""
    events: int = 0
    visible: list[bytes] = field(default_factory=list)
    """The renditions that were visible while others were made."""

    def store(self, content: bytes | None) -> None:
        self.versions.append(Version(str(self.stored_versions), content))
        self.stored_versions += 1
        self.events += 1

    def delete_version(self, number: int) -> None:
        """Delete a version or marker permanently. 0 is the latest."""
        if number < len(self.versions):
            del self.versions[-1 - number]
            self.events += 1

    def current(self) -> Version | None:
        return self.versions[-1] if self.versions and self.versions[-1].content is not None else None

    def step(self) -> None:
        move = self.moves.pop(0) if self.moves else None
        if move == "death":
            raise DeathError
        if move == "worker":  # another worker handles an event completely
            self.work()
        elif isinstance(move, int):
            self.delete_version(move)
        elif move is not None:
            self.store(None if move == "delete" else move)

    def work(self) -> None:
        """Handle an event. It stays in the queue if that fails."""
        if not self.events:
            return
        self.events -= 1
        try:
            pictures = UndecodedPictures(self, 1000, 1000)  # type: ignore[arg-type]
            renditions = RenditionStore(self, "renditions", RenditionIndex(self, "index"))  # type: ignore[arg-type]
            RenditionUpdater(pictures, renditions).handle(CHANGE, seconds=60, attempt=1)
        except (DeathError, RetryLaterError):
            self.events += 1

    def head_object(self, *, Bucket: str, Key: str) -> Any:  # noqa: N803 - as boto3 has it
        self.step()
        current = self.current()
        if Bucket == "images" and current:
            return {"ContentLength": 20, "VersionId": current.id}
        if Bucket == "renditions" and Key in self.made:
            return self.made[Key]
        raise ClientError(NOT_FOUND, "HeadObject")

    def get_object(self, *, Bucket: str, Key: str) -> Any:  # noqa: N803
        self.step()
        current = self.current()
        if current is None or current.content is None:
            raise ClientError(NOT_FOUND, "GetObject")
        return {
            "Body": Body(current.content + current.id.encode()),
            "ContentLength": 20,
            "Metadata": {},
            "VersionId": current.id,
            "LastModified": datetime.now(UTC),
        }

    def put_object(self, *, Key: str, **rest: Any) -> None:  # noqa: N803
        self.step()
        self.made[Key] = rest

    def delete_object(self, *, Bucket: str, Key: str) -> None:  # noqa: N803
        self.step()
        self.made.pop(Key, None)

    def put_item(self, *, TableName: str, Item: Any) -> None:  # noqa: N803
        self.step()
        item = from_attributes(Item)
        self.index[item["image_id"]] = item

    def delete_item(self, *, TableName: str, Key: Any) -> None:  # noqa: N803
        self.step()
        self.index.pop(from_attributes(Key)["image_id"], None)


class UndecodedPictures(StoredPictures):
    """Returns a text that names the picture instead of a rendition."""

    def jpeg(self, file: IO[bytes], *, form: str, seconds: float) -> bytes:
        self.s3.visible += [entry["Body"] for entry in self.s3.made.values()]  # type: ignore[attr-defined]
        file.seek(0)
        return file.read().removeprefix(b"display of ").join([form.encode() + b" of ", b""])


CHANGE = Change(
    key="a.jpg",
    bucket="images",
    version_id="unimportant",
    sequencer="0",
    occurred_at="",
    deleted=False,
    request_id=None,
)
MOVES = st.sampled_from(
    [None, None, None, "worker", "worker", "worker", "death", "delete", JPEG, HEIC, NONE, JPEG, 0, 0, 1]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(MOVES, min_size=8, max_size=30))
def test_the_last_version_wins_whatever_happens_to_events_and_workers(moves: list[Any]) -> None:
    """Events are late, repeated and unordered. Versions are deleted permanently. Workers die and overtake."""
    cloud = FakeCloud(moves)
    cloud.store(JPEG)
    cloud.events += 1  # an event comes twice
    while cloud.events:
        cloud.work()
    current = cloud.current()
    expected = {}
    if current and current.content in {JPEG, HEIC}:
        expected["thumbnail.jpg"] = b"thumbnail of " + current.content + current.id.encode()
    if current and current.content == HEIC:
        expected["display.jpg"] = b"display of " + current.content + current.id.encode()
    assert {key.rpartition("/")[2]: entry["Body"] for key, entry in cloud.made.items()} == expected
    indexed = [(item["version"], sorted(item["names"])) for item in cloud.index.values()]
    assert indexed == ([(current.id, sorted(expected))] if current and expected else [])


def test_existing_renditions_are_not_made_again() -> None:
    cloud = FakeCloud([])
    cloud.store(HEIC)
    cloud.work()
    cloud.put_object = None  # type: ignore[assignment,method-assign]
    cloud.events = 3
    while cloud.events:
        cloud.work()
    assert len(cloud.made) == 2


def test_the_old_versions_renditions_are_not_visible_while_new_ones_are_made() -> None:
    cloud = FakeCloud([])
    for content in (HEIC, JPEG):
        cloud.store(content)
        cloud.work()
    assert cloud.made
    assert cloud.visible == []
