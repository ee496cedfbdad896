"""Conversion in the process of the test. tests/thorough/test_decoder.py tests it in its own process."""

import io
import random
import struct
from collections.abc import Sequence

import pytest
from PIL import Image

from common.imaging import decoding, pictures
from tests.picture_files import FORMATS, ORIENTATIONS, encoded, quarters, scene

MAX_PIXELS = 60_000_000
AS_SEEN = ["red", "grey", "grey", "blue"]


def jpeg_of(body: bytes, form: str = "recognition") -> bytes:
    kind = pictures.kind_of(io.BytesIO(body))
    return decoding.convert(body, kind, max_pixels=MAX_PIXELS, form=decoding.FORMS[form], begin=lambda _: None)


def converted(body: bytes, form: str = "recognition") -> Image.Image:
    return Image.open(io.BytesIO(jpeg_of(body, form)))


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_becomes_a_jpeg(format: str) -> None:
    jpeg = converted(encoded(scene(), format))
    assert (jpeg.format, jpeg.mode, jpeg.size, quarters(jpeg)) == ("JPEG", "RGB", (160, 120), AS_SEEN)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("format", sorted(set(FORMATS) - {"GIF", "BMP"}))  # which know no orientation
def test_a_rotated_picture_is_turned_upright(format: str, orientation: int) -> None:
    jpeg = converted(encoded(scene(), format, orientation=orientation))
    assert (jpeg.size, quarters(jpeg), dict(jpeg.getexif())) == ((160, 120), AS_SEEN, {})


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I", "I;16", "F"])
def test_every_kind_of_pixel_is_seen(mode: str) -> None:
    """Bright at the left, dark at the right; twelve bits of a scanner, and a picture's own floats, included."""
    image = Image.new("L", (100, 100), 0)
    image.paste(200, (0, 0, 50, 100))
    if mode == "I;16":
        values = b"".join((value * 16).to_bytes(2, "little") for value in image.tobytes())
        body = encoded(Image.frombytes("I;16", image.size, values), "PNG")
    else:
        body = encoded(image.convert(mode), "PNG" if mode in {"1", "L", "LA", "P", "RGBA"} else "TIFF")
    jpeg = converted(body).convert("L")
    left, right = jpeg.getpixel((25, 50)), jpeg.getpixel((75, 50))
    assert isinstance(left, int)
    assert isinstance(right, int)
    assert left > 190
    assert right < 20


def test_transparent_parts_become_white() -> None:
    assert converted(encoded(Image.new("RGBA", (90, 90), (0, 0, 0, 0)), "WEBP")).getpixel((40, 40)) == (255, 255, 255)


def test_an_animation_is_its_first_frame() -> None:
    buffer = io.BytesIO()
    scene().save(buffer, "GIF", save_all=True, append_images=[Image.new("RGB", (160, 120), "green")])
    assert quarters(converted(buffer.getvalue())) == AS_SEEN


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_picture_too_large_is_scaled_down_with_its_proportions(format: str, orientation: int) -> None:
    jpeg = converted(encoded(scene((10_200, 400)), format, orientation=orientation))
    assert (jpeg.size, quarters(jpeg)) == ((3_400, 134), AS_SEEN)


def test_one_too_long_and_narrow_for_rekognition_is_refused() -> None:
    with pytest.raises(pictures.TooSmallPictureError, match="too long and narrow"):
        converted(encoded(Image.new("L", (20_000, 100)), "PNG"))


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        ((30, 20), (30, 20)),
        ((700, 400), (512, 293)),
        ((2_047, 2_047), (512, 512)),
        ((5_000, 2_500), (512, 256)),
        ((20_000, 3), (512, 1)),
    ],
)
@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_a_thumbnail_is_made_of_pictures_that_rekognition_refuses_too(
    size: tuple[int, int], wanted: tuple[int, int], format: str
) -> None:
    assert converted(encoded(Image.new("L", size, 99), format), "thumbnail").size == wanted


