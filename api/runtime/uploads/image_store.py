"""The bucket that keeps pictures as they came, byte for byte, under names that are given out once."""

import functools
import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from common.runtime.correlation_ids import METADATA

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SHA256 = "sha256"
SOURCE_URL = "source-url"
REFRESH = "refresh"


class NameTakenError(Exception):
    """Another picture has the name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name!r} holds another picture")


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
    ) -> bool:
        """Store the picture; whether that changed anything. The same bytes under the same name change nothing.

        `source_url` must be ASCII: S3 keeps it as metadata. With `refresh` the picture is stored again even if it is
        the same, with the wish, named by a UUID, that Rekognition be asked anew.

        Raises:
            NameTakenError: the name holds other bytes, and `overwrite` is false.
        """
        digest = hashlib.sha256(body).hexdigest()
        put = functools.partial(
            self.s3.put_object,
            Bucket=self.bucket,
            Key=name,
            Body=body,
            ContentType=content_type,
            Metadata={
                SHA256: digest,
                SOURCE_URL: source_url,
                METADATA: correlation_id,
                **({REFRESH: str(uuid.uuid4())} if refresh else {}),
            },
        )
        for last in (False, True):
            try:
                put(IfNoneMatch="*")
            except ClientError as error:
                # 409: two conditional writes at once; what the other one stored is looked at, once it is there.
                if error.response["Error"]["Code"] not in {"PreconditionFailed", "ConditionalRequestConflict"}:
                    raise
            else:
                return True
            try:
                same = self._holds(name, body, digest)
                break
            except ClientError as error:
                # Gone in between, or not there yet.
                if last or not is_missing(error):
                    raise
        if same:
            if not refresh:
                return False
        elif not overwrite:
            raise NameTakenError(name)
        put()
        return True

    def _holds(self, name: str, body: bytes, digest: str) -> bool:
        head = self.s3.head_object(Bucket=self.bucket, Key=name)
        # A file that came another way has no digest in its metadata, but, put in one piece, its MD5 as its tag.
        md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
        return head["Metadata"].get(SHA256) == digest or etag(head) == md5


def etag(answer: Mapping[str, Any]) -> str:
    """An object's tag: its MD5, if it was put in one piece, encrypted by S3 itself."""
    return str(answer["ETag"]).strip('"')


def is_missing(error: ClientError) -> bool:
    """Whether S3 says that there is no such object. Without the right to list, its answer to that is 403."""
    return error.response["ResponseMetadata"]["HTTPStatusCode"] in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}
