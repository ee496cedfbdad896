"""Make the renditions of pictures: a thumbnail, and a JPEG of pictures that browsers do not show. Both are upright and
without the picture's metadata.

An event only says that an object changed. The handler looks up the object's current version, makes the missing
renditions, and looks again. If the version has changed by then, it starts again. So events may be late, repeated and
out of order, and several workers may handle the same picture:

- A worker deletes its message only if the version that it wrote was current after its last write.
- The event of the last version is handled after S3 stored this version. The worker that handles this event sees and
  replaces all renditions that were written before its first look. Another worker may write renditions of an older
  version later. At its second look, that worker finds that the version is outdated, and starts again. So the very last
  write always shows the last version.
- If a worker ends between a write and its second look, its message stays in the queue. The next worker that receives
  the message checks both renditions.
"""

import tempfile
import time
from dataclasses import dataclass
from typing import IO

from aws_lambda_powertools import Logger

from common.imaging.decoder import FormName
from common.imaging.pictures import PictureError, kind_of
from common.runtime.aws_clients import client
from common.runtime.caches import cached
from common.runtime.environment import from_environment
from common.runtime.message_batch import RetryLaterError
from common.runtime.queue_consumer import Message, queue_consumer
from common.runtime.recognition_event import image_id
from common.runtime.s3_events import Change, changes
from recognition.runtime.pictures.picture_failures import is_final
from recognition.runtime.pictures.stored_pictures import StoredPicture, StoredPictures
from recognition.runtime.renditions.rendition_store import RenditionFiles, RenditionIndex, RenditionStore

logger = Logger()

NEEDS_DISPLAY = {"HEIF", "TIFF"}
"""The formats that browsers do not show. A few browsers show HEIC."""

MAX_ATTEMPTS = 5
RETRY_SECONDS = 5


@dataclass(frozen=True)
class Environment:
    """The function's environment variables."""

    renditions_bucket: str
    rendition_index_table: str
    queue_url: str
    max_image_bytes: str
    max_image_pixels: str


@dataclass(frozen=True)
class RenditionUpdater:
    """Reconciles the renditions of one picture with its current version."""

    pictures: StoredPictures
    renditions: RenditionStore

    def handle(self, change: Change, *, seconds: float, attempt: int) -> None:
        """Make the renditions agree with the current object, within `seconds`. `attempt` counts the attempts.

        Raises:
            RetryLaterError: the object kept changing, or there was too little time.
            ClientError, BotoCoreError: a transient error.
        """
        logger.thread_safe_append_keys(image=change.key, correlation_id=change.request_id)
        ends_at = time.monotonic() + seconds
        name = image_id(change.bucket, change.key)
        current = self.pictures.current_version(change.bucket, change.key)
        for _ in range(MAX_ATTEMPTS):
            shown = self._reconcile(name, change, current, ends_at, attempt)
            current = self.pictures.current_version(change.bucket, change.key)
            if current == shown:
                return
        raise RetryLaterError("the picture kept changing", RETRY_SECONDS)

    def _reconcile(self, name: str, change: Change, current: str | None, ends_at: float, attempt: int) -> str | None:
        """Replace renditions of another version. Returns the version that the renditions show, or None without any."""
        if current is not None and not change.may_overwrite(current) and self.renditions.keep(name, current):
            return current
        self.renditions.remove(name)  # nobody may see renditions of another version while the new ones are made
        if current is None:
            logger.info("renditions removed")
            return None
        with self.pictures.read(change.bucket, change.key) as picture:
            if picture is None:  # deleted meanwhile
                return None
            files = self._render(picture, ends_at, attempt)
        if files is not None:
            self.renditions.put(name, picture.version_id, files)
        logger.info("rendered", extra={"version_id": picture.version_id, "made": files is not None})
        return picture.version_id

    def _render(self, picture: StoredPicture, ends_at: float, attempt: int) -> RenditionFiles | None:
        """Make the renditions of a picture. Returns None if the picture cannot be decoded. Its record says so too."""
        try:
            return self._files(picture, ends_at)
        except PictureError as error:
            logger.info("no renditions", extra={"reason": str(error)})
        except Exception as error:
            if not is_final(error, attempt):
                raise
            logger.exception("the picture failed too often", extra={"attempt": attempt})
        return None

    def _files(self, picture: StoredPicture, ends_at: float) -> RenditionFiles:
        def convert(file: IO[bytes], form: FormName) -> bytes:
            return self.pictures.jpeg(file, form=form, seconds=ends_at - time.monotonic())

        self.pictures.check_size(picture)
        if kind_of(picture.file) not in NEEDS_DISPLAY:
            return RenditionFiles(convert(picture.file, "thumbnail"), None)
        display = convert(picture.file, "display")
        with tempfile.TemporaryFile() as file:  # the picture itself is decoded only once
            file.write(display)
            file.flush()  # another process reads the file
            return RenditionFiles(convert(file, "thumbnail"), display)


@cached
def _environment() -> Environment:
    return from_environment(Environment)


@cached
def rendition_updater() -> RenditionUpdater:
    """Make the updater of this worker when it receives its first message."""
    environment = _environment()
    s3 = client("s3")
    return RenditionUpdater(
        pictures=StoredPictures(
            s3, max_bytes=int(environment.max_image_bytes), max_pixels=int(environment.max_image_pixels)
        ),
        renditions=RenditionStore(
            s3,
            environment.renditions_bucket,
            RenditionIndex(client("dynamodb"), environment.rendition_index_table),
        ),
    )


@queue_consumer(queue_url=lambda _: _environment().queue_url)
def handler(message: Message) -> None:
    """Update the renditions of one changed object."""
    for change in changes(message.body):
        rendition_updater().handle(change, seconds=message.seconds_left, attempt=message.receives)