def test_a_jpeg_that_stays_too_large_is_scaled_down() -> None:
    noise = Image.frombytes("RGB", (3_000, 2_600), random.Random(1).randbytes(3_000 * 2_600 * 3))
    jpeg = jpeg_of(encoded(noise, "BMP"))
    assert len(jpeg) <= decoding.MAX_JPEG_BYTES
    assert Image.open(io.BytesIO(jpeg)).size == (1_500, 1_300)


def deep_tiff(
    values: Sequence[float], form: str, *, order: str = "<", width: int = 100, rows_per_strip: int = 100
) -> bytes:
    """A grey TIFF of 16-bit integers (`H`) or floats (`f`), in either byte order, with one strip or many."""
    data = struct.pack(f"{order}{len(values)}{form}", *values)
    height = len(values) // width
    size = struct.calcsize(form)
    strips = [
        data[at : at + width * rows_per_strip * size] for at in range(0, len(data), width * rows_per_strip * size)
    ]
    places = [8 + sum(map(len, strips[:number])) for number in range(len(strips))]
    after = 8 + len(data)
    tags = [
        (256, 3, 1, width), (257, 3, 1, height), (258, 3, 1, 8 * size), (259, 3, 1, 1), (262, 3, 1, 1),
        (273, 4, len(strips), places[0] if len(strips) == 1 else after), (277, 3, 1, 1), (278, 3, 1, rows_per_strip),
        (279, 4, len(strips), len(data) if len(strips) == 1 else after + 4 * len(strips)),
        (339, 3, 1, 3 if form == "f" else 1),
    ]  # fmt: skip
    arrays = struct.pack(f"{order}{len(strips)}I", *places) + struct.pack(f"{order}{len(strips)}I", *map(len, strips))
    directory = struct.pack(f"{order}H", len(tags))
    for tag, kind, count, value in tags:
        packed = struct.pack(f"{order}{'H' if kind == 3 and count == 1 else 'I'}", value).ljust(4, b"\0")
        directory += struct.pack(f"{order}HHI", tag, kind, count) + packed
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(f"{order}I", after + len(arrays)) + data + arrays + directory + bytes(4)


RAMP = [float(x) for _ in range(100) for x in range(1000, 41_000, 400)]
"""Ten thousand values: dark at the left, bright at the right."""


def brightness(jpeg: Image.Image) -> list[int]:
    return [jpeg.convert("L").getpixel((x, 50)) for x in (3, 50, 97)]  # type: ignore[misc] # of one band


@pytest.mark.parametrize("form", ["H", "f"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("rows_per_strip", [100, 7])
def test_deep_grey_is_as_bright_in_any_byte_order(form: str, order: str, rows_per_strip: int) -> None:
    values: Sequence[float] = [round(value) for value in RAMP] if form == "H" else RAMP
    left, middle, right = brightness(converted(deep_tiff(values, form, order=order, rows_per_strip=rows_per_strip)))
    assert left < 15
    assert 115 < middle < 140
    assert right > 240


@pytest.mark.parametrize("worst", [float("nan"), float("inf"), -float("inf")], ids=str)
@pytest.mark.parametrize("rows", [(0, 3), (40, 60), (90, 100)])
def test_the_range_of_floats_is_that_of_finite_values(worst: float, rows: tuple[int, int]) -> None:
    values = [worst if rows[0] <= at // 100 < rows[1] else value for at, value in enumerate(RAMP)]
    jpeg = converted(deep_tiff(values, "f"))
    y = 20 if rows[0] >= 40 else 70
    left, right = (jpeg.convert("L").getpixel((x, y)) for x in (3, 97))
    assert left < 15  # type: ignore[operator] # of one band
    assert right > 240  # type: ignore[operator]
    assert jpeg.convert("L").getpixel((97, sum(rows) // 2)) < 15  # type: ignore[operator]


def test_floats_without_a_finite_value_are_black() -> None:
    assert converted(deep_tiff([float("nan")] * 10_000, "f")).getpixel((50, 50)) == (0, 0, 0)


def test_lab_colors_are_converted() -> None:
    lab = Image.merge("LAB", [Image.new("L", (100, 100), value) for value in (136, 208, 195)])  # red
    red, green, blue = converted(encoded(lab, "TIFF")).getpixel((50, 50))  # type: ignore[misc]
    assert red > 200
    assert max(green, blue) < 90
