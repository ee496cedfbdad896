"""Read S3's event notifications, as they arrive in queues."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from common.runtime.correlation_ids import well_formed
from common.runtime.json_documents import JsonDocumentError, read_object, text_of

SEQUENCER_DIGITS = 64
UNVERSIONED = "null"
"""The version id of objects that S3 stored without versioning. Without versioning, S3 overwrites them in place."""

CREATED = "ObjectCreated:"
REMOVED = ("ObjectRemoved:", "LifecycleExpiration:")
"""The beginnings of the names of removal events. A version was deleted permanently, or a delete marker was created.
Both may change the current version."""


class NotificationError(ValueError):
    """A message is not an S3 event notification."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of the versions of an object. `deleted` is True for a removal and False for a creation.

    `sequencer` orders the changes of one key. It is S3's hexadecimal sequencer, right-padded with zeros to a fixed
    length so that it compares as text. It is zero if S3 sent no sequencer
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html). `request_id` is the id
    of the request to S3. `abilities` are further abilities that the record should have. S3 names no abilities.
    `sightline reproject` may name some.
    """

    key: str
    bucket: str
    version_id: str | None
    sequencer: str
    occurred_at: str
    deleted: bool
    request_id: str | None
    abilities: tuple[str, ...] = ()

    def may_overwrite(self, version_id: str | None) -> bool:
        """Return True if the object may have new content, although its current version still has this id."""
        return version_id == UNVERSIONED and not self.deleted and not self.abilities


def changes(body: str) -> Iterator[Change]:
    """Yield the changes in one notification. S3 sends `s3:TestEvent` after a configuration; it has no changes.

    Raises:
        NotificationError: the message is not an S3 event notification.
    """
    try:
        document = read_object(body)
        if document.get("Event") == "s3:TestEvent":
            return
        for record in document["Records"]:
            name = record["eventName"].removeprefix("s3:")
            if name.startswith(REMOVED):
                yield _change(record, deleted=True)
            elif name.startswith(CREATED):
                yield _change(record, deleted=False)
    except (KeyError, TypeError, AttributeError, JsonDocumentError) as error:
        raise NotificationError(f"not an S3 event notification: {error!r}") from error


def _change(record: dict[str, Any], *, deleted: bool) -> Change:
    entity = record["s3"]["object"]
    version_id = entity.get("versionId")
    return Change(
        key=unquote_plus(text_of(entity["key"])),  # form-encoded: a space is +, a plus is %2B
        bucket=text_of(record["s3"]["bucket"]["name"]),
        version_id=None if version_id is None else text_of(version_id),
        sequencer=entity.get("sequencer", "").upper().ljust(SEQUENCER_DIGITS, "0"),
        occurred_at=text_of(record["eventTime"]),
        deleted=deleted,
        request_id=well_formed(record.get("responseElements", {}).get("x-amz-request-id")),
        abilities=tuple(map(text_of, entity.get("abilities", ()))),
    )
