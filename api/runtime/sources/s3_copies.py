"""Pictures that lie in other buckets: S3 copies them itself, without their bytes passing through here."""

import io
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from api.runtime.sources.source_urls import S3Object
from api.runtime.uploads.image_store import SOURCE_URL, NameTakenError, etag, is_missing
from common.imaging import picture_headers
from common.runtime.correlation_ids import METADATA
from common.runtime.safe_fetch import SourceFailedError, SourceForbiddenError, TooLargeError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SOURCE_ETAG = "source-etag"
HEAD_BYTES = 64
"""Enough to tell a picture's format."""
REFUSED = {"PreconditionFailed", "ConditionalRequestConflict"}
RETRIED = 500


@dataclass(frozen=True)
class Copier:
    """Copies pictures out of those buckets that the setting `source_buckets` names."""

    s3: "S3Client"
    bucket: str
    source_buckets: Collection[str]
    max_bytes: int

    def copy(self, source: S3Object, name: str, correlation_id: str) -> bool:
        """Copy the object; whether that changed anything. What is the same under the same name is left alone.

        Raises:
            SourceForbiddenError: its bucket is none of `source_buckets`.
            SourceFailedError, TooLargeError, NoPictureError: there is no such object, or no picture in it.
            NameTakenError: the name holds something else.
            ClientError: for now; it may be tried again.
        """
        if source.bucket not in self.source_buckets:
            raise SourceForbiddenError(f"the bucket {source.bucket} is none of source_buckets")
        found = self._look(source)
        tag = etag(found)
        for last in (False, True):
            # Looked at first, as most runs over the same list again find it there.
            if (held := self._held(name)) is not None:
                if tag in held:
                    return False
                raise NameTakenError(name)
            try:
                self.s3.copy_object(
                    Bucket=self.bucket,
                    Key=name,
                    CopySource={"Bucket": source.bucket, "Key": source.key},
                    CopySourceIfMatch=tag,
                    IfNoneMatch="*",
                    ContentType=picture_headers.CONTENT_TYPES[picture_headers.kind_of(io.BytesIO(found["start"]))],
                    MetadataDirective="REPLACE",
                    TaggingDirective="REPLACE",  # to copy tags takes more permissions
                    Metadata={
                        SOURCE_ETAG: tag,
                        METADATA: correlation_id,
                        **({SOURCE_URL: source.url} if source.url else {}),
                    },
                )
            except ClientError as error:
                if last or error.response["Error"]["Code"] not in REFUSED:
                    raise
            else:
                return True
        raise AssertionError  # the loop returns or raises

    def _look(self, source: S3Object) -> dict[str, Any]:
        """The object's tag and its first bytes."""
        try:
            answer = self.s3.get_object(Bucket=source.bucket, Key=source.key, Range=f"bytes=0-{HEAD_BYTES - 1}")
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if error.response["Error"]["Code"] == "InvalidRange":
                raise picture_headers.NoPictureError("there are no bytes") from error
            if status >= RETRIED:
                raise
            code = error.response["Error"]["Code"]
            raise SourceFailedError(
                f"S3 answered {status} ({code}): no such object, or none we may read", status
            ) from error
        size = int(answer["ContentRange"].rpartition("/")[2])
        if size > self.max_bytes:
            raise TooLargeError(f"the object has {size:,} bytes; at most {self.max_bytes // 1024 // 1024} MB are taken")
        start = answer["Body"].read()
        picture_headers.kind_of(io.BytesIO(start))
        return {"ETag": answer["ETag"], "start": start}

    def _held(self, name: str) -> set[str] | None:
        """The tags by which what is stored under the name can be known again; None if nothing is."""
        try:
            head = self.s3.head_object(Bucket=self.bucket, Key=name)
        except ClientError as error:
            if is_missing(error):
                return None
            raise
        # A copy of an object that came in parts gets a tag of its own.
        return {etag(head), head["Metadata"].get(SOURCE_ETAG, "")}
