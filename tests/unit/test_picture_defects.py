"""Wrong numbers and marks do not matter if the pixels are there, and do not help if they are missing."""

import io
from collections.abc import Callable

import pytest
from PIL import Image

from common.imaging import decoding
from common.imaging.pictures import DamagedPictureError, Picture, kind_of
from tests.picture_defects import HALF, WHOLE, grain, png, png_rows
from tests.picture_files import encoded

MAX_PIXELS = 60_000_000


def inspect(body: bytes) -> Picture:
    return decoding.inspect(body, kind_of(io.BytesIO(body)), max_pixels=MAX_PIXELS, begin=lambda _: None)


def convert(body: bytes, form: str = "recognition") -> Image.Image:
    kind, chosen = kind_of(io.BytesIO(body)), decoding.FORMS[form]
    jpeg = decoding.convert(body, kind, max_pixels=MAX_PIXELS, form=chosen, begin=lambda _: None)
    return Image.open(io.BytesIO(jpeg))


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_picture_is_taken_whatever_its_numbers_say(name: str) -> None:
    body = WHOLE[name]()
    picture = inspect(body)
    assert convert(body).size == (picture.width, picture.height)


@pytest.mark.parametrize("name", HALF)
@pytest.mark.parametrize("look", [inspect, convert])
def test_a_picture_without_all_of_its_pixels_is_refused(look: Callable[[bytes], object], name: str) -> None:
    with pytest.raises(DamagedPictureError):
        look(HALF[name]())


@pytest.mark.parametrize("name", ["png-wrong-checksum-of-pixels.png", "jpeg-lossless.jpg"])
def test_a_picture_that_not_every_decoder_reads_is_not_regular(name: str) -> None:
    assert not inspect(WHOLE[name]()).is_recognizable


def test_a_jpeg_in_four_colors_is_not_regular() -> None:
    assert not inspect(encoded(grain().convert("CMYK"))).is_recognizable


def test_a_png_with_a_palette_behind_its_pixels_or_a_second_palette_is_not_regular() -> None:
    whole = encoded(grain().quantize(16), "PNG")
    at = whole.index(b"PLTE") - 4
    palette = whole[at : at + 12 + int.from_bytes(whole[at : at + 4], "big")]
    assert inspect(whole).is_recognizable
    assert not inspect(whole[:at] + palette + whole[at:]).is_recognizable
    assert not inspect(whole[:-12] + palette + whole[-12:]).is_recognizable


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("size", [(80, 80), (81, 81), (1, 1), (3, 2)])
def test_the_last_rows_of_a_png_are_seen_in_every_mode(mode: str, size: tuple[int, int]) -> None:
    image = Image.new("I" if mode == "I;16" else mode, size).convert(mode)
    assert convert(encoded(image, "PNG"), "thumbnail").size == size


def test_a_png_of_a_picture_with_too_few_rows_is_refused_although_its_rows_are_black() -> None:
    assert inspect(png(png_rows(120))).is_recognizable
    with pytest.raises(DamagedPictureError):
        inspect(png(png_rows(118)))
