"""Reduce a TIFF to its first page. A new directory at the end of the file describes only the pixels of this page.

https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf
"""

import itertools
import struct
from dataclasses import dataclass

from common.imaging.pictures import DamagedPictureError, TooLargePictureError

WIDTH, HEIGHT, COMPRESSION, ORIENTATION, SAMPLES, ROWS, PLANES = 256, 257, 259, 274, 277, 278, 284
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, JPEG_TABLES = 322, 323, 324, 347
SEPARATE = 2  # the value of PLANES if each color has its own strips
SMALL_TIFF, BIG_TIFF = 42, 43
PLACES = {273: 279, TILE_OFFSETS: 325}
"""Maps the tags for the offsets of strips and tiles to the tags for the lengths of strips and tiles."""

KEPT = {
    256, 257, 258, COMPRESSION, 262, 266, 273, ORIENTATION, 277, 278, 279, 284, 292, 293, 317, 320, 322, 323, 324, 325,
    332, 338, 339, JPEG_TABLES, *range(512, 522), 529, 530, 531, 532,
}  # fmt: skip
"""Tags that describe how pixels are stored."""

TYPES = {
    1: "B", 2: "s", 3: "H", 4: "I", 5: "II", 6: "b", 7: "s", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d", 13: "I",
    16: "Q", 17: "q", 18: "Q",
}  # fmt: skip
"""The `struct` formats of the types of values."""
INTEGERS = set("BHIQbhiq")
LONG = 4
LONG_TYPES = {16: LONG, 17: 9, 18: 13}
"""Maps the types of eight bytes, which only a BigTIFF has, to their types of four bytes."""
MAX_LONG = 2**32 - 1
MAX_TAGS = 65_535  # of a small TIFF; the number in a BigTIFF has eight bytes

FAX, OLD_JPEG, JPEG = {2, 3, 4}, 6, 7
"""Compressions for which libtiff reports no error when a strip is truncated."""
ENDING_BY_THEMSELVES = {5, JPEG, 8, 32773, 32946, *FAX}
"""LZW, JPEG, deflate, PackBits and fax: a length that is too long does no harm."""
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

    def read(self, form: str, data: bytes, at: int) -> tuple[int, ...]:
        """Return the numbers at a position in the file."""
        return struct.unpack_from(self.order + form, data, at)


@dataclass(frozen=True)
class Entry:
    """An entry of a directory, with the bytes of its values."""

    tag: int
    type: int
    count: int
    values: bytes

    def numbers(self, order: str) -> tuple[int, ...]:
        """Return the values. Returns none if they are no integers."""
        form = TYPES[self.type]
        return struct.unpack(f"{order}{self.count}{form}", self.values) if form in INTEGERS else ()


def strip(data: bytes, *, max_strips: int) -> bytes:
    """Return the file as a small TIFF with a new directory, in which all lengths lie within the file.

    Pillow cannot read a BigTIFF with the most significant bytes first.

    Raises:
        DamagedPictureError: a strip or tile is missing, or begins after the end of the file.
        TooLargePictureError: there are more than `max_strips` strips, tiles or values of one tag, or more than MAX_TAGS
            tags.
        struct.error, IndexError: the file ends within its directory.
    """
    layout = Layout("<" if data[:1] == b"I" else ">", is_big=BIG_TIFF in data[2:4])
    entries = _directory(data, layout, max_strips)
    for places, lengths in PLACES.items():
        if places in entries:
            numbers = _lengths(data, layout.order, entries, places, lengths)
            values = struct.pack(f"{layout.order}{len(numbers)}I", *numbers)
            entries[lengths] = Entry(lengths, LONG, len(numbers), values)
    return _small_tiff(data, layout.order, entries)


