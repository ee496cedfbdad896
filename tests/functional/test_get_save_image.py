import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from api.runtime import get_save_image
from common.imaging.pictures import CONTENT_TYPES
from common.runtime import caches
from common.runtime.safe_fetch import transport
from common.settings import Settings
from tests.counted import COUNTED
from tests.functional.conftest import REQUEST_ID, Answer, emitted, kinds
from tests.picture_files import FORMATS, encoded, scene
from tests.source_server import Source, picture, serve


@pytest.fixture
def source() -> Iterator[Source]:
    with serve() as running:
        yield running


@pytest.fixture
def upload(
    bucket: str, source: Source, call: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Answer]:
    """Call GET /?…, or POST /images with a body."""
    monkeypatch.setenv("IMAGE_BUCKET", bucket)
    monkeypatch.setenv("MAX_IMAGE_PIXELS", "1000000")
    monkeypatch.setenv("SOURCES", json.dumps(Settings(private_sources=(source.host_and_port,)).sources))

    def uploaded(*, body: Any = None, **query: str) -> Answer:
        if body is not None:
            return call(get_save_image.handler, "POST", "/images", body=json.dumps(body))
        return call(get_save_image.handler, "GET", "/", query=query)

    return uploaded


def stored(bucket: str) -> dict[str, bytes]:
    """Return every version of every object: key@version -> bytes."""
    s3 = boto3.client("s3")
    versions = s3.list_object_versions(Bucket=bucket).get("Versions", [])
    return {
        f"{v['Key']}@{v['VersionId']}": s3.get_object(Bucket=bucket, Key=v["Key"], VersionId=v["VersionId"])[
            "Body"
        ].read()
        for v in versions
    }


def test_the_curl_line_stores_the_picture_byte_for_byte(
    upload: Callable[..., Answer], source: Source, bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = upload(url=f"{source.address}/photo.jpg", name="img-01.jpg")
    assert answer.status == 200
    assert answer.document == {
        "image": "img-01.jpg",
        "bytes": len(picture()),
        "format": "JPEG",
        "width": 120,
        "height": 90,
        "message": "img-01.jpg is stored",
        "request_id": REQUEST_ID,
    }
    head = boto3.client("s3").get_object(Bucket=bucket, Key="img-01.jpg")
    assert head["Body"].read() == picture()
    assert head["ContentType"] == "image/jpeg"
    assert head["Metadata"]["source-url"] == f"{source.address}/photo.jpg"
    assert head["Metadata"]["correlation-id"] == REQUEST_ID
    assert kinds(emitted(capsys)) == COUNTED["get_save_image"]


def test_post_answers_201_once_and_200_again(upload: Callable[..., Answer], source: Source, bucket: str) -> None:
    body = {"url": f"{source.address}/png", "name": "a/ü +%.png"}
    assert [upload(body=body).status, upload(body=body).status] == [201, 200]
    assert [key.partition("@")[0] for key in stored(bucket)] == ["a/ü +%.png"]


def test_the_name_comes_from_the_url_if_there_is_none(upload: Callable[..., Answer], source: Source) -> None:
    assert upload(url=f"{source.address}/photo.jpg").document["image"] == "photo.jpg"


def test_a_taken_name_is_refused_unless_overwriting(upload: Callable[..., Answer], source: Source, bucket: str) -> None:
    upload(url=f"{source.address}/photo.jpg", name="a.jpg")
    other = f"{source.address}/photo.jpg?red"
    refused = upload(url=other, name="a.jpg")
    assert (refused.status, refused.document["error"]["code"]) == (409, "NameTaken")
    assert list(stored(bucket).values()) == [picture()]
    assert upload(url=other, name="a.jpg", overwrite="true").status == 200
    assert boto3.client("s3").get_object(Bucket=bucket, Key="a.jpg")["Body"].read() == picture(color="red")


def test_refresh_stores_the_same_picture_again_and_requests_a_new_answer(
    upload: Callable[..., Answer], source: Source, bucket: str
) -> None:
    body = {"url": f"{source.address}/photo.jpg", "name": "a.jpg"}
    upload(body=body)
    assert [upload(body=body | {"refresh": True}).status for _ in range(2)] == [201, 201]
    s3 = boto3.client("s3")
    versions = s3.list_object_versions(Bucket=bucket)["Versions"]
    wishes = [
        s3.head_object(Bucket=bucket, Key="a.jpg", VersionId=version["VersionId"])["Metadata"].get("refresh")
        for version in versions
    ]
    assert len(set(wishes)) == 3
    assert wishes.count(None) == 1


def test_refresh_does_not_overwrite_another_picture(upload: Callable[..., Answer], source: Source) -> None:
    upload(url=f"{source.address}/photo.jpg", name="a.jpg")
    assert upload(body={"url": f"{source.address}/png", "name": "a.jpg", "refresh": True}).status == 409


def test_a_file_that_came_another_way_is_not_overwritten(
    upload: Callable[..., Answer], source: Source, bucket: str
) -> None:
    boto3.client("s3").put_object(Bucket=bucket, Key="same.jpg", Body=picture())
    assert upload(url=f"{source.address}/photo.jpg", name="same.jpg").document["message"].endswith("stored already")
    boto3.client("s3").put_object(Bucket=bucket, Key="a.jpg", Body=b"precious")
    assert upload(url=f"{source.address}/photo.jpg", name="a.jpg").status == 409
    assert b"precious" in stored(bucket).values()
    assert len(stored(bucket)) == 2


@pytest.mark.parametrize("format", sorted(FORMATS))
def test_any_format_is_stored_byte_for_byte_with_its_media_type(
    upload: Callable[..., Answer], source: Source, bucket: str, format: str
) -> None:
    answer = upload(url=f"{source.address}/any?{format}", name="photo")
    assert (answer.status, answer.document["format"], answer.document["width"]) == (200, format, 160)
    found = boto3.client("s3").get_object(Bucket=bucket, Key="photo")
    assert (found["Body"].read(), found["ContentType"]) == (encoded(scene(), format), CONTENT_TYPES[format])


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("missing", 502, "SourceFailed"),
        ("broken", 502, "SourceFailed"),
        ("hang", 504, "SourceTimeout"),
        ("drip", 504, "SourceTimeout"),
        ("page", 415, "NotAPicture"),
        ("empty", 415, "NotAPicture"),
        ("large", 413, "ImageTooLarge"),
        ("announced", 413, "ImageTooLarge"),
        ("small", 422, "UnusablePicture"),
        ("truncated", 422, "UnusablePicture"),
        ("redirect?http://127.0.0.1:9001/2018-06-01/runtime/", 403, "SourceForbidden"),
    ],
)
def test_a_bad_source_gets_the_fitting_status_and_nothing_is_stored(
    upload: Callable[..., Answer],
    source: Source,
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    status: int,
    code: str,
) -> None:
    monkeypatch.setattr(transport, "READ_SECONDS", 0.3)
    monkeypatch.setattr(transport, "DEADLINE_SECONDS", 1.0)
    answer = upload(url=f"{source.address}/{path}", name="a.jpg")
    assert (answer.status, answer.document["error"]["code"]) == (status, code)
    assert answer.document["error"]["message"]
    assert answer.document["request_id"] == REQUEST_ID
    assert "secret" not in json.dumps(answer.document)
    assert stored(bucket) == {}


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ({}, "url is missing"),
        ({"url": ""}, "url is missing"),
        ({"url": "ftp://host/a.jpg", "name": "a.jpg"}, "http:// or https://"),
        ({"url": "https://host/a b.jpg", "name": "a.jpg"}, "percent-encode"),
        ({"url": "https://host/" + "a" * 1800, "name": "a.jpg"}, "1,800"),
        ({"url": "https://host/"}, "add name="),
        ({"url": "https://[/a.jpg"}, "host or a port"),
        ({"url": "https://host/a.jpg", "name": "../a.jpg"}, "'..' part"),
        ({"url": "https://host/a.jpg", "nmae": "a.jpg"}, "unknown parameter 'nmae'"),
        ({"url": "https://host/a.jpg", "overwrite": "yes"}, "true or false"),
    ],
)
def test_a_wrong_parameter_is_named(upload: Callable[..., Answer], query: dict[str, str], complaint: str) -> None:
    answer = upload(**query)
    assert answer.status == 400
    assert complaint in answer.document["error"]["message"]


