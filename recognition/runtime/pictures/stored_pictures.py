"""Read pictures from the image bucket and prepare them for Rekognition."""

import hashlib
import re
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import IO, TYPE_CHECKING

from botocore.exceptions import ClientError

from common.imaging import decoder
from common.imaging.pictures import CONTENT_TYPES, NoPictureError, TooLargePictureError, kind_of
from common.runtime.message_batch import RetryLaterError
from common.runtime.s3_events import UNVERSIONED
from recognition.runtime.pictures.picture_failures import DecoderEndedError

if TYPE_CHECKING:
    from mypy_boto3_rekognition.type_defs import ImageTypeDef
    from mypy_boto3_s3 import S3Client

CHUNK_BYTES = 1024 * 1024
MAX_MEMORY_BYTES = 4 * 1024 * 1024
"""A picture larger than this is kept in a temporary file."""

MAX_REFERENCE_BYTES = 15 * 1024 * 1024  # Rekognition's limit for an S3 object
REFERENCE_NAME = re.compile(r"\S.*")  # Rekognition's own pattern for an S3 object's name
RESERVED_SECONDS = 15
"""The time that a worker needs, after a conversion, to call Rekognition, store the result and announce it."""

RETRY_SECONDS = 5


@dataclass(frozen=True)
class StoredPicture:
    """One version of an object: its bytes, its size in bytes, and its metadata.

    `stored_at` is the time at which S3 stored the version, in whole seconds. `content_type` is the type of picture that
    the first bytes announce. It is None if they announce no type, or if the object is too large to read.
    """

    bucket: str
    key: str
    version_id: str
    stored_at: datetime
    content_type: str | None
    file: IO[bytes]
    size: int
    sha256: str
    metadata: dict[str, str]


@dataclass(frozen=True)
class StoredPictures:
    """Reads each object once and converts the ones that Rekognition does not take."""

    s3: "S3Client"
    max_bytes: int
    max_pixels: int

    def current_version(self, bucket: str, key: str) -> str | None:
        """Return the id of a picture's current version.

        None if there is no version, or if a delete marker or a folder is current.

        Raises:
            ClientError, BotoCoreError: a transient error.
        """
        try:
            answer = self.s3.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != HTTPStatus.NOT_FOUND:
                raise
            return None
        return None if _is_folder(key, answer["ContentLength"]) else answer.get("VersionId", UNVERSIONED)

    @contextmanager
    def read(self, bucket: str, key: str) -> Iterator[StoredPicture | None]:
        """Read the current version of a picture. Yields None if there is none (`current_version`).

        An object larger than `max_bytes` is not read, and its `sha256` is empty.

        Raises:
            ClientError, BotoCoreError: a transient error.
        """
        try:
            answer = self.s3.get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != HTTPStatus.NOT_FOUND:
                raise
            yield None
            return
        size = answer["ContentLength"]
        if _is_folder(key, size):
            yield None
            return
        digest = hashlib.sha256()
        with closing(answer["Body"]) as body, tempfile.SpooledTemporaryFile(max_size=MAX_MEMORY_BYTES) as file:
            if size <= self.max_bytes:
                for chunk in body.iter_chunks(CHUNK_BYTES):
                    digest.update(chunk)
                    file.write(chunk)
            yield StoredPicture(
                bucket=bucket,
                key=key,
                version_id=answer.get("VersionId", UNVERSIONED),
                stored_at=answer["LastModified"],
                content_type=_content_type(file),
                file=file,
                size=size,
                sha256=digest.hexdigest() if size <= self.max_bytes else "",
                metadata=answer["Metadata"],
            )

    def is_recognizable(self, picture: StoredPicture, *, seconds: float) -> bool:
        """Return True if Rekognition takes the object without a conversion.

        Raises:
            PictureError: the picture is not whole, or outside the limits.
            RetryLaterError: `seconds` are too few for the inspection.
        """
        self.check_size(picture)
        if kind_of(picture.file) not in {"JPEG", "PNG"}:
            return False  # the conversion finds everything that is wrong
        with _retried():
            found = decoder.inspect(picture.file, max_pixels=self.max_pixels, seconds=seconds - RESERVED_SECONDS)
        return (
            found.is_recognizable
            and picture.size <= MAX_REFERENCE_BYTES
            and REFERENCE_NAME.fullmatch(picture.key) is not None
        )

    def check_size(self, picture: StoredPicture) -> None:
        """Refuse a picture that was too large to read.

        Raises:
            TooLargePictureError
        """
        if picture.size > self.max_bytes:
            limit = f"{self.max_bytes / 1024 / 1024:g} MB"
            raise TooLargePictureError(f"the picture has {picture.size:,} bytes; at most {limit} are allowed")

    def reference(self, picture: StoredPicture) -> "ImageTypeDef":
        """Return DetectLabels' `Image` for an object that Rekognition reads from S3."""
        return {"S3Object": {"Bucket": picture.bucket, "Name": picture.key, "Version": picture.version_id}}

    def converted(self, picture: StoredPicture, *, seconds: float) -> "ImageTypeDef":
        """Return DetectLabels' `Image` with a JPEG made from the picture.

        Raises:
            PictureError: the picture cannot be decoded.
            RetryLaterError: `seconds` are too few for the conversion.
        """
        return {"Bytes": self.jpeg(picture.file, form="recognition", seconds=seconds)}

    def jpeg(self, file: IO[bytes], *, form: decoder.FormName, seconds: float) -> bytes:
        """Convert a picture to a JPEG.

        Raises:
            PictureError: the picture cannot be decoded.
            RetryLaterError: `seconds` are too few for the conversion.
        """
        with _retried():
            return decoder.convert(file, max_pixels=self.max_pixels, seconds=seconds - RESERVED_SECONDS, form=form)


@contextmanager
def _retried() -> Iterator[None]:
    """Let the message wait if the decoder cannot be used now."""
    try:
        yield
    except decoder.DecoderStoppedError as error:
        raise DecoderEndedError(str(error), RETRY_SECONDS) from error
    except decoder.DecoderUnavailableError as error:
        raise RetryLaterError(str(error), RETRY_SECONDS) from error


def _is_folder(key: str, size: int) -> bool:
    """Return True for an object that consoles create for a folder."""
    return key.endswith("/") and size == 0


def _content_type(file: IO[bytes]) -> str | None:
    try:
        return CONTENT_TYPES[kind_of(file)]
    except NoPictureError:
        return None