def _directory(data: bytes, layout: Layout, max_strips: int) -> dict[int, Entry]:
    """Read the entries of the first directory that describe pixels. Leave out values after the end of the file."""
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
        tag, type_, number, field = layout.entry.unpack_from(data, place)
        if tag not in KEPT or tag in entries or type_ not in TYPES or (tag == ORIENTATION and number != 1):
            continue
        if number > max_strips and tag != JPEG_TABLES:
            raise TooLargePictureError(f"the picture has more than {max_strips:,} strips, tiles or values of one tag")
        length = number * struct.calcsize(layout.order + TYPES[type_])
        if length > len(field):
            [start] = layout.read(layout.position, field, 0)
            field = data[start : start + length]
        if length <= len(field):
            entries[tag] = Entry(tag, type_, number, field[:length])
    return entries


def _lengths(data: bytes, order: str, entries: dict[int, Entry], places: int, lengths: int) -> list[int]:
    """Correct the lengths of strips or tiles. Lengths may be wrong or missing although all pixels are in the file."""
    compression = entries[COMPRESSION].numbers(order)[0] if COMPRESSION in entries else 1
    starts = entries[places].numbers(order)
    if compression != OLD_JPEG and len(starts) < _parts(order, entries, is_tiled=places == TILE_OFFSETS):
        raise DamagedPictureError("the picture is truncated: strips or tiles are missing")
    stops = dict(itertools.pairwise([*sorted(set(starts)), len(data)]))
    noted = entries[lengths].numbers(order) if lengths in entries else ()
    corrected = []
    for start, length in itertools.zip_longest(starts, noted[: len(starts)]):
        room = max(0, len(data) - start)
        is_ended = data.find(END_OF_JPEG, start, stops[start]) >= 0 if compression in {JPEG, OLD_JPEG} else False
        is_cut = length is not None and length > room and compression in {OLD_JPEG, *FAX}
        if not is_ended and (is_cut or (compression == JPEG and start)):
            raise DamagedPictureError("the picture is truncated: a strip or tile has no end")
        if start and (length is None or compression in ENDING_BY_THEMSELVES):  # without a start, it is left out
            length = stops[start] - start  # noqa: PLW2901 - the corrected length
        corrected.append(max(0, min(length or 0, room)))
    return corrected


def _parts(order: str, entries: dict[int, Entry], *, is_tiled: bool) -> int:
    """Return the number of strips or tiles that all pixels need. Returns 0 if the file does not tell."""

    def number(tag: int, default: int) -> int:
        return entries[tag].numbers(order)[0] if tag in entries and entries[tag].count else default

    width, height = number(WIDTH, 0), number(HEIGHT, 0)
    planes = number(SAMPLES, 1) if number(PLANES, 1) == SEPARATE else 1
    if is_tiled:
        tile_width, tile_height = number(TILE_WIDTH, 0) or MAX_LONG, number(TILE_HEIGHT, 0) or MAX_LONG
        return planes * -(-width // tile_width) * -(-height // tile_height)
    return planes * -(-height // (number(ROWS, 0) or MAX_LONG))


def _small_tiff(data: bytes, order: str, entries: dict[int, Entry]) -> bytes:
    """Return a TIFF with the same bytes after its header, and with a directory of these entries after them."""
    tail, directory, end = [b"\0" * (len(data) % 2)], [], len(data) + len(data) % 2
    for tag, entry in sorted(entries.items()):
        type_, values = entry.type, entry.values
        if type_ in LONG_TYPES:
            numbers = (min(number, MAX_LONG) for number in entry.numbers(order))
            type_, values = LONG_TYPES[type_], struct.pack(f"{order}{entry.count}{TYPES[LONG_TYPES[type_]]}", *numbers)
        field = values
        if len(values) > LONG:
            field = struct.pack(f"{order}I", end)
            tail.append(values + b"\0" * (len(values) % 2))
            end += len(tail[-1])
        directory.append(struct.pack(f"{order}HHI4s", tag, type_, entry.count, field))
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", SMALL_TIFF, end)
    count = struct.pack(f"{order}H", len(directory))
    return b"".join([head, memoryview(data)[len(head) :], *tail, count, *directory, bytes(4)])
