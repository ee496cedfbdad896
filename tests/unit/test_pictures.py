import io
import struct
import zlib

import pytest
from PIL import Image, PngImagePlugin

from common.imaging import decoding, pictures
from tests.picture_files import FORMATS, ORIENTATIONS, encoded, scene

MAX_PIXELS = 60_000_000
FILES = {kind: encoded(scene(), kind) for kind in FORMATS}


def inspect(body: bytes) -> pictures.Picture:
    kind = pictures.kind_of(io.BytesIO(body))
    return decoding.inspect(body, kind, max_pixels=MAX_PIXELS, begin=lambda _: None)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header(width: int, height: int) -> bytes:
    """A PNG of this size; all its pixels are missing."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"")


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_is_known_with_its_size(format: str) -> None:
    picture = inspect(FILES[format])
    assert (picture.format, picture.width, picture.height) == (format, 160, 120)
    assert picture.content_type == pictures.CONTENT_TYPES[format]
    assert picture.is_recognizable == (format in {"JPEG", "PNG"})


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_rekognition_is_given_only_upright_pictures(format: str, orientation: int) -> None:
    assert inspect(encoded(scene(), format, orientation=orientation)).is_recognizable == (orientation == 1)


def test_exif_behind_the_pixels_of_a_png_is_seen_before_they_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    body, end = FILES["PNG"][:-12], FILES["PNG"][-12:]
    body += chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")) + end
    assert not inspect(body).is_upright
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", lambda _: pytest.fail("the pixels were decoded"))
    assert decoding.open_picture(body, "PNG", max_pixels=MAX_PIXELS, begin=lambda _: None).orientation() == 6


def test_a_jpeg_of_a_phone_with_a_second_picture_behind_it_is_a_jpeg() -> None:
    buffer = io.BytesIO()
    scene().save(buffer, "MPO", save_all=True, append_images=[scene()])
    assert inspect(buffer.getvalue()).content_type == "image/jpeg"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>403 Forbidden</html>",
        b"\xff",
        b"%PDF-1.7",
        b"<svg/>",
        b"\0\0\1\0",
        b"\0\0\0\x18ftypcrx \0\0\0\1crx ",
    ],
)
def test_anything_else_is_no_picture(body: bytes) -> None:
    with pytest.raises(pictures.NoPictureError, match=r"not a picture|is empty"):
        inspect(body)


VIDEOS = {
    "QuickTime": b"\0\0\0\x14ftypqt  \0\0\0\0qt  \0\0\0\x08wide",
    "old QuickTime": b"\0\0\0\x08wide\0\0\0\x6cmdat",
    "MP4": b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41",
    "phone": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom",
    "3GP": b"\0\0\0\x18ftyp3gp4\0\0\0\0isom3gp4",
    "large": b"\x12\x34\x56\x78mdat",
    "Matroska": b"\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\x1f\x42\x86\x81\x01",
    "AVI": b"RIFF\x10\x20\0\0AVI LIST",
    "WMV": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"),
    "MPEG": b"\0\0\x01\xba\x44\0\4\0",
    "FLV": b"FLV\x01\x05\0\0\0\x09",
}


@pytest.mark.parametrize("body", VIDEOS.values(), ids=VIDEOS.keys())
def test_a_video_is_called_a_video(body: bytes) -> None:
    with pytest.raises(pictures.NoPictureError, match="this is a video"):
        pictures.kind_of(io.BytesIO(body + bytes(64)))


@pytest.mark.parametrize(
    "brands", [b"heic\0\0\0\0mif1heic", b"mif1\0\0\0\0mif1heix", b"msf1\0\0\0\0hevc", b"heis\0\0\0\0"]
)
def test_a_heif_is_known_by_any_of_its_brands(brands: bytes) -> None:
    assert pictures.kind_of(io.BytesIO(b"\0\0\0\x18ftyp" + brands + bytes(64))) == "HEIF"


@pytest.mark.parametrize("size", [(79, 100), (100, 79), (0, 100)])
def test_pictures_too_small_for_rekognition_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises((pictures.TooSmallPictureError, pictures.DamagedPictureError)):
        inspect(png_header(*size))


def test_too_many_pixels_are_refused_by_the_header_alone() -> None:
    """They would take 4.8 GB to decode."""
    with pytest.raises(pictures.TooLargePictureError, match="40,000 x 40,000 pixels; at most 60 megapixels"):
        inspect(png_header(40_000, 40_000))


@pytest.mark.parametrize(("width", "is_recognizable"), [(10_001, False), (10_000, True)])
def test_a_side_longer_than_rekognition_takes_is_one_to_convert(width: int, is_recognizable: bool) -> None:
    assert inspect(encoded(Image.new("L", (width, 400)), "PNG")).is_recognizable == is_recognizable


@pytest.mark.parametrize("format", ["GIF", "WEBP", "AVIF", "TIFF", "PNG"])
def test_several_frames_are_no_obstacle(format: str) -> None:
    buffer = io.BytesIO()
    scene().save(buffer, format, save_all=True, append_images=[Image.new("RGB", (160, 120), "green")])
    assert inspect(buffer.getvalue()).format == format


def big_tiff(*entries: tuple[int, int, int, int], directory_at: int = 16) -> bytes:
    """A BigTIFF without pixels; an entry is a tag, a type, a count, and a value or its position."""
    head = b"II+\0" + struct.pack("<HHQQ", 8, 0, directory_at, len(entries))
    return head + b"".join(struct.pack("<HHQQ", *entry) for entry in entries) + bytes(8)


FARTHEST = 2**64 - 1


@pytest.mark.parametrize(
    "body",
    [big_tiff(directory_at=FARTHEST), big_tiff((273, 16, 2, FARTHEST), (279, 16, 2, FARTHEST))],
    ids=["directory", "strips"],
)
def test_a_position_that_no_file_can_have_is_damage(body: bytes) -> None:
    with pytest.raises(pictures.DamagedPictureError, match="TIFF header is damaged"):
        inspect(body)
