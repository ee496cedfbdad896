"""Pictures with an absurd header: small files that would take a decoder a minute or most of its memory.

Where the size matters, files have 2 to 15 MB.
"""

import io
import struct
import zlib
from collections.abc import Callable

import psutil
from PIL import Image

from benchmarks.processor_time import ProcessorTime
from tests.picture_containers import (
    bmp_with,
    box,
    boxed_with,
    gif_with,
    heif_with,
    jpeg_with,
    nested_boxes,
    png_chunk,
    png_with,
    progressive_jpeg_with,
    tiff_with,
    tiff_with_pages,
    tiff_with_tags,
    webp_with,
)
from tests.picture_files import encoded, scene

META = b"meta"
PROPERTIES = [META, b"iprp", b"ipco"]
RLE = 1  # the value of the field of a BMP's header that tells the compression, at 30
MAX_INTEGER = 2**32 - 1


def many_frames(kind: str, count: int) -> bytes:
    buffer = io.BytesIO()
    frames = [Image.new("RGB", (100, 100), (number % 255, number // 255, 9)) for number in range(count)]
    frames[0].save(buffer, kind, save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def item_places(count: int) -> bytes:
    """Return the content of an `iloc` box of version 2 with this number of items of 10 bytes."""
    items = b"".join(struct.pack(">IHHHII", number, 0, 0, 1, 300, 10) for number in range(1, count + 1))
    return b"\2\0\0\0\x44\0" + struct.pack(">I", count) + items


def item_properties(count: int) -> bytes:
    """Return the content of an `ipma` box with this number of items."""
    items = b"".join(struct.pack(">HB3s", 1 + number % 65_000, 3, b"\1\2\3") for number in range(count))
    return bytes(4) + struct.pack(">I", count) + items


def grid(columns: int) -> bytes:
    """A HEIC with a grid of items in place of its picture, all of them the same."""
    plan = struct.pack(">BBBBII", 0, 1, 255, columns - 1, 65_000, 65_000)
    return boxed_with("HEIF", [META], box(b"idat", plan)).replace(b"hvc1", b"grid")


def png_of_forged_size(side: int) -> bytes:
    """A PNG with the pixels of a small picture, and a header that states another size."""
    png = encoded(scene(), "PNG")
    return png[:8] + png_chunk(b"IHDR", struct.pack(">II", side, side) + png[24:29]) + png[33:]


HEICS_AND_AVIFS: dict[str, Callable[[str], bytes]] = {
    "1,500,000 boxes in the box of metadata": lambda kind: boxed_with(kind, [META], box(b"free") * 1_500_000),
    "1,500,000 properties": lambda kind: boxed_with(kind, PROPERTIES, box(b"free") * 1_500_000),
    "boxes 1,000,000 deep": lambda kind: boxed_with(kind, [META], nested_boxes(b"iprp", 1_000_000)),
    "600,000 items": lambda kind: boxed_with(kind, [META, b"iinf"], box(b"infe", b"\2\0\0\0\0\2\0\0Exif\0") * 600_000),
    "800,000 places of items": lambda kind: boxed_with(kind, [META, b"iloc"], item_places(800_000), is_whole=True),
    "1,500,000 properties of items": lambda kind: boxed_with(
        kind, [META, b"iprp"], box(b"ipma", item_properties(1_500_000))
    ),
    "1,000,000 references": lambda kind: boxed_with(
        kind, [META], box(b"iref", bytes(4) + box(b"cdsc", b"\0\1\0\1\0\1") * 1_000_000)
    ),
}

BOMBS: dict[str, Callable[[], bytes]] = {
    "JPEG, 600,000 EXIF segments": lambda: jpeg_with(b"\xff\xe1\0\x08Exif\0\0" * 600_000),
    "JPEG, 600,000 comments": lambda: jpeg_with(b"\xff\xfe\0\x04hi" * 600_000),
    "JPEG, 2,000,000 quantization tables": lambda: jpeg_with(b"\xff\xdb\0\x02" * 2_000_000),
    "JPEG, 5,000,000 fill bytes and TEM markers": lambda: jpeg_with(b"\xff\x01" * 2_500_000 + b"\xff" * 5_000_000),
    "PNG, 17,000 ICC chunks": lambda: png_with(png_chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(100_000))) * 17_000),
    "PNG, 1,000,000 empty texts": lambda: png_with(png_chunk(b"tEXt", b"a\0b") * 1_000_000),
    "PNG, 1,200,000 empty IDAT chunks": lambda: png_with(png_chunk(b"IDAT", b"") * 1_200_000),
    "PNG, 1,200,000 empty frames": lambda: png_with(png_chunk(b"fdAT", b"") * 1_200_000),
    "GIF, 7,000,000 blocks in a comment": lambda: gif_with(b"!\xfe" + b"\x01a" * 7_000_000 + b"\0"),
    "GIF, 4,000,000 comments": lambda: gif_with(b"!\xfe\0" * 4_000_000),
    "TIFF, 1,900,000 strips": lambda: tiff_with(1_900_000),
    "TIFF, 3,500,000 strips of no rows": lambda: tiff_with(3_500_000, rows=0),
    "WebP, 1,500,000 empty chunks": lambda: webp_with(b"JUNK\0\0\0\0" * 1_500_000),
    "HEIC, 1,500,000 empty boxes": lambda: heif_with(b"\0\0\0\x08free" * 1_500_000),
    "PNG, 500,000 compressed texts": lambda: png_with(png_chunk(b"zTXt", b"a\0\0" + zlib.compress(b"")) * 500_000),
    "WebP, 1,500,000 empty chunks after the pixels": lambda: encoded(scene(), "WEBP") + b"JUNK\0\0\0\0" * 1_500_000,
    "WebP, 900,000 empty frames": lambda: webp_with(b"ANMF\x08\0\0\0" + bytes(8)) + b"ANMF\0\0\0\0" * 900_000,
    "JPEG, 4,000 scans of 15 megapixels": lambda: progressive_jpeg_with(4_000, (4000, 3700)),
    "TIFF, four billion strips": lambda: tiff_with_tags((273, 4, MAX_INTEGER, 8), (279, 4, MAX_INTEGER, 8)),
    "TIFF, four billion depths": lambda: tiff_with_tags((258, 4, MAX_INTEGER, 8)),
    "TIFF, 6 MB of depths": lambda: tiff_with_tags((258, 3, 3_000_000, b"\x08\0" * 3_000_000)),
    "TIFF, 700,000 tags": lambda: (
        b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 700_000) + struct.pack("<HHQQ", 256, 3, 1, 100) * 700_000
    ),
    "TIFF, 2^60 tags": lambda: b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**60) + bytes(1_000),
    "BMP, two billion rows": lambda: bmp_with({22: 2**31}),
    **{
        f"{suffix}, {name}": lambda kind=kind, make=make: make(kind)  # type: ignore[misc]
        for suffix, kind in (("HEIC", "HEIF"), ("AVIF", "AVIF"))
        for name, make in HEICS_AND_AVIFS.items()
    },
}
"""Files with more parts than any picture has."""

