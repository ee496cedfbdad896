"""Read pictures from the image bucket and prepare them for Rekognition."""

import hashlib
import re
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from botocore.exceptions import ClientError

from common.imaging import decoder
from common.imaging.pictures import TooLargePictureError, kind_of
from common.runtime.message_batch import RetryLaterError
from common.runtime.s3_events import Change

if TYPE_CHECKING:
    from mypy_boto3_rekognition.type_defs import ImageTypeDef
    from mypy_boto3_s3 import S3Client

HTTP_NOT_FOUND = 404
CHUNK_BYTES = 1024 * 1024
MAX_MEMORY_BYTES = 4 * 1024 * 1024
"""A picture larger than this is kept in a temporary file."""

MAX_REFERENCE_BYTES = 15 * 1024 * 1024  # Rekognition's limit for an S3 object
REFERENCE_NAME = re.compile(r"\S.*")  # Rekognition's own pattern for an S3 object's name
RESERVED_SECONDS = 15
"""Time that a worker needs after a conversion to call Rekognition, store the result and announce it."""

RETRY_SECONDS = 5


@dataclass(frozen=True)
class StoredPicture:
    """The bytes of one version of an object, its size in bytes and its metadata."""

    change: Change
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

    @contextmanager
    def read(self, change: Change) -> Iterator[StoredPicture | None]:
        """Read the version that `change` names. Yields None if this version no longer exists.

        An object larger than `max_bytes` is not read, and its `sha256` is empty.
        """
        version = {"VersionId": change.version_id} if change.version_id else {}
        try:
            answer = self.s3.get_object(Bucket=change.bucket, Key=change.key, **version)  # type: ignore[arg-type]
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != HTTP_NOT_FOUND:
                raise
            yield None
            return
        digest = hashlib.sha256()
        with closing(answer["Body"]) as body, tempfile.SpooledTemporaryFile(max_size=MAX_MEMORY_BYTES) as file:
            size = answer["ContentLength"]
            if size <= self.max_bytes:
                for chunk in body.iter_chunks(CHUNK_BYTES):
                    digest.update(chunk)
                    file.write(chunk)
            sha256 = digest.hexdigest() if size <= self.max_bytes else ""
            yield StoredPicture(change, file, size, sha256, answer["Metadata"])

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
            and REFERENCE_NAME.fullmatch(picture.change.key) is not None
        )

    def check_size(self, picture: StoredPicture) -> None:
        """Refuse a picture that was too large to read.

        Raises:
            TooLargePictureError
        """
        if picture.size > self.max_bytes:
            limit = f"{self.max_bytes / 1024 / 1024:g} MB"
            raise TooLargePictureError(f"the picture has {picture.size:,} bytes; at most {limit} are taken")

    def reference(self, change: Change) -> "ImageTypeDef":
        """Return DetectLabels' `Image` for an object that Rekognition reads from S3."""
        version = {"Version": change.version_id} if change.version_id else {}
        return {"S3Object": {"Bucket": change.bucket, "Name": change.key, **version}}  # type: ignore[typeddict-item]

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
    except decoder.DecoderUnavailableError as error:
        raise RetryLaterError(str(error), RETRY_SECONDS) from error
