"""Store pictures byte for byte. A name is never given to another picture, unless the caller overwrites it."""

import functools
import hashlib
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from api.runtime.uploads import stored_content
from common.runtime.abilities.asked import asked_by
from common.runtime.abilities.enabled import as_metadata
from common.runtime.correlation_ids import METADATA

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SHA256 = "sha256"
SOURCE_URL = "source-url"
REFRESH = "refresh"
"""Names in the metadata of stored pictures."""

REFUSED_CONDITION = {"PreconditionFailed", "ConditionalRequestConflict"}
"""S3's error codes: the name is taken, or two conditional writes ran at the same time (409)."""


class NameTakenError(Exception):
    """Another picture has the name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name!r} holds another picture")


@dataclass(frozen=True)
class _Held:
    """The object that already has a name. It is compared with the new picture by its bytes and its abilities."""

    is_same: bool
    asked: frozenset[str]


@dataclass(frozen=True)
class ImageStore:
    """Stores pictures in one bucket."""

    s3: "S3Client"
    bucket: str

    def save(
        self,
        *,
        name: str,
        body: bytes,
        content_type: str,
        source_url: str,
        overwrite: bool,
        refresh: bool,
        correlation_id: str,
        abilities: Collection[str] = (),
    ) -> bool:
        """Store a picture unless the name holds the same bytes. Returns True if anything changed.

        `source_url` must be ASCII, because S3 keeps it as metadata. With `refresh`, even the same picture is
        stored again. A UUID in its metadata then causes a new call of Rekognition. The same picture is also stored
        again if `abilities` contains names that the stored picture did not ask for. The new object then asks for the
        abilities of both.

        Raises:
            NameTakenError: the name holds other bytes, and `overwrite` is false.
        """
        digest = hashlib.sha256(body).hexdigest()
        metadata = {SHA256: digest, SOURCE_URL: source_url, METADATA: correlation_id, **as_metadata(abilities)}
        if refresh:
            metadata[REFRESH] = str(uuid.uuid4())
        put = functools.partial(self.s3.put_object, Bucket=self.bucket, Key=name, Body=body, ContentType=content_type)
        held = self._put_new(functools.partial(put, Metadata=metadata), name, body, digest)
        if held is None:
            return True
        if not held.is_same and not overwrite:
            raise NameTakenError(name)
        if held.is_same and not refresh and held.asked.issuperset(abilities):
            return False
        kept = held.asked if held.is_same else frozenset()
        put(Metadata={**metadata, **as_metadata(kept.union(abilities))})
        return True

    def _put_new(self, put: Callable[..., object], name: str, body: bytes, digest: str) -> _Held | None:
        """Store a picture under a free name. Returns None, or the object that already has the name."""
        for last in (False, True):
            try:
                put(IfNoneMatch="*")
            except ClientError as error:
                if error.response["Error"]["Code"] not in REFUSED_CONDITION:
                    raise
            else:
                return None
            try:
                head = self.s3.head_object(Bucket=self.bucket, Key=name)
                return _Held(self._is_same(name, head, body, digest), asked_by(head["Metadata"]))
            except ClientError as error:
                # The object was deleted between the two calls, or another write has not finished.
                if last or not stored_content.is_missing(error):
                    raise
        raise AssertionError  # the loop returns or raises

    def _is_same(self, name: str, head: Mapping[str, Any], body: bytes, digest: str) -> bool:
        if head["Metadata"].get(SHA256) == digest:
            return True
        if head["ContentLength"] != len(body):
            return False
        # An object that was not stored by this class has no digest in its metadata.
        md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
        return stored_content.md5(self.s3, self.bucket, name, head) == md5
