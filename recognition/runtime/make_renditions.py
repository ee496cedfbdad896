"""Keeps renditions of each picture: a small one, and one that any browser shows where the picture's own kind is not
shown. Both are upright, and without the picture's metadata.

An event says only which object has changed. Whoever handles it looks at the object's current version (none: it was
deleted), makes what is missing of it, and looks again; if it is another one by then, it begins anew. So events may be
late, repeated and out of order, and several workers may be at one picture:

- A worker lets its event go only if, after its last write, the version that it wrote of was the current one.
- The last version's event is handled after that version came into being. What was written of another version before
  its worker looked, that worker saw and replaced. What is written after, by one that is still at an older version, that
  one's second look finds wrong. So the last write of all is of the last version.
- Who ends between a write and its second look leaves the event in the queue, and the next one looks at both renditions.
"""

import dataclasses
import tempfile
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import IO, TYPE_CHECKING

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from common.imaging import picture_headers
from common.imaging.jpeg_conversion import FormName
from common.runtime.aws_clients import client
from common.runtime.caches import cached
from common.runtime.environment import from_environment
from common.runtime.message_batch import RetryLaterError
from common.runtime.queue_consumer import Message, queue_consumer
from common.runtime.recognition_event import image_id
from common.runtime.s3_events import Change, changes
from recognition.runtime.detection.stored_pictures import Original, Originals
from recognition.runtime.renditions.rendition_store import Made, RenditionIndex, Renditions

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

logger = Logger()

NOT_SHOWN = {"HEIF", "TIFF"}
"""The kinds that browsers do not show; some show HEIC."""

TRIES = 5
WAIT_SECONDS = 5


@dataclass(frozen=True)
class Environment:
    """The function's variables."""

    renditions_bucket: str
    rendition_index_table: str
    queue_url: str
    max_image_bytes: str
    max_image_pixels: str


@dataclass(frozen=True)
class Renderer:
    """Reconciles the renditions of one picture with its current version."""

    s3: "S3Client"
    originals: Originals
    renditions: Renditions

    def handle(self, change: Change, *, seconds: float) -> None:
        """Bring the renditions up to the object as it is now, within so many seconds.

        Raises:
            RetryLaterError: it kept changing, or there is too little time.
            ClientError, BotoCoreError: for now.
        """
        logger.thread_safe_append_keys(image=change.key, correlation_id=change.request_id)
        ends_at = time.monotonic() + seconds
        name = image_id(change.bucket, change.key)
        current = self._current(change)
        for _ in range(TRIES):
            seen = current
            self._bring_up(name, change, seen, ends_at)
            current = self._current(change)
            if current == seen:
                return
        raise RetryLaterError("the picture kept changing", WAIT_SECONDS)

    def _current(self, change: Change) -> str | None:
        try:
            return self.s3.head_object(Bucket=change.bucket, Key=change.key).get("VersionId", "null")
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != HTTPStatus.NOT_FOUND:
                raise
            return None

    def _bring_up(self, name: str, change: Change, version: str | None, ends_at: float) -> None:
        made = None
        if version is not None and self.renditions.keep(name, version):
            return
        self.renditions.remove(name)  # while these are made, those of another version are not to be seen
        if version is not None:
            with self.originals.read(dataclasses.replace(change, version_id=version)) as original:
                # The version may be gone by now, which the second look will see.
                made = self._made(original, ends_at) if original else None
        if made is not None:
            self.renditions.put(name, str(version), made)
        logger.info("rendered", extra={"version_id": version, "made": made is not None})

    def _made(self, original: Original, ends_at: float) -> Made | None:
        """None of a picture that cannot be decoded: its record says so as well."""

        def converted(file: IO[bytes], form: FormName) -> bytes:
            return self.originals.jpeg(file, form=form, seconds=ends_at - time.monotonic())

        try:
            self.originals.check_size(original)
            if picture_headers.kind_of(original.file) not in NOT_SHOWN:
                return Made(converted(original.file, "thumbnail"), None)
            display = converted(original.file, "display")
        except picture_headers.PictureError as error:
            logger.info("no renditions", extra={"reason": str(error)})
            return None
        with tempfile.TemporaryFile() as file:  # so that the picture itself is decoded once
            file.write(display)
            file.flush()  # another process reads it
            return Made(converted(file, "thumbnail"), display)


@cached
def _environment() -> Environment:
    return from_environment(Environment)


@cached
def renderer() -> Renderer:
    """The one of this worker, made at its first message."""
    environment = _environment()
    s3 = client("s3")
    return Renderer(
        s3=s3,
        originals=Originals(
            s3, max_bytes=int(environment.max_image_bytes), max_pixels=int(environment.max_image_pixels)
        ),
        renditions=Renditions(
            s3,
            environment.renditions_bucket,
            RenditionIndex(client("dynamodb"), environment.rendition_index_table),
        ),
    )


@queue_consumer(queue_url=lambda: _environment().queue_url)
def handler(message: Message) -> None:
    """Update the renditions of one changed object."""
    for change in changes(message.body):
        renderer().handle(change, seconds=message.seconds_left)
