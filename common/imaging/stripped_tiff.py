"""Reduce a TIFF to its first page. A new directory at the end of the file describes only the pixels of this page.

https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf
"""

import itertools
import struct
from dataclasses import dataclass

from common.imaging.pictures import DamagedPictureError, TooLargePictureError

COMPRESSION, ORIENTATION, JPEG_TABLES = 259, 274, 347
PLACES = {273: 279, 324: 325}
"""Maps the tags for the offsets of strips and tiles to the tags for the lengths of strips and tiles."""

KEPT = {
    256, 257, 258, COMPRESSION, 262, 266, 273, ORIENTATION, 277, 278, 279, 284, 292, 293, 317, 320, 322, 323, 324, 325,
    332, 338, 339, JPEG_TABLES, *range(512, 522), 529, 530, 531, 532,
}  # fmt: skip
"""Tags that describe how pixels are stored."""

TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
BIG_TIFF = 43
MAX_TAGS = 65_535  # of a small TIFF; the number in a BigTIFF has eight bytes

ENDING_BY_THEMSELVES = {5, 8, 32773, 32946}  # LZW, deflate, PackBits, deflate: a length that is too long does no harm
FAX, JPEG = {2, 3, 4}, {6, 7}
"""Compressions for which libtiff reports no error when a strip is truncated."""
END_OF_JPEG = b"\xff\xd9"


@dataclass(frozen=True)
class Layout:
    """The byte order of the numbers in a TIFF, and the length of its positions."""

    order: str
    is_big: bool

    @property
    def position(self) -> str:
        """Return the `struct` format of a position."""
        return "Q" if self.is_big else "I"

    @property
    def head(self) -> int:
        """Return the offset of the field that holds the position of the first directory."""
        return 8 if self.is_big else 4

    @property
    def entry(self) -> struct.Struct:
        """Return the `struct` format of a directory's entry: tag, type, count, and the value or the value's
        position."""
        return struct.Struct(f"{self.order}HH{self.position}{8 if self.is_big else 4}s")

    def pack(self, form: str, *values: int | bytes) -> bytes:
        """Return numbers as bytes in this file's byte order."""
        return struct.pack(self.order + form, *values)

    def read(self, form: str, data: bytes, at: int) -> tuple[int, ...]:
        """Return the numbers at a position in the file."""
        return struct.unpack_from(self.order + form, data, at)


@dataclass(frozen=True)
class Entry:
    """An entry of a directory. `value` holds the bytes of the entry's value field."""

    tag: int
    type: int
    count: int
    value: bytes


def strip(data: bytes, *, max_strips: int) -> bytes:
    """Return the file with a new directory, in which all lengths lie within the file.

    Raises:
        DamagedPictureError: a strip or tile begins after the end of the file.
        TooLargePictureError: there are more than `max_strips` strips, tiles or values of one tag, or more than MAX_TAGS
            tags.
        struct.error, IndexError: the file ends within its directory.
    """
    order = "<" if data[:1] == b"I" else ">"
    layout = Layout(order, is_big=BIG_TIFF in data[2:4])
    entries = _directory(data, layout)
    if any(entry.count > max_strips for entry in entries.values() if entry.tag != JPEG_TABLES):
        raise TooLargePictureError(f"the picture has more than {max_strips:,} strips, tiles or values of one tag")
    tail = [b"\0" * (-len(data) % 8)]
    for places, lengths in PLACES.items():
        if places in entries and lengths in entries:
            numbers = _lengths(data, layout, entries, places, lengths)
            packed = layout.pack(f"{len(numbers)}{layout.position}", *numbers)
            value = packed
            if len(packed) > struct.calcsize(layout.position):
                value = layout.pack(layout.position, len(data) + sum(map(len, tail)))
                tail.append(packed + b"\0" * (-len(packed) % 8))
            entries[lengths] = Entry(lengths, 16 if layout.is_big else 4, len(numbers), value)
    start = layout.pack(layout.position, len(data) + sum(map(len, tail)))
    tail.append(layout.pack("Q" if layout.is_big else "H", len(entries)))
    tail += [layout.entry.pack(entry.tag, entry.type, entry.count, entry.value) for _, entry in sorted(entries.items())]
    return b"".join([data[: layout.head], start, memoryview(data)[layout.head + len(start) :], *tail, bytes(8)])


def _directory(data: bytes, layout: Layout) -> dict[int, Entry]:
    """Read the entries of the first directory that describe pixels."""
    [at] = layout.read(layout.position, data, layout.head)
    form = "Q" if layout.is_big else "H"
    [count] = layout.read(form, data, at)
    at += struct.calcsize(layout.order + form)
    if count > MAX_TAGS:
        raise TooLargePictureError(f"the picture has more than {MAX_TAGS:,} tags")
    if at + count * layout.entry.size > len(data):
        raise DamagedPictureError("the picture is truncated: it ends within its TIFF directory")
    entries: dict[int, Entry] = {}
    for place in range(at, at + count * layout.entry.size, layout.entry.size):
        entry = Entry(*layout.entry.unpack_from(data, place))
        if entry.tag in KEPT and (entry.tag != ORIENTATION or entry.count == 1):
            entries.setdefault(entry.tag, entry)
    return entries


def _lengths(data: bytes, layout: Layout, entries: dict[int, Entry], places: int, lengths: int) -> list[int]:
    """Correct the lengths of strips or tiles. Lengths may be wrong although all pixels are in the file."""
    compression = _numbers(data, layout, entries[COMPRESSION])[0] if COMPRESSION in entries else 1
    starts = _numbers(data, layout, entries[places])
    stops = dict(itertools.pairwise([*sorted(set(starts)), len(data)]))
    corrected = []
    for start, noted in zip(starts, _numbers(data, layout, entries[lengths]), strict=False):
        room = max(0, len(data) - start)
        if noted > room and (compression in FAX or (compression in JPEG and data.find(END_OF_JPEG, start) < 0)):
            raise DamagedPictureError("the picture is truncated: a strip or tile ends after the end of the file")
        length = stops[start] - start if noted and compression in ENDING_BY_THEMSELVES else noted
        corrected.append(max(0, min(length, room)))
    return corrected


def _numbers(data: bytes, layout: Layout, entry: Entry) -> tuple[int, ...]:
    form = f"{entry.count}{INTEGERS.get(entry.type, 'I')}"
    if struct.calcsize(layout.order + form) <= len(entry.value):
        return layout.read(form, entry.value, 0)
    return layout.read(form, data, layout.read(layout.position, entry.value, 0)[0])
