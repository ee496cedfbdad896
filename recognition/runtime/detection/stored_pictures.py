"""Pictures as they lie in the bucket, and the form in which Rekognition takes them."""

import hashlib
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from common.imaging import jpeg_conversion, picture_headers
from common.runtime.message_batch import RetryLaterError
from common.runtime.s3_events import Change

if TYPE_CHECKING:
    from mypy_boto3_rekognition.type_defs import ImageTypeDef
    from mypy_boto3_s3 import S3Client

HTTP_NOT_FOUND = 404
CHUNK = 1024 * 1024
IN_MEMORY = 4 * 1024 * 1024
"""What of a picture is kept in memory while it is worked on; larger ones are in a file."""

MAX_REFERENCE_BYTES = 15 * 1024 * 1024  # Rekognition's limit for an S3 object
REFERENCE_NAME = re.compile(r"\S.*")  # Rekognition's own pattern of an S3 object's name
RESERVED_SECONDS = 15
"""What a worker needs after a conversion to ask, store and announce."""

RETRY_SECONDS = 5


@dataclass(frozen=True)
class Original:
    """One version of an object: its bytes, and what came with them. `size` in bytes."""

    change: Change
    file: IO[bytes]
    size: int
    sha256: str
    metadata: dict[str, str]


@dataclass(frozen=True)
class Originals:
    """Reads objects once, and turns those that Rekognition does not take into what it takes."""

    s3: "S3Client"
    max_bytes: int
    max_pixels: int
    _converting: Any = field(default_factory=threading.Lock)

    @contextmanager
    def read(self, change: Change) -> Iterator[Original | None]:
        """The version that a change names, until the block ends; None if it is gone for good.

        A picture of more than `max_bytes` is not read; its `sha256` is empty.
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
        with closing(answer["Body"]) as body, tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as file:
            size = answer["ContentLength"]
            if size <= self.max_bytes:
                for chunk in body.iter_chunks(CHUNK):
                    digest.update(chunk)
                    file.write(chunk)
            sha256 = digest.hexdigest() if size <= self.max_bytes else ""
            yield Original(change, file, size, sha256, answer["Metadata"])

    def is_recognizable(self, original: Original) -> bool:
        """Whether Rekognition takes the object as it is.

        Raises:
            picture_headers.PictureError: it cannot be recognised, by what is known before it is decoded.
        """
        self.check_size(original)
        if picture_headers.kind_of(original.file) not in {"JPEG", "PNG"}:
            return False  # what else there is to say of it is said by the process that converts it
        picture = picture_headers.inspect(original.file, max_pixels=self.max_pixels)
        return (
            picture.is_recognizable
            and original.size <= MAX_REFERENCE_BYTES
            and REFERENCE_NAME.fullmatch(original.change.key) is not None
        )

    def check_size(self, original: Original) -> None:
        """See that it was read.

        Raises:
            picture_headers.TooLargePictureError
        """
        if original.size > self.max_bytes:
            limit = f"{self.max_bytes / 1024 / 1024:g} MB"
            raise picture_headers.TooLargePictureError(
                f"the picture has {original.size:,} bytes; at most {limit} are taken"
            )

    def reference(self, change: Change) -> "ImageTypeDef":
        """DetectLabels' `Image` for an object that it takes as it is."""
        version = {"Version": change.version_id} if change.version_id else {}
        return {"S3Object": {"Bucket": change.bucket, "Name": change.key, **version}}  # type: ignore[typeddict-item]

    def converted(self, original: Original, *, seconds: float) -> "ImageTypeDef":
        """DetectLabels' `Image` for all others: a JPEG made from the object.

        Raises:
            picture_headers.PictureError: it cannot be decoded.
            RetryLaterError: there are not enough of the `seconds` left for it.
        """
        return {"Bytes": self.jpeg(original.file, form="recognition", seconds=seconds)}

    def jpeg(self, file: IO[bytes], *, form: jpeg_conversion.FormName, seconds: float) -> bytes:
        """A picture as a JPEG.

        One at a time, as each takes a whole processor, and memory for all its pixels.

        Raises:
            picture_headers.PictureError: it cannot be decoded.
            RetryLaterError: there are not enough of the `seconds` left for it.
        """
        patience = max(0.0, seconds - RESERVED_SECONDS)
        ends_at = time.monotonic() + patience
        if self._converting.acquire(timeout=patience):
            try:
                rest = ends_at - time.monotonic()
                return jpeg_conversion.convert(file, max_pixels=self.max_pixels, seconds=rest, form=form)
            except jpeg_conversion.ConversionTimeoutError:
                pass
            finally:
                self._converting.release()
        raise RetryLaterError("no time left to convert the picture", RETRY_SECONDS)
