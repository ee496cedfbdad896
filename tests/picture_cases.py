"""Pictures as devices and programs write them, with the right answer to each: the table of docs/pictures.md.

The files in tests/pictures show the same face; the other cases are made from it.
"""

import io
import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import ExifTags, Image

from tests.header_bombs import BOMBS, DAMAGED_BOMBS, HARMLESS_BOMBS
from tests.picture_containers import gif_with, jpeg_with, png_chunk, png_with, webp_with, with_directory_first
from tests.picture_defects import HALF, WHOLE
from tests.picture_files import encoded
from tests.picture_variants import VARIANTS

FILES = Path(__file__).parent / "pictures"
TAKEN, DAMAGED, NO_PICTURE = "taken", "damaged", "no picture"
TOO_MUCH = "too much"
ANSWERS = {
    TAKEN: ("201", "RECOGNIZED"),
    DAMAGED: ("422 UnusablePicture", "FAILED InvalidImageFormatException"),
    NO_PICTURE: ("415 NotAPicture", "FAILED InvalidImageFormatException"),
    TOO_MUCH: ("422 UnusablePicture", "FAILED ImageTooLargeException"),
}
"""A verdict -> the answer of the upload API to the URL, and the record of an object in the bucket."""

SAMSUNG = b"\0\0\x01\nImage_UTC_Data1766900000000SEFHk\0\0\0\1\0\0\0\0\0\0\1\n$\0\0\0SEFT"
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF/></x:xmpmeta>'


@dataclass(frozen=True)
class Case:
    """A picture, the right answer, and the reason."""

    make: Callable[[], bytes]
    verdict: str
    reason: str


@cache
def face(mode: str = "RGB") -> Image.Image:
    return Image.open(io.BytesIO((FILES / "jpeg-without-eoi.jpg").read_bytes() + b"\xff\xd9")).convert(mode)


