"""Equal bytes under the same name are "unchanged", however the stored object was uploaded or encrypted."""

import hashlib
from http import HTTPStatus
from typing import Any

import boto3
import pytest
import requests

from api.runtime.sources.s3_copies import Copier
from api.runtime.sources.source_urls import S3Object
from api.runtime.uploads.image_store import ImageStore, NameTakenError
from api.runtime.uploads.upload_forms import File, UploadForms
from tests.source_server import picture

PART_BYTES = 5 * 1024 * 1024
SAME = picture() + b"\0" * PART_BYTES
OTHER = SAME[:-1] + b"\1"
NAME = "a.jpg"


def put_in_parts(bucket: str) -> None:
    """Upload as `aws s3 cp` uploads large files: the ETag has a hyphen."""
    s3 = boto3.client("s3")
    upload = s3.create_multipart_upload(Bucket=bucket, Key=NAME)["UploadId"]
    parts = []
    for number, start in enumerate(range(0, len(SAME), PART_BYTES), 1):
        body = SAME[start : start + PART_BYTES]
        tag = s3.upload_part(Bucket=bucket, Key=NAME, UploadId=upload, PartNumber=number, Body=body)["ETag"]
        parts.append({"PartNumber": number, "ETag": tag})
    s3.complete_multipart_upload(
        Bucket=bucket,
        Key=NAME,
        UploadId=upload,
        MultipartUpload={"Parts": parts},  # type: ignore[typeddict-item]
    )
    assert "-" in s3.head_object(Bucket=bucket, Key=NAME)["ETag"]


def put_with_kms(bucket: str) -> None:
    """Upload with a KMS key. Then S3's ETag is not an MD5 and must not be compared, although moto's ETag is one."""
    boto3.client("s3").put_object(Bucket=bucket, Key=NAME, Body=SAME, ServerSideEncryption="aws:kms")


def put_with_dsse(bucket: str) -> None:
    boto3.client("s3").put_object(Bucket=bucket, Key=NAME, Body=SAME, ServerSideEncryption="aws:kms:dsse")


def put_with_crc(bucket: str) -> None:
    """Upload with a checksum of the whole object, as SDKs do. The ETag is an MD5."""
    boto3.client("s3").put_object(Bucket=bucket, Key=NAME, Body=SAME, ChecksumAlgorithm="CRC32")


def put_in_one_part_with_sha256(bucket: str) -> None:
    """Upload one part. Its checksum is composite, and its ETag ends in -1."""
    s3 = boto3.client("s3")
    upload = s3.create_multipart_upload(Bucket=bucket, Key=NAME, ChecksumAlgorithm="SHA256")["UploadId"]
    place: Any = {"Bucket": bucket, "Key": NAME, "UploadId": upload}
    part = s3.upload_part(**place, PartNumber=1, Body=SAME, ChecksumAlgorithm="SHA256")
    parts: Any = [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]}]
    s3.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})


@pytest.fixture(
    params=[put_in_parts, put_with_kms, put_with_dsse, put_with_crc, put_in_one_part_with_sha256],
    ids=["multipart", "KMS", "KMS twice", "CRC32", "one part with SHA256"],
)
def stored(request: pytest.FixtureRequest, bucket: str) -> str:
    request.param(bucket)
    return bucket


def by_url(bucket: str, body: bytes, *abilities: str) -> bool:
    return ImageStore(boto3.client("s3"), bucket).save(
        name=NAME,
        body=body,
        content_type="image/jpeg",
        source_url="https://example.com/a.jpg",
        overwrite=False,
        refresh=False,
        correlation_id="c",
        abilities=abilities,
    )


def by_form(bucket: str, body: bytes, *abilities: str) -> bool:
    """Post a file with a form. Returns whether there was a form."""
    md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
    file = File(NAME, "image/jpeg", overwrite=False, md5=md5, abilities=abilities)
    status, form = UploadForms(boto3.client("s3"), bucket).sign(file, "c")
    if status is HTTPStatus.CREATED:
        requests.post(form["url"], data=form["fields"], files={"file": body}, timeout=10).raise_for_status()
    return status is HTTPStatus.CREATED


def by_copy(bucket: str, body: bytes, *abilities: str) -> bool:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="archive")
    s3.put_object(Bucket="archive", Key="b.jpg", Body=body)
    return Copier(s3, bucket, {"archive"}, 100_000_000).copy(S3Object("archive", "b.jpg"), NAME, "c", abilities)


ROUTES = [by_url, by_form, by_copy]


def test_the_same_bytes_are_unchanged_by_every_route(stored: str) -> None:
    assert by_url(stored, SAME) is False
    assert by_form(stored, SAME) is False
    assert by_copy(stored, SAME) is False


@pytest.mark.parametrize("route", ROUTES)
def test_other_bytes_of_the_same_size_do_not_replace_them(stored: str, route: Any) -> None:
    with pytest.raises(NameTakenError):
        route(stored, OTHER)


def test_a_plain_object_is_compared_without_reading_it(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    boto3.client("s3").put_object(Bucket=bucket, Key=NAME, Body=SAME)
    monkeypatch.setattr("api.runtime.uploads.stored_content.CHUNK_BYTES", None)
    assert by_url(bucket, SAME) is False
    assert by_form(bucket, SAME) is False


def test_an_object_that_is_too_large_for_a_form_is_not_read(stored: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.runtime.uploads.upload_forms.MAX_BYTES", len(SAME) - 1)
    with pytest.raises(NameTakenError):
        by_form(stored, SAME)


def asked(bucket: str) -> str | None:
    return boto3.client("s3").head_object(Bucket=bucket, Key=NAME)["Metadata"].get("abilities")


@pytest.mark.parametrize("route", ROUTES)
def test_the_same_bytes_are_stored_again_for_an_ability_that_nobody_asked_for(bucket: str, route: Any) -> None:
    body = picture()
    assert route(bucket, body, "text") is True
    assert asked(bucket) == "text"
    assert [route(bucket, body), route(bucket, body, "text")] == [False, False]
    assert route(bucket, body, "faces") is True
    assert asked(bucket) == "faces,text"
    assert boto3.client("s3").get_object(Bucket=bucket, Key=NAME)["Body"].read() == body


@pytest.mark.parametrize("route", ROUTES)
def test_an_ability_is_no_reason_to_replace_another_picture(bucket: str, route: Any) -> None:
    by_url(bucket, picture(color="red"))
    with pytest.raises(NameTakenError):
        route(bucket, picture(), "text")


def test_another_picture_of_the_name_asks_for_itself(bucket: str) -> None:
    by_url(bucket, picture(color="red"), "faces")
    store = ImageStore(boto3.client("s3"), bucket)
    store.save(
        name=NAME,
        body=picture(),
        content_type="image/jpeg",
        source_url="https://example.com/a.jpg",
        overwrite=True,
        refresh=False,
        correlation_id="c",
    )
    assert asked(bucket) is None
