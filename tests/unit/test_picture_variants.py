"""Pictures in less common modes, and with later frames that are damaged, are taken."""

import io

import pytest
from PIL import Image

from common.imaging import decoding
from common.imaging.pictures import kind_of
from tests.picture_files import encoded, scene

MAX_PIXELS = 60_000_000
MODES = [
    *(("JPEG", mode) for mode in ("L", "CMYK")),
    *(("PNG", mode) for mode in ("1", "L", "LA", "P", "RGBA", "I;16")),
    *(("TIFF", mode) for mode in ("1", "L", "LA", "P", "RGBA", "CMYK", "LAB", "I;16", "F")),
    *(("BMP", mode) for mode in ("1", "L", "P", "RGBA")),
    *(("WEBP", mode) for mode in ("L", "RGBA")),
]


def several_frames(kind: str) -> bytes:
    buffer = io.BytesIO()
    scene().save(buffer, kind, save_all=True, append_images=[Image.effect_noise((160, 120), 80).convert("RGB")])
    return buffer.getvalue()


def expect_taken(body: bytes) -> None:
    kind = kind_of(io.BytesIO(body))
    picture = decoding.inspect(body, kind, max_pixels=MAX_PIXELS, begin=lambda _: None)
    form = decoding.FORMS["recognition"]
    jpeg = decoding.convert(body, kind, max_pixels=MAX_PIXELS, form=form, begin=lambda _: None)
    assert (picture.width, picture.height) == Image.open(io.BytesIO(jpeg)).size == (160, 120)


@pytest.mark.parametrize(("kind", "mode"), MODES)
def test_every_mode_is_taken(kind: str, mode: str) -> None:
    grey = scene().convert("L")
    image = grey.convert("I").point(lambda value: value * 257).convert("I;16") if mode == "I;16" else None
    expect_taken(encoded(image or scene().convert(mode), kind))


@pytest.mark.parametrize("kind", ["MPO", "PNG", "WEBP", "GIF"])
def test_a_damaged_later_frame_does_no_harm(kind: str) -> None:
    expect_taken(several_frames(kind)[:-1_000])


@pytest.mark.parametrize("trailer", [bytes(5_000), b"\xff\xd8junk" * 1_000])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF", "GIF", "TIFF", "BMP"])
def test_bytes_behind_the_pixels_do_no_harm(kind: str, trailer: bytes) -> None:
    expect_taken(encoded(scene(), kind) + trailer)
