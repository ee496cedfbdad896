"""Pictures with wrong numbers, checksums and marks. Some are whole nevertheless, others are only half there."""

import base64
import io
import random
import re
import struct
import zlib
from collections.abc import Callable

from PIL import Image

from tests.picture_containers import gif_with, png_chunk
from tests.picture_files import encoded, scene

MAX_INTEGER = 2**32 - 1
LOSSLESS_JPEG = (
    "c-s4a<NpH&0WUXCHwH#V1_nkTWcYuWft!P&f?)w8qaefoBMhQoDHOo|{}uxWBUp7`16*_?0~RnUI4U?QI4U?S1hLAGf>AIEM!{eN|8D{S7)v<9"
)
"""A grey picture of 160 x 120 pixels, compressed."""


def saved(kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    grain().save(buffer, kind, **options)
    return buffer.getvalue()


def grain() -> Image.Image:
    """A picture that no encoder makes small, so that half of its file is half of its pixels."""
    return Image.frombytes("RGB", (160, 120), random.Random(1).randbytes(160 * 120 * 3))


# PNG


def png_rows(rows: int) -> bytes:
    """A PNG of 120 rows, with the compressed data of only these rows."""
    return zlib.compress(b"".join(b"\0" + scene().crop((0, row, 160, row + 1)).tobytes() for row in range(rows)))


def png(pixels: bytes, *, header: bytes = struct.pack(">IIBBBBB", 160, 120, 8, 2, 0, 0, 0)) -> bytes:
    chunks = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def zeros_behind(body: bytes, part: float) -> bytes:
    """A file as an interrupted download leaves it: of its full length, with zeros in place of the rest."""
    whole = int(len(body) * part)
    return body[:whole] + bytes(len(body) - whole)


# JPEG


def scans(without: slice) -> bytes:
    """A progressive JPEG without some of its scans, and with its end mark."""
    jpeg = saved("JPEG", progressive=True)[:-2]
    starts = [found.start() for found in re.finditer(rb"\xff\xda", jpeg)]
    parts = [jpeg[begin:end] for begin, end in zip(starts, [*starts[1:], len(jpeg)], strict=True)]
    del parts[without]
    return jpeg[: starts[0]] + b"".join(parts) + b"\xff\xd9"


# TIFF

Tag = tuple[int, int, int]  # a tag, its type, and its number of values
OFFSETS, LENGTHS = 273, 279


def big_tiff(order: str, strips: int) -> bytes:
    """A BigTIFF of 160 x 120 pixels, uncompressed."""
    data, rows = scene().tobytes(), 120 // strips
    places = [16 + 160 * 3 * rows * number for number in range(strips)]
    arrays_at = 16 + len(data)
    values = [(256, 3, [160]), (257, 3, [120]), (258, 3, [8, 8, 8]), (259, 3, [1]), (262, 3, [2])]
    values += [(OFFSETS, 16, places), (277, 3, [3]), (278, 3, [rows]), (LENGTHS, 16, [160 * 3 * rows] * strips)]
    entries, arrays = b"", b""
    for tag, kind, numbers in values:
        content = struct.pack(f"{order}{len(numbers)}{'Q' if kind == 16 else 'H'}", *numbers)
        if len(content) > 8:
            arrays, content = arrays + content, struct.pack(f"{order}Q", arrays_at + len(arrays))
        entries += struct.pack(f"{order}HHQ8s", tag, kind, len(numbers), content)
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HHHQ", 43, 8, 0, arrays_at + len(arrays))
    return head + data + arrays + struct.pack(f"{order}Q", len(values)) + entries + bytes(8)


def tiff(changes: dict[int, tuple[int, int, int] | None], **options: object) -> bytes:
    """A little-endian TIFF with other types, numbers of values and fields of some tags, or without these tags."""
    body = bytearray(saved("TIFF", **options))
    [at] = struct.unpack_from("<I", body, 4)
    [count] = struct.unpack_from("<H", body, at)
    for place in range(at + 2, at + 2 + 12 * count, 12):
        [tag] = struct.unpack_from("<H", body, place)
        if tag in changes:
            change = changes[tag]
            struct.pack_into("<HHII", body, place, *((tag, *change) if change else (65_000, 1, 1, 0)))
    return bytes(body)


# AVIF and HEIC


def with_major_brand(kind: str, brand: bytes) -> bytes:
    body = encoded(scene(), kind)
    return body[:8] + brand + body[12:]


def with_length_of_pixels(kind: str, length: int, trailer: bytes = b"") -> bytes:
    """A HEIC or AVIF with another length of the box that holds its pixels."""
    body = encoded(scene(), kind)
    at = body.index(b"mdat") - 4
    return body[:at] + struct.pack(">I", length) + body[at + 4 :] + trailer


WHOLE: dict[str, Callable[[], bytes]] = {
    "png-wrong-checksum-of-pixels.png": lambda: png(png_rows(120)[:-4] + b"junk"),
    "png-no-checksum-of-pixels.png": lambda: png(png_rows(120)[:-4]),
    "png-junk-behind-compressed-pixels.png": lambda: png(png_rows(120) + b"junk" * 9),
    "jpeg-lossless.jpg": lambda: zlib.decompress(base64.b85decode(LOSSLESS_JPEG)),
    "gif-40,000-zeros-between-blocks.gif": lambda: gif_with(bytes(40_000)),
    **{
        f"tiff-big-{name}-{strips}-strips.tif": lambda order=order, strips=strips: big_tiff(order, strips)  # type: ignore[misc]
        for name, order in (("little-endian", "<"), ("big-endian", ">"))
        for strips in (1, 2, 40)
    },
    **{
        f"tiff-{compression}-lengths-{name}.tif": lambda compression=compression, change=change: tiff(  # type: ignore[misc]
            {LENGTHS: change}, compression=compression
        )
        for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
        for name, change in (
            ("0", (4, 1, 0)),
            ("1", (4, 1, 1)),
            ("behind-file", (4, 99, MAX_INTEGER)),
            ("missing", None),
        )
    },
    **{
        f"{suffix}-major-brand-{brand.decode()}.{suffix}": lambda kind=kind, brand=brand: with_major_brand(kind, brand)  # type: ignore[misc]
        for kind, suffix in (("HEIF", "heic"), ("AVIF", "avif"))
        for brand in (b"mp42", b"miaf", b"MiHB")
    },
    **{
        f"{suffix}-length-of-pixels-{name}.{suffix}": lambda kind=kind, length=length: with_length_of_pixels(  # type: ignore[misc]
            kind, length, b"SEFT" * 20
        )
        for kind, suffix in (("HEIF", "heic"), ("AVIF", "avif"))
        for name, length in (("too-small", 20), ("too-large", 100_000), ("0", 0))
    },
}
"""Whole pictures, by the names of their files."""

HALF: dict[str, Callable[[], bytes]] = {
    "png-half-of-the-rows.png": lambda: png(png_rows(60)),
    "png-without-its-last-row.png": lambda: png(png_rows(119)),
    "jpeg-without-last-scan-with-end-mark.jpg": lambda: scans(slice(-1, None)),
    "jpeg-only-first-scan-with-end-mark.jpg": lambda: scans(slice(1, None)),
    "jpeg-without-a-scan.jpg": lambda: scans(slice(2, 3)),
    "tiff-half-of-the-strips.tif": lambda: tiff({257: (3, 1, 240)}),
    "tiff-half-of-the-strips-lzw.tif": lambda: tiff({257: (3, 1, 240)}, compression="tiff_lzw"),
    **{
        f"zeros-for-{name}.{kind.lower()}": lambda kind=kind, part=part: zeros_behind(saved(kind), part)  # type: ignore[misc]
        for kind in ("PNG", "GIF")
        for name, part in (("the-second-half", 0.5), ("the-last-tenth", 0.9))
    },
    "zeros-for-the-second-half-progressive.jpg": lambda: zeros_behind(saved("JPEG", progressive=True), 0.5),
}
"""Pictures that miss pixels, by the names of their files."""
