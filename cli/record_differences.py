"""Finds objects that differ from their records. They are new, overwritten, deleted or permanently removed."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import islice
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from cli.s3_notifications import CREATED, DELETED, EARLIEST_SEQUENCER, next_sequencer, notification

READERS = 8
KEYS_PER_BATCH = 100  # BatchGetItem's limit

Item = dict[str, Any]
Entry = TypeVar("Entry")


@dataclass(frozen=True)
class Version:
    """The current version of a key: an object, a delete marker, or nothing at all (without a `version_id`).

    The object that consoles create for a folder is `is_deleted` too, because it has no record.
    """

    key: str
    version_id: str | None
    modified: datetime
    size: int | None
    is_deleted: bool

    def notification(self, bucket: str, sequencer: str) -> str:
        """Return the notification that S3 should have sent when this version became the current version."""
        known: dict[str, Any] = {"sequencer": sequencer}
        if self.version_id is not None:
            known["versionId"] = self.version_id
        if self.size is not None:
            known["size"] = self.size
        return notification(bucket, self.key, DELETED if self.is_deleted else CREATED, self.modified, **known)


@dataclass(frozen=True)
class RecordComparison:
    """Compares the image bucket with the table of records."""

    s3: Any
    dynamodb: Any
    bucket: str
    records_table: str

    def differing_objects(self) -> Iterator[str]:
        """Yield a notification for each object that has no record, or has a record of another version."""
        pages = self.s3.get_paginator("list_object_versions").paginate(Bucket=self.bucket)
        listed = (version for page in pages for version in _current_versions(page))
        for batch in batches(listed, KEYS_PER_BATCH):
            yield from self._differing(batch)

    def missing_objects(self, images: Iterable[str]) -> Iterator[str]:
        """Yield a notification for each image that has no object, although its record is not deleted."""
        with ThreadPoolExecutor(READERS) as pool:
            for batch in batches(images, KEYS_PER_BATCH):
                exist = pool.map(self._exists, batch)
                yield from self._differing(
                    [_absent(key) for key, exists in zip(batch, exist, strict=True) if not exists]
                )

    def _differing(self, versions: Sequence[Version]) -> Iterator[str]:
        """Yield a notification for each version that differs from its record, with the sequencer after the record's.

        S3 is asked again after the record was read. Therefore S3's answer is not older than the record. A change that
        the answer does not show yet has a later sequencer.
        """
        records = read_records(self.dynamodb, self.records_table, [version.key for version in versions])
        differing = [version.key for version in versions if not _is_recorded(version, records.get(version.key))]
        with ThreadPoolExecutor(READERS) as pool:
            for version in pool.map(self._current, differing):
                record = records.get(version.key)
                if not _is_recorded(version, record):
                    after = next_sequencer(record["sequencer"]["S"]) if record else EARLIEST_SEQUENCER
                    yield version.notification(self.bucket, after)

    def _exists(self, key: str) -> bool:
        try:
            self.s3.head_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != HTTPStatus.NOT_FOUND:
                raise
            return False
        return True

    def _current(self, key: str) -> Version:
        # S3 lists a key's versions newest first, and before all keys that begin with this one.
        page = self.s3.list_object_versions(Bucket=self.bucket, Prefix=key, MaxKeys=1)
        return next((version for version in _current_versions(page) if version.key == key), _absent(key))


def _current_versions(page: Item) -> Iterator[Version]:
    for kind in ("Versions", "DeleteMarkers"):
        for entry in page.get(kind, []):
            if entry["IsLatest"]:
                size = entry.get("Size")
                is_folder = entry["Key"].endswith("/") and size == 0
                is_deleted = kind == "DeleteMarkers" or is_folder
                yield Version(entry["Key"], entry["VersionId"], entry["LastModified"], size, is_deleted)


def _absent(key: str) -> Version:
    return Version(key, None, datetime.now(UTC), None, is_deleted=True)


def _is_recorded(version: Version, record: Item | None) -> bool:
    """Return True if the record is about this version."""
    if version.is_deleted:
        return record is None or record["status"]["S"] == "DELETED"
    return record is not None and record.get("version_id", {}).get("S") == version.version_id


def read_records(dynamodb: Any, table: str, images: list[str]) -> dict[str, Item]:
    """Return the state, version and sequencer of each image that has a record."""
    asked: dict[str, Any] = {
        table: {
            "Keys": [{"image": {"S": image}} for image in dict.fromkeys(images)],
            "ProjectionExpression": "image, #status, version_id, sequencer",
            "ExpressionAttributeNames": {"#status": "status"},
            "ConsistentRead": True,
        }
    }
    records: dict[str, Item] = {}
    while images and asked:
        answer = dynamodb.batch_get_item(RequestItems=asked)
        records |= {item["image"]["S"]: item for item in answer["Responses"].get(table, [])}
        asked = answer.get("UnprocessedKeys", {})
    return records


def batches(entries: Iterable[Entry], size: int) -> Iterator[tuple[Entry, ...]]:
    """Divide a stream into tuples of at most `size` entries."""
    entries = iter(entries)
    while batch := tuple(islice(entries, size)):
        yield batch
