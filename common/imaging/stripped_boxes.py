"""Reduce AVIF and HEIF, files of nested boxes (ISO/IEC 14496-12 and 23008-12), to their pixels."""

import itertools
import struct
from collections.abc import Iterator

from common.imaging.pictures import TooLargePictureError

TOP_BOXES = {b"ftyp", b"meta", b"mdat", b"moov", b"free", b"skip", b"uuid", b"idat"}
"""Boxes at the top of a file; anything else behind the pixels is a trailer."""
BOX_HEAD = 8
LONG_BOX_HEAD = 16

LISTS = {b"meta": 4, b"iinf": 6, b"iprp": 0, b"ipco": 0, b"iref": 4, b"dinf": 0, b"grpl": 0}
"""Boxes that hold boxes, and the bytes before these. A list of items (`iinf`) with long ids has two more."""
COUNTS = {b"iloc": 6, b"ipma": 4}
"""Boxes that hold entries, and the bytes before their number: places of items, and their properties."""
LONG_COUNTS = {b"iloc": 2, b"iinf": 1, b"ipma": 0}
"""The first version of a box in which its number of entries has four bytes and not two."""

MAJOR_BRAND = slice(8, 12)
SEQUENCE, STILL_PICTURE = b"avis", b"avif"
"""A decoder of AVIF reads the track of a sequence, and fails at a damaged later frame, if this brand comes first."""

METADATA_ITEMS = (b"Exif", b"mime")
NO_ITEM = b"skip"
LONG_IDS = 3  # the first version of `infe` in which ids have four bytes and not two


def strip(data: bytes, *, max_boxes: int) -> bytes:
    """Cut the trailer off, and rename the items that hold EXIF or XMP, so that nobody reads them.

    A sequence that also holds a still picture becomes that picture. All bytes stay where they are: positions in the
    file are absolute.

    Raises:
        TooLargePictureError: there are more than `max_boxes` boxes or entries.
        struct.error, IndexError: a box is shorter than it should be.
    """
    end, kept, seen = len(data), bytearray(data), itertools.count(1)
    for name, content, box_end in _boxes(data, 0, len(data)):
        if name not in TOP_BOXES:
            break
        _check_number(next(seen), max_boxes)
        if name == b"meta":
            for inner, at in _inner_boxes(data, content + LISTS[name], box_end):
                _check_number(next(seen), max_boxes)
                _check_number(_entries(data, inner, at), max_boxes)
                if inner == b"pitm" and kept[MAJOR_BRAND] == SEQUENCE:  # there is a primary item
                    kept[MAJOR_BRAND] = STILL_PICTURE
                if inner == b"infe":
                    _hide_metadata_item(kept, at)
        end = box_end
    return bytes(kept[:end])


def _check_number(number: int, max_boxes: int) -> None:
    if number > max_boxes:
        raise TooLargePictureError(f"the picture has more than {max_boxes:,} blocks of metadata")


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield the boxes in a part of the file, up to one without a valid length: name, start of content, end."""
    while at + BOX_HEAD <= end:
        length, name = struct.unpack_from(">I4s", data, at)
        head = BOX_HEAD
        if length == 1:
            head = LONG_BOX_HEAD
            [length] = struct.unpack_from(">Q", data, at + BOX_HEAD)
        if 0 < length < head:
            return
        box_end = min(at + length, end) if length else end
        yield name, at + head, box_end
        at = box_end


def _inner_boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int]]:
    """Yield the boxes in a part of the file, and those in them: name and start of content."""
    waiting = [(start, end)]
    while waiting:
        for name, content, box_end in _boxes(data, *waiting.pop()):
            yield name, content
            if name in LISTS and content < box_end:
                is_long = name == b"iinf" and data[content] >= LONG_COUNTS[name]
                waiting.append((content + LISTS[name] + 2 * is_long, box_end))


def _entries(data: bytes, name: bytes, content: int) -> int:
    if name not in COUNTS:
        return 0
    is_long = data[content] >= LONG_COUNTS[name]
    [number] = struct.unpack_from(">I" if is_long else ">H", data, content + COUNTS[name])
    return int(number)


def _hide_metadata_item(kept: bytearray, content: int) -> None:
    """Rename an item: an `infe` box holds its version, an id, two bytes, and the item's type."""
    place = content + (8 if kept[content] < LONG_IDS else 10)
    if kept[place : place + 4] in METADATA_ITEMS:
        kept[place : place + 4] = NO_ITEM
