"""What S3 says has happened to objects: its event notifications, as they arrive in queues."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from common.runtime.correlation_ids import well_formed

SEQUENCER_DIGITS = 64


class NotificationError(ValueError):
    """A message is not an S3 event notification."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """An object was created (a new version) or deleted (a delete marker).

    `sequencer` orders the changes of one key: S3's own hexadecimal one, right-padded with zeros to one length,
    so that it can be compared as text
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html). `request_id` is that
    of the request to S3.
    """

    key: str
    bucket: str
    version_id: str | None
    sequencer: str
    occurred_at: str
    deleted: bool
    request_id: str | None


def changes(body: str) -> Iterator[Change]:
    """The changes in one notification: none in `s3:TestEvent`, which S3 sends when notifications are set up.

    Raises:
        NotificationError: it is no S3 event notification.
    """
    try:
        document = json.loads(body)
        if document.get("Event") == "s3:TestEvent":
            return
        for record in document["Records"]:
            name = record["eventName"].removeprefix("s3:")
            if name == "ObjectRemoved:DeleteMarkerCreated":
                yield _change(record, deleted=True)
            elif name.startswith("ObjectCreated:") and not _is_folder(record["s3"]["object"]):
                yield _change(record, deleted=False)
            # ObjectRemoved:Delete is the end of one old version: the image stays as it is.
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise NotificationError(f"not an S3 event notification: {error!r}") from error


def _is_folder(entity: dict[str, Any]) -> bool:
    """Whether it is what consoles make for a folder. Of deletions it is not known, as they come without a size."""
    return bool(entity["key"].endswith("/")) and not entity.get("size")


def _change(record: dict[str, Any], *, deleted: bool) -> Change:
    entity = record["s3"]["object"]
    return Change(
        key=unquote_plus(entity["key"]),  # form-encoded: a blank is +, a plus %2B
        bucket=record["s3"]["bucket"]["name"],
        version_id=entity.get("versionId"),
        sequencer=entity["sequencer"].upper().ljust(SEQUENCER_DIGITS, "0"),
        occurred_at=record["eventTime"],
        deleted=deleted,
        request_id=well_formed(record.get("responseElements", {}).get("x-amz-request-id")),
    )
