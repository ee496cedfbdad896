import contextlib
import io
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from common.imaging import picture_headers
from tests.picture_files import FORMATS, ORIENTATIONS, encoded, scene

MAX_PIXELS = 60_000_000
FILES = {kind: encoded(scene(), kind) for kind in FORMATS}


def inspect(body: bytes) -> picture_headers.Picture:
    return picture_headers.inspect(io.BytesIO(body), max_pixels=MAX_PIXELS)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header(width: int, height: int) -> bytes:
    """A PNG of this size whose pixels are missing."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"")


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_is_known_with_its_size(format: str) -> None:
    picture = inspect(FILES[format])
    assert (picture.format, picture.width, picture.height) == (format, 160, 120)
    assert picture.content_type == picture_headers.CONTENT_TYPES[format]
    assert picture.is_recognizable == (format in {"JPEG", "PNG"})


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_rekognition_is_given_only_what_is_upright(format: str, orientation: int) -> None:
    assert inspect(encoded(scene(), format, orientation=orientation)).is_recognizable == (orientation == 1)


def test_exif_behind_the_pixels_of_a_png_is_seen_without_decoding_them(monkeypatch: pytest.MonkeyPatch) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    body, end = FILES["PNG"][:-12], FILES["PNG"][-12:]
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", lambda _: pytest.fail("the pixels were decoded"))
    assert not inspect(body + chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")) + end).is_upright


def test_a_phones_jpeg_with_a_second_picture_behind_it_is_a_jpeg() -> None:
    buffer = io.BytesIO()
    scene().save(buffer, "MPO", save_all=True, append_images=[scene()])
    assert inspect(buffer.getvalue()).content_type == "image/jpeg"
    picture_headers.check_whole(buffer)


@pytest.mark.parametrize("body", [b"", b"<html>403 Forbidden</html>", b"\xff", b"%PDF-1.7", b"<svg/>", b"\0\0\1\0"])
def test_anything_else_is_no_picture(body: bytes) -> None:
    with pytest.raises(picture_headers.NoPictureError):
        inspect(body)


@pytest.mark.parametrize("size", [(79, 100), (100, 79), (0, 100)])
def test_pictures_too_small_for_rekognition_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises((picture_headers.TooSmallPictureError, picture_headers.DamagedPictureError)):
        inspect(png_header(*size))


def test_too_many_pixels_are_refused_by_the_header_alone() -> None:
    """They would take 4.8 GB to decode."""
    with pytest.raises(picture_headers.TooLargePictureError, match="40,000 x 40,000 pixels; at most 60 megapixels"):
        inspect(png_header(40_000, 40_000))


def test_a_side_longer_than_rekognition_takes_is_one_to_convert() -> None:
    assert not inspect(png_header(10_001, 5_000)).is_recognizable
    assert inspect(png_header(10_000, 5_000)).is_recognizable


@pytest.mark.parametrize("format", ["GIF", "WEBP", "AVIF", "TIFF", "PNG"])
def test_several_frames_are_no_obstacle(format: str) -> None:
    buffer = io.BytesIO()
    scene().save(buffer, format, save_all=True, append_images=[Image.new("RGB", (160, 120), "green")])
    assert inspect(buffer.getvalue()).format == format
    picture_headers.check_whole(buffer)


def test_frames_without_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_headers, "MAX_FRAMES", 1)
    buffer = io.BytesIO()
    scene().save(buffer, "WEBP", save_all=True, append_images=[Image.new("RGB", (160, 120), "green")])
    with pytest.raises(picture_headers.TooLargePictureError, match="2 frames"):
        inspect(buffer.getvalue())


@pytest.mark.parametrize("format", FORMATS)
def test_whole_files_are_whole(format: str) -> None:
    picture_headers.check_whole(io.BytesIO(FILES[format]))


@pytest.mark.parametrize("options", [{"progressive": True}, {"exif": encoded(scene((96, 96)))}], ids=str)
def test_every_kind_of_jpeg_is_whole(options: dict[str, object]) -> None:
    buffer = io.BytesIO()
    scene().save(buffer, "JPEG", **options)
    picture_headers.check_whole(buffer)
    with pytest.raises(picture_headers.DamagedPictureError, match="truncated"):
        picture_headers.check_whole(io.BytesIO(buffer.getvalue()[:-2]))


@given(st.sampled_from(FORMATS), st.floats(0.3, 0.95))
def test_a_file_that_was_cut_off_is_damaged(format: str, part: float) -> None:
    body = FILES[format][: int(len(FILES[format]) * part)]
    with pytest.raises(picture_headers.DamagedPictureError):
        picture_headers.check_whole(io.BytesIO(body))


@given(st.binary(max_size=64), st.sampled_from([body[:16] for body in FILES.values()]))
def test_no_bytes_crash_the_inspection(body: bytes, magic: bytes) -> None:
    with contextlib.suppress(picture_headers.PictureError):
        inspect(magic + body)
    with contextlib.suppress(picture_headers.PictureError):
        picture_headers.check_whole(io.BytesIO(magic + body))
