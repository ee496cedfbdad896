"""Whatever happens to a picture meanwhile, its renditions end as it is."""

from collections.abc import Iterator
from dataclasses import dataclass, field
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


class DeathError(Exception):
    """The worker is ended."""


@dataclass
class Body:
    content: bytes

    def iter_chunks(self, size: int) -> Iterator[bytes]:
        yield self.content

    def close(self) -> None: ...


@dataclass
class World:
    """Two buckets, and what happens before each call of a worker: the next of `moves`."""

    moves: list[Any]
    versions: list[bytes | None] = field(default_factory=list)
    """Of the picture; None is a delete marker."""
    made: dict[str, dict[str, Any]] = field(default_factory=dict)
    entered: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The index: image_id -> its item."""
    events: int = 0
    seen: list[bytes] = field(default_factory=list)
    """What could be seen while others were being made."""

    def change(self, content: bytes | None) -> None:
        self.versions.append(content)
        self.events += 1

    def step(self) -> None:
        move = self.moves.pop(0) if self.moves else None
        if move == "death":
            raise DeathError
        if move == "worker":  # another one, from its beginning to its end
            self.work()
        elif move is not None:
            self.change(None if move == "delete" else move)

    def work(self) -> None:
        """Handle an event; it stays if that fails."""
        if not self.events:
            return
        self.events -= 1
        try:
            pictures = Undecoded(self, 1000, 1000)  # type: ignore[arg-type]
            renditions = RenditionStore(self, "renditions", RenditionIndex(self, "index"))  # type: ignore[arg-type]
            rendition_updater = RenditionUpdater(self, pictures, renditions)  # type: ignore[arg-type]
            rendition_updater.handle(CHANGE, seconds=60)
        except (DeathError, RetryLaterError):
            self.events += 1

    def head_object(self, *, Bucket: str, Key: str) -> Any:  # noqa: N803 - as boto3 has it
        self.step()
        if Bucket == "images" and self.versions and self.versions[-1] is not None:
            return {"VersionId": str(len(self.versions) - 1)}
        if Bucket == "renditions" and Key in self.made:
            return self.made[Key]
        raise ClientError({"ResponseMetadata": {"HTTPStatusCode": 404}}, "HeadObject")  # type: ignore[typeddict-item]

    def get_object(self, *, Bucket: str, Key: str, VersionId: str) -> Any:  # noqa: N803
        self.step()
        content = self.versions[int(VersionId)]
        assert content is not None
        return {"Body": Body(content + VersionId.encode()), "ContentLength": 20, "Metadata": {}}

    def put_object(self, *, Key: str, **rest: Any) -> None:  # noqa: N803
        self.step()
        self.made[Key] = rest

    def delete_object(self, *, Bucket: str, Key: str) -> None:  # noqa: N803
        self.step()
        self.made.pop(Key, None)

    def put_item(self, *, TableName: str, Item: Any) -> None:  # noqa: N803
        self.step()
        item = from_attributes(Item)
        self.entered[item["image_id"]] = item

    def delete_item(self, *, TableName: str, Key: Any) -> None:  # noqa: N803
        self.step()
        self.entered.pop(from_attributes(Key)["image_id"], None)


class Undecoded(StoredPictures):
    """Makes of a picture what says of which it is."""

    def jpeg(self, file: IO[bytes], *, form: str, seconds: float) -> bytes:
        self.s3.seen += [entry["Body"] for entry in self.s3.made.values()]  # type: ignore[attr-defined]
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
MOVES = st.sampled_from([None, None, None, "worker", "worker", "worker", "death", "delete", JPEG, HEIC, NONE])


@settings(max_examples=400, deadline=None)
@given(st.lists(MOVES, min_size=8, max_size=30))
def test_late_repeated_and_disordered_events_and_workers_that_die_end_at_the_last_version(moves: list[Any]) -> None:
    world = World(moves)
    world.change(JPEG)
    world.events += 1  # one comes twice
    while world.events:
        world.work()
    last = world.versions[-1]
    now = f"{len(world.versions) - 1}".encode()
    expected = {}
    if last in {JPEG, HEIC}:
        expected["thumbnail.jpg"] = b"thumbnail of " + last + now
    if last == HEIC:
        expected["display.jpg"] = b"display of " + last + now
    assert {key.rpartition("/")[2]: entry["Body"] for key, entry in world.made.items()} == expected
    entered = [(item["version"], sorted(item["names"])) for item in world.entered.values()]
    assert entered == ([(now.decode(), sorted(expected))] if expected else [])


def test_what_is_there_is_not_made_again() -> None:
    world = World([])
    world.change(HEIC)
    world.work()
    world.put_object = None  # type: ignore[assignment,method-assign]
    world.events = 3
    while world.events:
        world.work()
    assert len(world.made) == 2


def test_while_the_renditions_of_a_new_version_are_made_those_of_the_old_one_are_not_to_be_seen() -> None:
    world = World([])
    for content in (HEIC, JPEG):
        world.change(content)
        world.work()
    assert world.made
    assert world.seen == []