@pytest.mark.parametrize(
    "body",
    [
        [],
        "text",
        {"url": 1},
        {"url": "https://h/a.jpg", "name": 1},
        {"url": "https://h/a.jpg", "overwrite": "true"},
        {"uri": ""},
    ],
)
def test_a_wrong_body_is_refused(upload: Callable[..., Answer], body: Any) -> None:
    assert upload(body=body).status == 400


def test_a_body_that_is_no_json_is_refused(upload: Callable[..., Answer], call: Callable[..., Answer]) -> None:
    for body in ("{url", "", "[" * 100_000):
        assert call(get_save_image.handler, "POST", "/images", body=body).status == 400


def test_an_internal_error_is_a_500_without_details(
    upload: Callable[..., Answer], source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGE_BUCKET", "no-such-bucket")
    caches.clear_all()
    answer = upload(url=f"{source.address}/photo.jpg", name="a.jpg")
    assert (answer.status, answer.document["error"]["code"]) == (500, "InternalError")
    assert "no-such-bucket" not in json.dumps(answer.document)


def test_an_upload_asks_for_enabled_abilities(
    upload: Callable[..., Answer], source: Source, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ABILITY_NAMES", "text,faces")
    body = {"url": f"{source.address}/photo.jpg", "name": "a.jpg", "abilities": ["text"]}
    assert [upload(body=body).status, upload(body=body).status] == [201, 200]
    assert boto3.client("s3").head_object(Bucket=bucket, Key="a.jpg")["Metadata"]["abilities"] == "text"
    refused = upload(body=body | {"abilities": ["moderation"]})
    assert (refused.status, refused.document["error"]["code"]) == (400, "InvalidParameter")
    assert "enabled are text, faces" in refused.document["error"]["message"]
