"""Recognition handles pictures that Rekognition does not accept, however they came into the bucket."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from common.imaging import decoder, pictures
from recognition.runtime.pictures import stored_pictures
from recognition.runtime.records.image_records import ImageRecord
from tests.functional.conftest import MAX_BYTES
from tests.functional.fake_rekognition import FakeRekognition
from tests.functional.s3_bucket import S3
from tests.picture_files import FORMATS, encoded, quarters, scene

AS_SEEN = ["red", "grey", "grey", "blue"]
Records = Callable[[str], ImageRecord | None]
Deliver = Callable[..., list[str]]


def looked_at(rekognition: FakeRekognition) -> Image.Image:
    [call] = rekognition.calls
    return Image.open(io.BytesIO(call["Image"]["Bytes"]))


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_an_upright_jpeg_or_png_goes_by_reference(
    s3: S3, deliver: Deliver, records: Records, rekognition: FakeRekognition, format: str
) -> None:
    assert deliver(s3.put_bytes("a/b.bin", encoded(scene(), format))) == []
    [call] = rekognition.calls
    record = records("a/b.bin")
    assert record
    assert call["Image"] == {"S3Object": {"Bucket": s3.bucket, "Name": "a/b.bin", "Version": record.version_id}}


@pytest.mark.parametrize("format", sorted(set(FORMATS) - {"JPEG", "PNG"}))
def test_every_other_format_goes_as_a_jpeg(
    s3: S3, deliver: Deliver, records: Records, rekognition: FakeRekognition, format: str
) -> None:
    body = encoded(scene(), format)
    assert deliver(s3.put_bytes("photo", body)) == []
    jpeg = looked_at(rekognition)
    assert (jpeg.format, jpeg.size, quarters(jpeg)) == ("JPEG", (160, 120), AS_SEEN)
    record = records("photo")
    assert record
    assert (record.status, record.size) == ("RECOGNIZED", len(body))
    assert record.content_type == pictures.CONTENT_TYPES[format]


def test_a_turned_jpeg_goes_upright(s3: S3, deliver: Deliver, rekognition: FakeRekognition) -> None:
    assert deliver(s3.put_bytes("photo", encoded(scene(), orientation=6))) == []
    assert quarters(looked_at(rekognition)) == AS_SEEN


def test_a_jpeg_too_large_for_a_reference_goes_as_bytes(
    s3: S3, deliver: Deliver, rekognition: FakeRekognition, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_pictures, "MAX_REFERENCE_BYTES", 100)
    assert deliver(s3.put_bytes("photo", encoded(scene()))) == []
    assert quarters(looked_at(rekognition)) == AS_SEEN


@pytest.mark.parametrize("key", [" blank.jpg", "line\nbreak.jpg"])
def test_a_key_that_rekognition_refuses_is_no_obstacle(
    s3: S3, deliver: Deliver, records: Records, rekognition: FakeRekognition, key: str
) -> None:
    assert deliver(s3.put_bytes(key, encoded(scene()))) == []
    assert quarters(looked_at(rekognition)) == AS_SEEN
    assert records(key)


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (b"", "InvalidImageFormatException", "the file is empty"),
        (b"<html/>", "InvalidImageFormatException", "these bytes are not a picture; accepted types: JPEG, PNG"),
        (encoded(scene(), "GIF")[:-40], "InvalidImageFormatException", "damaged or truncated"),
        (encoded(scene((60, 100))), "InvalidParameterException", "60 x 100 pixels; each side must have at least 80"),
        (encoded(scene((1_100, 1_000))), "ImageTooLargeException", "at most 1 megapixels"),
        (encoded(scene()) + bytes(MAX_BYTES), "ImageTooLargeException", "at most 0.953674 MB"),
    ],
    ids=["empty", "no picture", "truncated", "small", "many pixels", "many bytes"],
)
def test_a_picture_that_can_never_be_recognised_is_a_result_and_costs_nothing(
    s3: S3, deliver: Deliver, records: Records, rekognition: FakeRekognition, body: bytes, code: str, message: str
) -> None:
    assert deliver(s3.put_bytes("photo", body)) == []
    record = records("photo")
    assert record
    assert record.failure
    assert (record.status, record.failure.code, record.size) == ("FAILED", code, len(body))
    is_read = len(body) <= MAX_BYTES
    assert (record.content_type is not None) == (is_read and body not in {b"", b"<html/>"})
    assert message in record.failure.message
    assert rekognition.calls == []


@pytest.mark.parametrize("fault", [decoder.DecoderTimeoutError("late"), decoder.DecoderStoppedError("SIGKILL")])
def test_a_conversion_that_fails_for_another_reason_is_tried_again(
    s3: S3,
    deliver: Deliver,
    records: Records,
    rekognition: FakeRekognition,
    monkeypatch: pytest.MonkeyPatch,
    fault: Exception,
) -> None:
    message = s3.put_bytes("photo", encoded(scene(), "GIF"))
    with monkeypatch.context() as patch:
        patch.setattr(decoder, "convert", failing(fault))
        assert deliver(message) == ["0"]
    assert records("photo") is None
    assert deliver(message) == []
    assert len(rekognition.calls) == 1


def failing(fault: Exception) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise fault

    return fail


@pytest.mark.parametrize("fault", [decoder.DecoderStoppedError("SIGKILL"), KeyError("unforeseen")], ids=repr)
def test_a_picture_that_fails_for_its_own_reasons_has_a_record_by_its_third_receive(
    s3: S3, deliver: Deliver, records: Records, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    monkeypatch.setattr(decoder, "convert", failing(fault))
    message = s3.put_bytes("photo", encoded(scene(), "GIF"))
    for receives in (1, 2):
        assert deliver(message, receives=receives) == ["0"]
        assert records("photo") is None
    assert deliver(message, receives=3) == []
    record = records("photo")
    assert record
    assert record.failure
    assert (record.status, record.failure.code) == ("FAILED", "DecoderFailed")
    assert "3 times" in record.failure.message


def test_a_picture_waits_for_a_service_however_often_it_was_received(
    s3: S3, deliver: Deliver, records: Records, rekognition: FakeRekognition
) -> None:
    rekognition.errors["photo"] = "ThrottlingException"
    assert deliver(s3.put("photo"), receives=9) == ["0"]
    assert records("photo") is None
