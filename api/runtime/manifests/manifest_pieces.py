"""Cut manifests into pieces: lines, or the elements of a JSON list.

Cutting looks only at line ends, or at brackets, commas and quotation marks. So no content makes the rest of a file
unreadable, memory stays bounded, and reading can go on at the end of any piece.
"""

import re
import sys
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from api.runtime.manifests.manifest_layout import Layout

MAX_PIECE_BYTES = 16 * 1024
"""A URL takes 1,800 bytes and a name 1,024. JSON may write them six times as long."""

MAX_SCANNED_BYTES = 16 * 1024 * 1024
"""A piece that is longer than this ends the reading, so that each call makes progress or ends."""

_LINE_END = re.compile(rb"\r\n?|\n")
_OUTSIDE_TEXT = re.compile(rb'["\[\]{},]')
_INSIDE_TEXT = re.compile(rb'["\\]')
_BLANKS = b" \t\r\n"
_ANY_BUT_ASCII = 0x80
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


class EndlessPieceError(Exception):
    """A piece has more than MAX_SCANNED_BYTES."""

    def __init__(self, number: int, offset: int) -> None:
        super().__init__(f"it has more than {MAX_SCANNED_BYTES // 1024 // 1024} MB, so the rest is not read")
        self.end = Position(number, offset)


@dataclass(frozen=True)
class Position:
    """A place between two pieces: the number of pieces and of bytes before it."""

    number: int = 0
    offset: int = 0


@dataclass(frozen=True)
class Piece:
    """A line, or an element of a JSON list. `content` is empty if it is blank, and None beyond MAX_PIECE_BYTES."""

    end: Position
    content: bytes | None


def pieces(layout: Layout, chunks: Iterable[bytes], start: Position) -> Iterator[Piece]:
    """Yield the pieces of a manifest from `start` on, where its chunks begin.

    Blank pieces are skipped. After each chunk comes at least one piece, blank if need be, so that a caller can save the
    progress.

    Raises:
        EndlessPieceError: a piece has more than MAX_SCANNED_BYTES.
    """
    whole = _whole_units(chunks, layout.unit)
    cut = _elements if layout.format == "JSON list" else _lines
    return cut(whole, start, layout)


class _Collector:
    """Collects the bytes of one piece, but no more than necessary."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self.size = 0

    def add(self, part: bytes) -> None:
        self.size += len(part)
        self._bytes += part[: max(0, MAX_PIECE_BYTES + 2 - len(self._bytes))]

    def take(self) -> bytes | None:
        """Return the collected bytes, or None if they are too many, and start again."""
        content = None if self.size > MAX_PIECE_BYTES else bytes(self._bytes)
        self._bytes.clear()
        self.size = 0
        return content


def _whole_units(chunks: Iterable[bytes], unit: int) -> Iterator[bytes]:
    """Cut chunks at whole code units, and never between CR and LF."""
    carried = b""
    for chunk in chunks:
        joined = carried + chunk
        end = len(joined) - len(joined) % unit
        if _is_ascii(joined[end - unit : end], b"\r"):
            end -= unit
        carried = joined[end:]
        yield joined[:end]
    if carried:
        yield carried


def _is_ascii(unit: bytes, character: bytes) -> bool:
    return unit.strip(b"\0") == character


def _shadow(chunk: bytes, layout: Layout) -> bytes:
    """Return one byte for each code unit: its ASCII character, or one that is not ASCII."""
    if layout.unit == 1:
        return chunk
    units = array("H", chunk[: len(chunk) // 2 * 2])
    if (sys.byteorder == "little") != (layout.encoding == "UTF-16-LE"):
        units.byteswap()
    return bytes(min(unit, _ANY_BUT_ASCII) for unit in units)


def _is_blank(content: bytes | None) -> bool:
    return content is not None and not content.replace(b"\0", b"").strip(_BLANKS)


def _lines(chunks: Iterable[bytes], start: Position, layout: Layout) -> Iterator[Piece]:
    number, offset, unit = start.number, start.offset, layout.unit
    line = _Collector()
    for chunk in chunks:
        begin = 0
        last = Piece(Position(number, offset), b"")
        for end in _LINE_END.finditer(_shadow(chunk, layout)):
            line.add(chunk[begin * unit : end.start() * unit])
            begin = end.end()
            number += 1
            last = Piece(Position(number, offset + begin * unit), line.take())
            if not _is_blank(last.content):
                yield last
        line.add(chunk[begin * unit :])
        offset += len(chunk)
        if line.size > MAX_SCANNED_BYTES:
            raise EndlessPieceError(number + 1, offset)
        if begin and _is_blank(last.content):
            yield last
    if not _is_blank(content := line.take()):
        yield Piece(Position(number + 1, offset), content)


class _ListScanner:
    """Finds the ends of elements in a JSON list by its brackets, commas and quotation marks."""

    def __init__(self) -> None:
        self.is_open = True
        self._depth = 1
        self._in_text = False
        self._skip = 0

    def element_ends(self, shadow: bytes, begin: int) -> Iterator[int]:
        """Yield the places in the next chunk of the commas between elements, and of the closing bracket."""
        position = begin + self._skip
        while self.is_open and (found := (_INSIDE_TEXT if self._in_text else _OUTSIDE_TEXT).search(shadow, position)):
            position, sign = found.end(), found[0]
            if self._in_text:
                self._in_text = sign != b'"'
                position += sign == b"\\"  # an escaped character has no meaning, even if it is in the next chunk
            elif sign == b'"':
                self._in_text = True
            elif self._depth == 1 and sign in b",]":
                self.is_open = sign == b","
                yield found.start()
            elif sign != b",":
                self._depth = max(1, self._depth + (1 if sign in b"[{" else -1))
        self._skip = max(0, position - len(shadow))


def _elements(chunks: Iterable[bytes], start: Position, layout: Layout) -> Iterator[Piece]:
    """Yield the elements of a list, whether they are JSON or not. A file that is no list is one piece."""
    number, offset, unit = start.number, start.offset, layout.unit
    began = number > 0 or offset > 0
    scanner = _ListScanner() if began else None
    piece = _Collector()
    for chunk in chunks:
        begin = 0
        shadow = _shadow(chunk, layout)
        if not began and (rest := shadow.lstrip(_BLANKS + b"".join(_BOMS) + bytes([_ANY_BUT_ASCII]))):
            began = True
            if rest.startswith(b"["):
                scanner, begin = _ListScanner(), shadow.index(b"[") + 1
        last = None
        for end in scanner.element_ends(shadow, begin) if scanner else ():
            piece.add(chunk[begin * unit : end * unit])
            begin = end + 1
            content = piece.take()
            number += not _is_blank(content)
            # The end of the list is read again by a call that goes on here.
            after = end + (scanner is not None and scanner.is_open)
            last = Piece(Position(number, offset + after * unit), content)
            if not _is_blank(content):
                yield last
        piece.add(chunk[begin * unit :])
        offset += len(chunk)
        if piece.size > MAX_SCANNED_BYTES:
            raise EndlessPieceError(number + 1, offset)
        if last and _is_blank(last.content):
            yield last
    if not _is_blank(content := piece.take()):
        yield Piece(Position(number + 1, offset), content)