@cache
def saved(kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    face().save(buffer, kind, **options)
    return buffer.getvalue()


def file(name: str) -> Callable[[], bytes]:
    return (FILES / name).read_bytes


def cut(kind: str, part: float, *, behind: bytes = b"", **options: object) -> Callable[[], bytes]:
    """A part of a picture."""

    def make() -> bytes:
        whole = saved(kind, **options)
        return whole[: int(len(whole) * part)] + behind

    return make


def with_bytes(kind: str, at: int, content: bytes, **options: object) -> Callable[[], bytes]:
    """A picture with other bytes at one place."""
    return lambda: saved(kind, **options)[:at] + content + saved(kind, **options)[at + len(content) :]


def with_wrong_checksum(name: bytes, content: bytes) -> Callable[[], bytes]:
    def make() -> bytes:
        chunk = png_chunk(name, content)
        return png_with(chunk[:-4] + bytes([chunk[-4] ^ 0xFF]) + chunk[-3:], face())

    return make


def deep_tiff(values: list[float], form: str, order: str, *, strip_bytes: int | None = None, rows: int = 160) -> bytes:
    """A grey TIFF of 160 x 160 pixels, of 16-bit integers (`H`) or floats (`f`)."""
    data = struct.pack(f"{order}{len(values)}{form}", *values)
    size, count = struct.calcsize(form), -(-160 // rows)
    row = 160 * size
    after = 8 + len(data)
    places = [8 + number * rows * row for number in range(count)]
    lengths = [strip_bytes or min(rows * row, len(data) - place + 8) for place in places]
    tags = [
        (256, 3, 160), (257, 3, 160), (258, 3, 8 * size), (259, 3, 1), (262, 3, 1), (273, 4, 0), (277, 3, 1),
        (278, 3, rows), (279, 4, 1), (339, 3, 3 if form == "f" else 1),
    ]  # fmt: skip
    directory = struct.pack(f"{order}H", len(tags))
    for tag, kind, value in tags:
        if kind == 4:
            held = (places, lengths)[value]
            given = held[0] if count == 1 else after + 4 * count * value
            directory += struct.pack(f"{order}HHII", tag, kind, count, given)
        else:
            directory += struct.pack(f"{order}HHIHH", tag, kind, 1, value, 0)
    arrays = b"" if count == 1 else struct.pack(f"{order}{2 * count}I", *places, *lengths)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", after + len(arrays))
    return head + data + arrays + directory + bytes(4)


def grey() -> list[float]:
    return [float(value) for value in face("L").tobytes()]


def sixteen_bits(order: str, **options: int) -> Callable[[], bytes]:
    return lambda: deep_tiff([int(value) * 257 for value in grey()], "H", order, **options)


def with_nan() -> bytes:
    values = grey()
    values[: 3 * 160] = [float("nan")] * (3 * 160)
    return deep_tiff(values, "f", "<")


def damaged_tiff(compression: str) -> Callable[[], bytes]:
    """Return a TIFF with damaged pixels. libtiff reports them on standard error."""

    def make() -> bytes:
        body = bytearray(saved("TIFF", compression=compression))
        noise = random.Random(1)
        for at in range(1_000, min(len(body) - 500, 9_000)):
            body[at] = noise.randrange(256)
        return bytes(body)

    return make


def half_tiff(compression: str) -> Callable[[], bytes]:
    """A TIFF with its directory at the beginning, and half of its pixels."""

    def make() -> bytes:
        buffer = io.BytesIO()
        face("1" if compression == "group4" else "L").save(buffer, "TIFF", compression=compression)
        whole = with_directory_first(buffer.getvalue()) if compression != "raw" else buffer.getvalue()
        return whole[: len(whole) // 2]

    return make


def progressive_without_end() -> bytes:
    return saved("JPEG", progressive=True)[:-2] + SAMSUNG


def sideways() -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    return encoded(face(), orientation=6)


ICC = zlib.compress(random.Random(1).randbytes(1_500) * 1_000)
CASES: dict[str, Case] = {
    "avif-trailing-xmp-rest.avif": Case(file("avif-trailing-xmp-rest.avif"), TAKEN, "a trailer is ignored"),
    "heic-samsung-trailer.heic": Case(file("heic-samsung-trailer.heic"), TAKEN, "a trailer is ignored"),
    "jpeg-exif-junk.jpg": Case(file("jpeg-exif-junk.jpg"), TAKEN, "EXIF is ignored"),
    "jpeg-without-eoi.jpg": Case(file("jpeg-without-eoi.jpg"), TAKEN, "all pixels are there"),
    "jpeg-without-eoi-samsung-trailer.jpg": Case(
        file("jpeg-without-eoi-samsung-trailer.jpg"), TAKEN, "all pixels are there"
    ),
    "appledouble.jpg": Case(file("appledouble.jpg"), NO_PICTURE, "this is a metadata file of macOS"),
    "clip.mov": Case(file("clip.mov"), NO_PICTURE, "this is a video"),
    "bmp-size-field-2-too-many.bmp": Case(
        with_bytes("BMP", 2, struct.pack("<I", len(saved("BMP")) + 2)), TAKEN, "all pixels are there"
    ),
    "bmp-size-field-ffffffff.bmp": Case(with_bytes("BMP", 2, b"\xff" * 4), TAKEN, "all pixels are there"),
    "bmp-size-field-0.bmp": Case(with_bytes("BMP", 2, bytes(4)), TAKEN, "all pixels are there"),
    "png-icc-profile-1.5mb.png": Case(
        lambda: png_with(png_chunk(b"iCCP", b"p\0\0" + ICC), face()), TAKEN, "a color profile is ignored"
    ),
    "png-icc-junk.png": Case(
        lambda: png_with(png_chunk(b"iCCP", b"p\0\0junk"), face()), TAKEN, "a color profile is ignored"
    ),
    "png-ztxt-2mb-unpacked.png": Case(
        lambda: png_with(png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"text" * 500_000)), face()),
        TAKEN,
        "a text is ignored",
    ),
    "png-itxt-2mb-behind-pixels.png": Case(
        lambda: (
            saved("PNG")[:-12]
            + png_chunk(b"iTXt", b"Comment\0\1\0\0\0" + zlib.compress(b"text" * 500_000))
            + saved("PNG")[-12:]
        ),
        TAKEN,
        "a text is ignored",
    ),
    "png-text-chunk-bad-crc.png": Case(
        with_wrong_checksum(b"tEXt", b"Software\0Scanner"), TAKEN, "the checksum of a text is ignored"
    ),
    "png-phys-chunk-bad-crc.png": Case(
        with_wrong_checksum(b"pHYs", bytes(8) + b"\1"), TAKEN, "the checksum of a resolution is ignored"
    ),
    "png-exif-junk.png": Case(lambda: png_with(png_chunk(b"eXIf", b"junk" * 9), face()), TAKEN, "EXIF is ignored"),
    "png-no-iend.png": Case(lambda: saved("PNG")[:-12], TAKEN, "all pixels are there"),
    "png-trailer.png": Case(lambda: saved("PNG") + SAMSUNG, TAKEN, "a trailer is ignored"),
    "tiff-16bit-grey-little-endian.tif": Case(sixteen_bits("<"), TAKEN, "scanners write such files"),
    "tiff-16bit-grey-big-endian.tif": Case(sixteen_bits(">"), TAKEN, "as bright as its little-endian twin"),
    "tiff-16bit-grey-big-endian-strips.tif": Case(sixteen_bits(">", rows=16), TAKEN, "the same, in strips"),
    "tiff-float32-with-nan-rows.tif": Case(with_nan, TAKEN, "the range of brightness is that of finite values"),
    "tiff-strip-byte-count-ffffffff.tif": Case(
        sixteen_bits("<", strip_bytes=0xFFFFFFFF), TAKEN, "all pixels are there"
    ),
    "tiff-strip-byte-count-1.tif": Case(sixteen_bits("<", strip_bytes=1), TAKEN, "all pixels are there"),
    "tiff-damaged-deflate.tif": Case(damaged_tiff("tiff_adobe_deflate"), DAMAGED, "pixels are damaged"),
    "tiff-damaged-lzw.tif": Case(damaged_tiff("tiff_lzw"), DAMAGED, "pixels are damaged"),
    "jpeg-xmp-junk.jpg": Case(
        lambda: jpeg_with(b"\xff\xe1\0\x42http://ns.adobe.com/xap/1.0/\0" + b"<junk" * 7, face()),
        TAKEN,
        "XMP is ignored",
    ),
    "jpeg-mpf-junk.jpg": Case(
        lambda: jpeg_with(b"\xff\xe2\0\x0eMPF\0junkjunk", face()), TAKEN, "an index of further pictures is ignored"
    ),
    "jpeg-icc-junk.jpg": Case(
        lambda: jpeg_with(b"\xff\xe2\0\x14ICC_PROFILE\0\x09\x02junk", face()), TAKEN, "a color profile is ignored"
    ),
    "jpeg-sideways.jpg": Case(sideways, TAKEN, "it is turned upright"),
    "jpeg-progressive-without-eoi.jpg": Case(progressive_without_end, TAKEN, "all pixels are there"),
    "jpeg-stray-markers-behind-pixels.jpg": Case(
        lambda: saved("JPEG")[:-2] + b"\xff\x02" * 1_000_000, TAKEN, "a trailer is ignored"
    ),
    "jpeg-exif-850kb.jpg": Case(
        lambda: jpeg_with((b"\xff\xe1\xff\xffExif\0\0MM\0*\0\0\0\x08" + bytes(0xFFFF - 16)) * 13, face()),
        TAKEN,
        "EXIF is ignored",
    ),
    "webp-exif-junk.webp": Case(
        lambda: webp_with(b"EXIF\x08\0\0\0junkjunk" + b"JUNK\x02\0\0\0ab", face()), TAKEN, "EXIF is ignored"
    ),
    "webp-size-field-ffffffff.webp": Case(with_bytes("WEBP", 4, b"\xff" * 4), TAKEN, "all pixels are there"),
    "webp-trailer.webp": Case(lambda: saved("WEBP") + SAMSUNG, TAKEN, "a trailer is ignored"),
    "gif-comment-xmp.gif": Case(
        lambda: gif_with(b"!\xfe\x04junk\0!\xff\x0bXMP DataXMP" + bytes([len(XMP)]) + XMP + b"\0", face()),
        TAKEN,
        "comments are ignored",
    ),
    "gif-without-end.gif": Case(lambda: saved("GIF")[:-1], TAKEN, "all pixels are there"),
    "half.jpg": Case(cut("JPEG", 0.5), DAMAGED, "pixels are missing"),
    "half-with-end-mark.jpg": Case(cut("JPEG", 0.5, behind=b"\xff\xd9"), DAMAGED, "pixels are missing"),
    "half-with-trailer.jpg": Case(cut("JPEG", 0.5, behind=SAMSUNG), DAMAGED, "pixels are missing"),
    "half-progressive.jpg": Case(cut("JPEG", 0.5, progressive=True), DAMAGED, "pixels are missing"),
    "half-progressive-with-end-mark.jpg": Case(
        cut("JPEG", 0.5, behind=b"\xff\xd9", progressive=True), DAMAGED, "pixels are missing"
    ),
    **{
        f"half.{kind.lower()}": Case(cut(kind, 0.5), DAMAGED, "pixels are missing")
        for kind in ("PNG", "WEBP", "AVIF", "HEIF", "GIF", "TIFF", "BMP")
    },
    "half-with-iend.png": Case(cut("PNG", 0.5, behind=png_chunk(b"IEND", b"")), DAMAGED, "pixels are missing"),
    **{
        f"half-{compression}.tif": Case(half_tiff(compression), DAMAGED, "pixels are missing")
        for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "group4")
    },
    **{name: Case(make, TAKEN, reason) for name, (make, reason) in VARIANTS.items()},
    **{name: Case(make, TAKEN, "all pixels are there") for name, make in WHOLE.items()},
    **{name: Case(make, DAMAGED, "pixels are missing") for name, make in HALF.items()},
    **{f"bomb: {name}": Case(make, TOO_MUCH, "too many parts") for name, make in BOMBS.items()},
    **{f"bomb: {name}": Case(make, DAMAGED, "pixels are missing") for name, make in DAMAGED_BOMBS.items()},
    **{f"bomb: {name}": Case(make, TAKEN, "the excess parts are not read") for name, make in HARMLESS_BOMBS.items()},
}
