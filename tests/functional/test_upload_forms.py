import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
import requests

from api.runtime import get_save_image
from tests.functional.conftest import REQUEST_ID, Answer
from tests.source_server import picture

JPEG = {"name": "a.jpg", "content_type": "image/jpeg"}


@pytest.fixture
def sign(bucket: str, call: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Answer]:
    monkeypatch.setenv("IMAGE_BUCKET", bucket)
    monkeypatch.setenv("MAX_IMAGE_PIXELS", "1000000")
    monkeypatch.setenv("SOURCES", "{}")
    return lambda body: call(get_save_image.handler, "POST", "/uploads", body=json.dumps(body))


def md5(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def policy(form: Answer) -> list[Any]:
    conditions: list[Any] = json.loads(base64.b64decode(form.document["fields"]["policy"]))["conditions"]
    return conditions


def test_a_form_limits_the_file_to_its_name_its_type_and_15_megabytes(sign: Callable[..., Answer], bucket: str) -> None:
    form = sign(JPEG)
    assert form.status == 201
    assert ["content-length-range", 1, 15 * 1024 * 1024] in policy(form)
    assert {"Content-Type": "image/jpeg"} in policy(form)
    assert {"x-amz-meta-correlation-id": REQUEST_ID} in policy(form)
    assert {"bucket": bucket} in policy(form)
    assert {"key": "a.jpg"} in policy(form)
    assert form.document["fields"].keys() >= {"key", "Content-Type", "policy", "x-amz-signature"}
    assert (form.document["image"], form.document["expires_in"]) == ("a.jpg", 900)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("image/jpg", "image/jpeg"),
        ("IMAGE/JPEG", "image/jpeg"),
        ("image/heif", "image/heic"),
        (" Image/PNG; name=a", "image/png"),
        ("image/x-ms-bmp", "image/bmp"),
        (" image/TIF ; charset=binary", "image/tiff"),
        ("image/jfif", "image/jpeg"),
    ],
)
def test_a_media_type_is_accepted_as_devices_write_it(sign: Callable[..., Answer], written: str, stored: str) -> None:
    form = sign({**JPEG, "content_type": written})
    assert (form.status, form.document["fields"]["Content-Type"]) == (201, stored)


def test_a_form_is_signed_for_the_buckets_own_host(sign: Callable[..., Answer], bucket: str) -> None:
    """Newer Regions refuse older signatures, and the global host redirects, which loses a form's body."""
    form = sign(JPEG).document
    assert form["fields"]["x-amz-algorithm"] == "AWS4-HMAC-SHA256"
    assert form["url"] in {f"https://{bucket}.s3.amazonaws.com/", f"https://{bucket}.s3.us-east-1.amazonaws.com/"}


def test_the_form_stores_what_is_posted_with_it(sign: Callable[..., Answer], bucket: str) -> None:
    form = sign(JPEG).document
    posted = requests.post(form["url"], data=form["fields"], files={"file": picture()}, timeout=10)
    assert posted.ok
    head = boto3.client("s3").get_object(Bucket=bucket, Key="a.jpg")
    assert (head["Body"].read(), head["ContentType"]) == (picture(), "image/jpeg")
    assert head["Metadata"] == {"correlation-id": form["request_id"]}


def test_a_taken_name_is_refused_when_signing(sign: Callable[..., Answer], bucket: str) -> None:
    boto3.client("s3").put_object(Bucket=bucket, Key="a.jpg", Body=b"precious")
    for wish in ({}, {"md5": md5(picture())}):
        refused = sign(JPEG | wish)
        assert (refused.status, refused.document["error"]["code"]) == (409, "NameTaken")
    assert sign(JPEG | {"overwrite": True}).status == 201


def test_a_stored_file_needs_no_form(sign: Callable[..., Answer], bucket: str) -> None:
    boto3.client("s3").put_object(Bucket=bucket, Key="a.jpg", Body=picture())
    for wish in ({}, {"overwrite": True}):
        answer = sign(JPEG | {"md5": md5(picture())} | wish)
        known = {"image": "a.jpg", "message": "a.jpg was stored already", "request_id": REQUEST_ID}
        assert (answer.status, answer.document) == (200, known)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ([], "an object such as"),
        ({"content_type": "image/jpeg"}, "name is missing"),
        ({"name": "a.jpg"}, "content_type is missing; expected one of image/jpeg"),
        ({"name": "a.jpg", "content_type": "text/html"}, "content_type must be one of image/jpeg"),
        ({"name": "a/../b.jpg", "content_type": "image/jpeg"}, "'..' part"),
        ({"name": "a${filename}.jpg", "content_type": "image/jpeg"}, "S3 would replace"),
        ({**JPEG, "md5": "abc"}, "32 hexadecimal"),
        ({**JPEG, "md5": 1}, "32 hexadecimal"),
        ({**JPEG, "overwrite": "yes"}, "true or false"),
        ({**JPEG, "size": 1}, "unknown member 'size'"),
    ],
)
def test_a_wrong_member_is_named(sign: Callable[..., Answer], body: Any, complaint: str) -> None:
    answer = sign(body)
    assert (answer.status, answer.document["error"]["code"]) == (400, "InvalidParameter")
    assert complaint in answer.document["error"]["message"]


def test_the_signed_form_asks_for_abilities(
    sign: Callable[..., Answer], bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ABILITY_NAMES", "text,faces")
    form = sign(JPEG | {"abilities": ["text", "faces"]})
    assert {"x-amz-meta-abilities": "faces,text"} in policy(form)
    assert form.document["fields"]["x-amz-meta-abilities"] == "faces,text"


@pytest.mark.parametrize(
    ("enabled", "abilities", "complaint"),
    [
        ("", ["text"], "the ability text is not enabled; the setting abilities enables no ability"),
        ("text,faces", ["moderation"], "the ability moderation is not enabled; enabled are text, faces"),
        ("text", ["smell"], "there is no ability 'smell'; enabled are text"),
        ("text", "text", 'abilities must be a list of names, such as ["text", "moderation"], not text'),
        ("text", ["text", None], "not a list of other things"),
        ("text", ["text"] * 5, "abilities has 5 elements; expected at most 4"),
    ],
)
def test_an_ability_that_the_setting_does_not_enable_is_refused(
    sign: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch, enabled: str, abilities: Any, complaint: str
) -> None:
    monkeypatch.setenv("ABILITY_NAMES", enabled)
    answer = sign(JPEG | {"abilities": abilities})
    assert (answer.status, answer.document["error"]["code"]) == (400, "InvalidParameter")
    assert complaint in answer.document["error"]["message"]
