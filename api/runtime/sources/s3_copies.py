"""Copy pictures from other buckets. S3 copies them itself, so the bytes do not pass through the function."""

import io
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from api.runtime.sources.source_urls import S3Object
from api.runtime.uploads import stored_content
from api.runtime.uploads.image_store import REFUSED_CONDITION, SOURCE_URL, NameTakenError
from api.runtime.uploads.stored_content import etag
from common.imaging import pictures
from common.runtime.abilities.asked import asked_by
from common.runtime.abilities.enabled import as_metadata
from common.runtime.correlation_ids import METADATA
from common.runtime.safe_fetch.errors import SourceFailedError, SourceForbiddenError, TooLargeError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SOURCE_ETAG = "source-etag"
"""The name in a copy's metadata that holds the ETag of its source. A copy of a multipart object has a different
ETag."""
HEAD_BYTES = 64
"""Enough bytes to recognise a picture's format."""


@dataclass(frozen=True)
class SourcePicture:
    """An object of another bucket: the answer of GetObject, its size in bytes, and its media type."""

    described: Mapping[str, Any]
    size: int
    content_type: str


@dataclass(frozen=True)
class Copier:
    """Copies pictures from the buckets in the setting `source_buckets`."""

    s3: "S3Client"
    bucket: str
    source_buckets: Collection[str]
    max_bytes: int

    def copy(self, source: S3Object, name: str, correlation_id: str, abilities: Collection[str] = ()) -> bool:
        """Copy an object unless the name already holds the same bytes. Returns True if anything changed.

        The same bytes are copied again if `abilities` contains names that the stored picture did not ask for.

        Raises:
            SourceForbiddenError: the bucket is not in `source_buckets`.
            SourceFailedError, TooLargeError, NoPictureError: the object does not exist, is too large or is no picture.
            NameTakenError: the name holds another picture.
            ClientError: a temporary failure. The copy may be tried again.
        """
        if source.bucket not in self.source_buckets:
            raise SourceForbiddenError(f"the bucket {source.bucket} is not in source_buckets")
        picture = self._look(source)
        for last in (False, True):
            # Look first, because a second run of a list finds most of its pictures already stored.
            held = stored_content.head(self.s3, self.bucket, name)
            known = asked_by(held["Metadata"]) if held else frozenset()
            if held and not self._is_same(source, picture, name, held):
                raise NameTakenError(name)
            if held and known.issuperset(abilities):
                return False
            metadata = {METADATA: correlation_id, **as_metadata(known.union(abilities))}
            try:
                self._copy(source, picture, name, metadata, held)
            except ClientError as error:
                if last or error.response["Error"]["Code"] not in REFUSED_CONDITION:
                    raise
            else:
                return True
        raise AssertionError  # the loop returns or raises

    def _copy(
        self,
        source: S3Object,
        picture: SourcePicture,
        name: str,
        metadata: Mapping[str, str],
        held: Mapping[str, Any] | None,
    ) -> None:
        """Copy an object and replace `held`, the object that has the name.

        Refuses if somebody changed `held` meanwhile.
        """
        condition: Any = {"IfMatch": held["ETag"]} if held else {"IfNoneMatch": "*"}
        tag = etag(picture.described)
        self.s3.copy_object(
            Bucket=self.bucket,
            Key=name,
            CopySource={"Bucket": source.bucket, "Key": source.key},
            CopySourceIfMatch=tag,
            **condition,
            ContentType=picture.content_type,
            MetadataDirective="REPLACE",
            TaggingDirective="REPLACE",  # copying tags needs more permissions
            Metadata={SOURCE_ETAG: tag, **metadata, **({SOURCE_URL: source.url} if source.url else {})},
        )

    def _look(self, source: S3Object) -> SourcePicture:
        """Read the object's size, ETag and first bytes."""
        try:
            answer = self.s3.get_object(Bucket=source.bucket, Key=source.key, Range=f"bytes=0-{HEAD_BYTES - 1}")
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            code = error.response["Error"]["Code"]
            if code == "InvalidRange":
                raise pictures.NoPictureError("the file is empty") from error
            if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
            raise SourceFailedError(
                f"S3 answered {status} ({code}): the object does not exist, or must not be read", status
            ) from error
        size = int(answer["ContentRange"].rpartition("/")[2])
        if size > self.max_bytes:
            raise TooLargeError(
                f"the object has {size:,} bytes; at most {self.max_bytes // 1024 // 1024} MB are allowed"
            )
        kind = pictures.kind_of(io.BytesIO(answer["Body"].read()))
        return SourcePicture(answer, size, pictures.CONTENT_TYPES[kind])

    def _is_same(self, source: S3Object, picture: SourcePicture, name: str, held: Mapping[str, Any]) -> bool:
        tag = etag(picture.described)
        if tag in {etag(held), held["Metadata"].get(SOURCE_ETAG)}:
            return True
        if held["ContentLength"] != picture.size:
            return False
        return stored_content.md5(self.s3, source.bucket, source.key, picture.described) == stored_content.md5(
            self.s3, self.bucket, name, held
        )
