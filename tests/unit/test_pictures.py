import contextlib
import io
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import pictures


def encoded(format: str, size: tuple[int, int] = (100, 90)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, "teal").save(buffer, format)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG of this size whose pixels are missing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"")


@pytest.mark.parametrize(("format", "media"), [("JPEG", "image/jpeg"), ("PNG", "image/png")])
def test_jpeg_and_png_are_known_with_their_size(format: str, media: str) -> None:
    picture = pictures.inspect(encoded(format))
    assert (picture.format, picture.width, picture.height, picture.content_type) == (format, 100, 90, media)


def test_a_phones_jpeg_with_a_second_picture_behind_it_is_a_jpeg() -> None:
    buffer = io.BytesIO()
    image = Image.new("RGB", (100, 90), "teal")
    image.save(buffer, "MPO", save_all=True, append_images=[image])
    assert pictures.inspect(buffer.getvalue()).content_type == "image/jpeg"


@pytest.mark.parametrize("body", [b"", b"<html>403 Forbidden</html>", b"\xff", encoded("GIF"), encoded("WEBP")])
def test_anything_else_is_no_picture(body: bytes) -> None:
    with pytest.raises(pictures.NoPictureError):
        pictures.inspect(body)


@pytest.mark.parametrize("size", [(79, 100), (100, 79), (10_001, 100), (40_000, 40_000)])
def test_sizes_that_rekognition_refuses_are_refused(size: tuple[int, int]) -> None:
    """Read from the header: the largest would take 4.8 GB to decode."""
    with pytest.raises(pictures.UnusablePictureError):
        pictures.inspect(png_header(*size))


@given(st.binary(max_size=64), st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b""]))
def test_no_bytes_crash_the_inspection(body: bytes, magic: bytes) -> None:
    with contextlib.suppress(pictures.NoPictureError, pictures.UnusablePictureError):
        pictures.inspect(magic + body)
