"""Compare stored objects with pictures by content. An ETag is not always an MD5."""

import hashlib
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CHUNK_BYTES = 1024 * 1024
PLAIN_ENCRYPTION = {None, "AES256"}


def etag(answer: Mapping[str, Any]) -> str:
    """Return the ETag in an answer of S3, without quotation marks."""
    return str(answer["ETag"]).strip('"')


def is_missing(error: ClientError) -> bool:
    """Return True if S3 answered 404 or 403. S3 answers 403 for a missing object if the caller may not list the
    bucket."""
    return error.response["ResponseMetadata"]["HTTPStatusCode"] in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}


def head(s3: "S3Client", bucket: str, key: str) -> Mapping[str, Any] | None:
    """Return the answer of HeadObject, or None if there is no such object."""
    try:
        return s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if is_missing(error):
            return None
        raise


def md5(s3: "S3Client", bucket: str, key: str, described: Mapping[str, Any]) -> str:
    """Return the MD5 of an object in hexadecimal digits. Reads the object only if its ETag is not an MD5.

    `described` is an answer of HeadObject or GetObject. The ETag of a multipart upload, or of an object encrypted with
    a KMS or customer key, is no MD5.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
    """
    tag = etag(described)
    is_plain = described.get("ServerSideEncryption") in PLAIN_ENCRYPTION and "SSECustomerAlgorithm" not in described
    if is_plain and "-" not in tag:
        return tag
    digest = hashlib.md5(usedforsecurity=False)
    body = s3.get_object(Bucket=bucket, Key=key, IfMatch=tag)["Body"]
    for chunk in body.iter_chunks(CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()