DAMAGED_BOMBS: dict[str, Callable[[], bytes]] = {
    "HEIC, a grid of 65,536 pictures": lambda: grid(256),
    "BMP, four billion colors": lambda: bmp_with({46: MAX_INTEGER}, mode="P"),
    "BMP, a header of 4 GB": lambda: bmp_with({14: MAX_INTEGER}),
    "BMP, 7,000,000 empty rows": lambda: bmp_with({30: RLE}, mode="P", pixels=bytes(14_000_000)),
    "BMP, 7,000,000 runs": lambda: bmp_with({30: RLE}, mode="P", pixels=b"\1\1" * 7_000_000),
    "BMP, 3,500,000 jumps to the same place": lambda: bmp_with({30: RLE}, mode="P", pixels=b"\0\2\0\0" * 3_500_000),
    "PNG, 59 megapixels without data": lambda: png_of_forged_size(7_700),
    "GIF, 6,000,000 blocks of pixels": lambda: gif_with(b",\0\0\0\0\xa0\0\x78\0\0\x08" + b"\1\4" * 6_000_000 + b"\0"),
}
"""Files in which decoders miss pixels."""

HARMLESS_BOMBS: dict[str, Callable[[], bytes]] = {
    "TIFF, 80,000 pages": lambda: tiff_with_pages(80_000),
    "TIFF, a circle of pages": lambda: tiff_with_pages(2, is_circle=True),
    "TIFF, a page that follows itself": lambda: tiff_with_pages(1, is_circle=True),
    "TIFF, a description of 4 GB": lambda: tiff_with_tags((270, 2, MAX_INTEGER, 8)),
    "MPO, 3,000 frames": lambda: many_frames("MPO", 3_000),
    "GIF, 3,000 frames": lambda: many_frames("GIF", 3_000),
    "GIF, 4,000,000 comments after the pixels": lambda: encoded(scene(), "GIF")[:-1] + b"!\xfe\0" * 4_000_000 + b";",
    "PNG, 100 texts of 12 MB": lambda: png_with(png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(12_000_000))) * 100),
    "HEIC, 14 MB of names of boxes": lambda: boxed_with("HEIF", [META], box(b"free", b"infe" * 3_500_000)),
    "HEIC, a profile of 12 MB": lambda: boxed_with("HEIF", PROPERTIES, box(b"colr", b"prof" + bytes(12_000_000))),
}
"""Files with absurd parts that are not read. These files are accepted."""


def processor_seconds(root: psutil.Process) -> float:
    """Return the processor time of a process and its descendants, including those that have ended."""
    return ProcessorTime.read({"emulator": root}).parts()["total"]
