"""Read FlatBuffers, the container of TensorFlow Lite's models, without a schema compiler.

https://flatbuffers.dev/internals describes the form. A table starts with the distance back to its vtable. The
vtable holds the position of each field, by the field's number in the schema. A missing field has its default.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Table:
    """A table at a position of a file. Its methods take the number of a field in the schema."""

    data: bytes
    position: int

    @classmethod
    def root(cls, data: bytes) -> Table:
        """Return a file's first table.

        Raises:
            struct.error: the file ends too early. All methods of this class raise the same error.
        """
        return cls(data, _unsigned(data, 0))

    def number(self, field: int, kind: str, default: int = 0) -> int:
        """Return a number. `kind` is its format, as in the module struct."""
        place = self._places.get(field)
        return default if place is None else int(struct.unpack_from(f"<{kind}", self.data, place)[0])

    def table(self, field: int) -> Table:
        """Return a table. A missing table has no fields."""
        place = self._places.get(field)
        return EMPTY if place is None else self._at(place)

    def tables(self, field: int) -> list[Table]:
        """Return the tables of a list."""
        start, count = self._list(field)
        return [self._at(start + 4 * number) for number in range(count)]

    def numbers(self, field: int) -> list[int]:
        """Return a list of 32-bit integers."""
        start, count = self._list(field)
        return list(struct.unpack_from(f"<{count}i", self.data, start))

    def content(self, field: int) -> bytes:
        """Return a list of bytes, or the bytes of a text."""
        start, count = self._list(field)
        return self.data[start : start + count]

    @cached_property
    def _places(self) -> dict[int, int]:
        (distance,) = struct.unpack_from("<i", self.data, self.position)
        vtable = self.position - distance
        (size,) = struct.unpack_from("<H", self.data, vtable)
        offsets = struct.unpack_from(f"<{(size - 4) // 2}H", self.data, vtable + 4)
        return {field: self.position + offset for field, offset in enumerate(offsets) if offset}

    def _at(self, place: int) -> Table:
        return Table(self.data, place + _unsigned(self.data, place))

    def _list(self, field: int) -> tuple[int, int]:
        """Return the position of a list's first item, and the number of items."""
        place = self._places.get(field)
        if place is None:
            return 0, 0
        start = place + _unsigned(self.data, place)
        return start + 4, _unsigned(self.data, start)


def _unsigned(data: bytes, place: int) -> int:
    return int(struct.unpack_from("<I", data, place)[0])


EMPTY = Table(struct.pack("<HHi", 4, 4, 4), 4)
"""A table without fields. Its vtable comes before the table."""
