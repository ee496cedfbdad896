"""How far a picture's bytes should go: a walk along its container's lengths, without a look at its pixels."""

import os
import struct
from collections.abc import Callable, Iterator
from typing import IO

MARK, START_OF_SCAN, END_OF_IMAGE = 0xFF, 0xDA, b"\xff\xd9"  # of a JPEG
LENGTHLESS = {0x01, *range(0xD0, 0xD9)}  # TEM, RST0 to RST7, SOI
STRIPS, TILES = ((273, 279), (324, 325))
"""TIFF's tags of offsets and byte counts: https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf"""


def png_chunks(file: IO[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """A PNG's chunks, as far as they are whole: name and, but for the pixels (IDAT), data."""
    size = _size(file)
    at = 8
    while at + 12 <= size:
        length, name = struct.unpack(">I4s", _read(file, at, 8))
        if at + 12 + length > size:
            return
        yield name, b"" if name == b"IDAT" else _read(file, at + 8, length)
        at += 12 + length


def is_whole(file: IO[bytes], kind: str) -> bool:
    """Whether the bytes go as far as they should: to the end of the picture, or of its first frame.

    Raises:
        struct.error, ValueError, IndexError, and what Pillow raises for a TIFF: they end where a length should stand.
    """
    return WALKS[kind](file)


def _jpeg(file: IO[bytes]) -> bool:
    """To the end-of-image marker behind the first scan; the one of an EXIF thumbnail comes before that."""
    at = 2
    while True:
        mark, kind = _read(file, at, 2)
        if mark != MARK or kind == MARK:  # padding
            at += 1
            continue
        at += 2
        if kind == START_OF_SCAN:
            return END_OF_IMAGE in _read(file, at, _size(file))
        if kind not in LENGTHLESS:
            at += struct.unpack(">H", _read(file, at, 2))[0]


def _png(file: IO[bytes]) -> bool:
    return any(name == b"IEND" for name, _ in png_chunks(file))


def _webp(file: IO[bytes]) -> bool:
    [length] = struct.unpack("<I", _read(file, 4, 4))
    return 8 + int(length) <= _size(file)


def _boxes(file: IO[bytes]) -> bool:
    """AVIF and HEIC: the boxes of ISO/IEC 14496-12, of which the last may have no length (0)."""
    at, size = 0, _size(file)
    while at < size:
        length, _ = struct.unpack(">I4s", _read(file, at, 8))
        if length == 1:
            [length] = struct.unpack(">Q", _read(file, at + 8, 8))
        if length == 0:
            return True
        at += max(8, length)
    return at == size


def _gif(file: IO[bytes]) -> bool:
    """To the end of the first frame: extensions and then one image, all in sub-blocks."""
    at = 13 + _colors(_read(file, 10, 1)[0])
    while (introducer := _read(file, at, 1)[0]) == ord("!"):
        at = _after_sub_blocks(file, at + 2)
    if introducer != ord(","):
        return False
    _after_sub_blocks(file, at + 11 + _colors(_read(file, at + 9, 1)[0]))
    return True


def _colors(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _after_sub_blocks(file: IO[bytes], at: int) -> int:
    while length := _read(file, at, 1)[0]:
        at += 1 + length
    return at + 1


def _tiff(file: IO[bytes]) -> bool:
    from PIL.TiffImagePlugin import TiffImageFile  # noqa: PLC0415 - 8 ms that only TIFFs are worth

    file.seek(0)
    with TiffImageFile(file) as image:
        tags = image.tag_v2
        ends = [
            offset + length
            for offsets, lengths in (STRIPS, TILES)
            for offset, length in zip(tags.get(offsets, ()), tags.get(lengths, ()), strict=False)
        ]
    return max(ends, default=0) <= _size(file)


def _bmp(file: IO[bytes]) -> bool:
    [length] = struct.unpack("<I", _read(file, 2, 4))
    return int(length) <= _size(file)


WALKS: dict[str, Callable[[IO[bytes]], bool]] = {
    "JPEG": _jpeg,
    "PNG": _png,
    "WEBP": _webp,
    "AVIF": _boxes,
    "HEIF": _boxes,
    "GIF": _gif,
    "TIFF": _tiff,
    "BMP": _bmp,
}


def _read(file: IO[bytes], at: int, length: int) -> bytes:
    file.seek(at)
    return file.read(length)


def _size(file: IO[bytes]) -> int:
    return file.seek(0, os.SEEK_END)
