"""Reduce AVIF and HEIF, files of nested boxes (ISO/IEC 14496-12 and 23008-12), to their pixels."""

import itertools
import struct
from collections.abc import Iterator, Set
from dataclasses import dataclass

from common.imaging.pictures import TooLargePictureError

TOP_BOXES = {b"ftyp", b"meta", b"mdat", b"moov", b"free", b"skip", b"uuid", b"idat"}
"""Boxes at the top level of a file. Any other data after the pixels is a trailer."""
PIXELS = b"mdat"
BOX_HEAD = 8
LONG_BOX_HEAD = 16

LISTS = {b"meta": 4, b"iinf": 6, b"iprp": 0, b"ipco": 0, b"iref": 4, b"dinf": 0, b"grpl": 0}
"""Maps each box that contains boxes to the number of bytes before them. A list of items (`iinf`) with long ids has two
more bytes."""
COUNTS = {b"iloc": 6, b"ipma": 4}
"""Maps each box that contains entries to the number of bytes before the entry count. `iloc` holds the places of items,
and `ipma` holds the properties of items."""
LONG_COUNTS = {b"iloc": 2, b"iinf": 1, b"ipma": 0}
"""Maps each box to the first version in which the entry count has four bytes instead of two."""

MAJOR_BRAND = slice(8, 12)
KNOWN_BRANDS = {
    b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1",
}  # fmt: skip
"""The major brands that Pillow and pillow-heif accept. Other brands may come first if one of these follows."""
SEQUENCE, STILL_PICTURE = b"avis", b"avif"
"""The brands of a sequence and of a still picture. If the brand of a sequence comes first, an AVIF decoder reads the
track of the sequence. Then a damaged later frame makes the decoder fail."""

METADATA_ITEMS = (b"Exif", b"mime")
GROUPS = b"grpl"
LIGHT_LEVELS = {b"clli": 4, b"mdcv": 24}
"""Maps each box with hints for displays to its length."""
NOTHING = b"skip"
LONG_IDS = 3  # the first version of `infe` in which ids have four bytes and not two

COLORS, CODED_COLORS = b"colr", b"nclx"
CODED_COLORS_BYTES = 11
PROFILES = frozenset({b"prof", b"rICC"})
MAX_COLOR_CODES = (22, 18, 14)
"""Primaries, transfer and matrix of https://www.itu.int/rec/T-REC-H.273; decoders need the matrix."""


@dataclass(frozen=True)
class Box:
    """A box: its name, and the positions in the file at which its head and its content begin and at which it ends."""

    name: bytes
    start: int
    content: int
    end: int


def strip(data: bytes, *, max_boxes: int, brand: bytes, kept_profiles: Set[bytes]) -> bytes:
    """Cut the trailer off, and rename boxes with metadata or damaged notes about colors. Decoders ignore renamed boxes.

    An AVIF file may mark a color profile as essential. libavif refuses the file if this profile is missing, so AVIF
    keeps profiles (`kept_profiles`). libheif does not refuse it, and takes long to copy a large profile. A sequence
    that also contains a still picture becomes the still picture. An unknown major brand becomes `brand`. If something
    other than a box follows the pixels, their box is extended to the end of the file, because its length may be wrong.
    All bytes keep their positions, because positions in the file are absolute.

    Raises:
        TooLargePictureError: there are more than `max_boxes` boxes or entries.
        struct.error, IndexError: a box is shorter than it should be.
    """
    end, kept, seen, last = len(data), bytearray(data), itertools.count(1), None
    if data[MAJOR_BRAND] not in KNOWN_BRANDS:
        kept[MAJOR_BRAND] = brand
    for box in _boxes(data, 0, len(data)):
        if box.name not in TOP_BOXES:
            break
        last = box
        _check_number(next(seen), max_boxes)
        if box.name == b"meta":
            for inner in _inner_boxes(data, box.content + LISTS[box.name], box.end):
                _check_number(next(seen), max_boxes)
                _check_number(_entries(data, inner), max_boxes)
                _hide_metadata(kept, inner, kept_profiles)
        end = box.end
    if last and last.name == PIXELS and last.content - last.start == BOX_HEAD:
        end = len(data)
        kept[last.start : last.start + 4] = struct.pack(">I", end - last.start)
    return bytes(kept[:end])


def _check_number(number: int, max_boxes: int) -> None:
    if number > max_boxes:
        raise TooLargePictureError(f"the picture has more than {max_boxes:,} blocks of metadata")


def _boxes(data: bytes, at: int, end: int) -> Iterator[Box]:
    """Yield the boxes in a part of the file. Ends at a box without a valid length."""
    while at + BOX_HEAD <= end:
        length, name = struct.unpack_from(">I4s", data, at)
        head = BOX_HEAD
        if length == 1:
            head = LONG_BOX_HEAD
            [length] = struct.unpack_from(">Q", data, at + BOX_HEAD)
        if 0 < length < head:
            return
        box = Box(name, at, at + head, min(at + length, end) if length else end)
        yield box
        at = box.end


def _inner_boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    """Yield the boxes in a part of the file, and all boxes inside these boxes."""
    waiting = [(start, end)]
    while waiting:
        for box in _boxes(data, *waiting.pop()):
            yield box
            if box.name in LISTS and box.content < box.end:
                is_long = box.name == b"iinf" and data[box.content] >= LONG_COUNTS[box.name]
                waiting.append((box.content + LISTS[box.name] + 2 * is_long, box.end))


def _entries(data: bytes, box: Box) -> int:
    if box.name not in COUNTS:
        return 0
    is_long = data[box.content] >= LONG_COUNTS[box.name]
    [number] = struct.unpack_from(">I" if is_long else ">H", data, box.content + COUNTS[box.name])
    return int(number)


def _hide_metadata(kept: bytearray, box: Box, kept_profiles: Set[bytes]) -> None:
    if box.name == b"pitm" and kept[MAJOR_BRAND] == SEQUENCE:  # there is a primary item
        kept[MAJOR_BRAND] = STILL_PICTURE
    if box.name == b"infe":  # its version, an id, two bytes, and the item's type
        place = box.content + (8 if kept[box.content] < LONG_IDS else 10)
        if kept[place : place + 4] in METADATA_ITEMS:
            kept[place : place + 4] = NOTHING
    if box.name == GROUPS or not _is_valid_note(kept, box, kept_profiles):
        kept[box.start + 4 : box.start + 8] = NOTHING


def _is_valid_note(data: bytearray, box: Box, kept_profiles: Set[bytes]) -> bool:
    """Return False for a note about colors or light that makes decoders fail, and for a profile that is not kept."""
    length = box.end - box.content
    if box.name != COLORS:
        return length == LIGHT_LEVELS.get(box.name, length)
    kind = data[box.content : box.content + 4]
    if kind != CODED_COLORS or length < CODED_COLORS_BYTES:
        return bytes(kind) in kept_profiles
    codes = struct.unpack_from(">3H", data, box.content + 4)
    return all(code <= most for code, most in zip(codes, MAX_COLOR_CODES, strict=True))
