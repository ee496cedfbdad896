"""Cut manifests into pieces: lines, or the elements of a JSON list.

Cutting looks only at line ends, or at brackets, commas and quotation marks. So a bad piece does not make the rest of
the file unreadable. Memory stays bounded, and reading can continue at the end of any piece.
"""

import re
import sys
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from api.runtime.manifests.manifest_layout import Layout

MAX_PIECE_BYTES = 16 * 1024
"""The limit of one piece. A URL takes 1,800 bytes and a name 1,024. In JSON, both may be six times as long."""

MAX_SCANNED_BYTES = 4 * 1024 * 1024
"""A piece that is longer than this ends the reading. So each call either makes progress or ends the reading."""

_LINE_END = re.compile(rb"\r\n?|\n")
_IN_LIST = re.compile(rb'["\[\]{}]|,[, \t\r\n]*+')
_IN_ELEMENT = re.compile(rb'"|[\[{]+|[\]}]+')
_REST_OF_TEXT = re.compile(rb'(?:[^"\\]|\\.)*+', re.DOTALL)
_BLANKS = b" \t\r\n"
_ANY_BUT_ASCII = 0x80
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


class EndlessPieceError(Exception):
    """A piece has more than MAX_SCANNED_BYTES."""

    def __init__(self, number: int, offset: int) -> None:
        megabytes = MAX_SCANNED_BYTES // 1024 // 1024
        super().__init__(f"the line has more than {megabytes} MB, so the rest of the file is not read")
        self.end = Position(number, offset)


@dataclass(frozen=True)
class Position:
    """A position between two pieces, given by the number of pieces and the number of bytes before it."""

    number: int = 0
    offset: int = 0


@dataclass(frozen=True)
class Piece:
    """A line, or an element of a JSON list. `content` is empty for a blank piece, and None for a piece longer than
    MAX_PIECE_BYTES."""

    end: Position
    content: bytes | None


def pieces(layout: Layout, chunks: Iterable[bytes], start: Position) -> Iterator[Piece]:
    """Yield the pieces of a manifest from `start` on. The chunks begin at `start`.

    Blank pieces are skipped, but each chunk yields at least one piece. This piece is blank if the chunk has no other.
    So a caller can save the progress.

    Raises:
        EndlessPieceError: a piece has more than MAX_SCANNED_BYTES.
    """
    cutter = _Elements(has_begun=start != Position()) if layout.format == "JSON list" else _Lines()
    return _cut(_whole_units(chunks, layout.unit), start, layout, cutter)


class _Collector:
    """Collects the bytes of one piece. It keeps no more bytes than necessary."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self.size = 0

    def add(self, part: bytes) -> None:
        self.size += len(part)
        self._bytes += part[: max(0, MAX_PIECE_BYTES + 2 - len(self._bytes))]

    def take(self) -> bytes | None:
        """Return the collected bytes, or None if there are too many, and begin the next piece."""
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
    """Return one byte for each code unit. The byte is the ASCII character, or a byte that is not ASCII."""
    if layout.unit == 1:
        return chunk
    units = array("H", chunk[: len(chunk) // 2 * 2])
    if (sys.byteorder == "little") != (layout.encoding == "UTF-16-LE"):
        units.byteswap()
    return bytes(min(unit, _ANY_BUT_ASCII) for unit in units)


def _is_blank(content: bytes | None) -> bool:
    return content is not None and not content.replace(b"\0", b"").strip(_BLANKS)


@dataclass(frozen=True)
class _Cut:
    """The end of a piece and two positions after it, counted in code units of a chunk.

    The next piece begins at `next`. Another call continues at `resumption`.
    """

    end: int
    next: int
    resumption: int


class _Lines:
    """Cuts a file at its line ends. Blank lines are counted too."""

    counts_blanks = True

    def begin(self, _: bytes) -> int:
        """Return the position at which the first piece of a chunk begins."""
        return 0

    def cuts(self, shadow: bytes, _: int) -> Iterator[_Cut]:
        """Yield the ends of the lines in the next chunk."""
        for found in _LINE_END.finditer(shadow):
            yield _Cut(found.start(), found.end(), found.end())


class _Elements:
    """Cuts a JSON list at its commas, even if its elements are not JSON. A file that is not a list is one piece."""

    counts_blanks = False

    def __init__(self, *, has_begun: bool) -> None:
        self._has_begun = self._is_open = has_begun
        self._depth = 1
        self._in_text = False
        self._skip = 0

    def begin(self, shadow: bytes) -> int:
        """Return the position at which the first piece of a chunk begins.

        It follows the bracket that opens the list.
        """
        blanks = _BLANKS + b"".join(_BOMS) + bytes([_ANY_BUT_ASCII])
        if self._has_begun or not (rest := shadow.lstrip(blanks)):
            return 0
        self._has_begun = True
        self._is_open = rest.startswith(b"[")
        return shadow.index(b"[") + 1 if self._is_open else 0

    def cuts(self, shadow: bytes, begin: int) -> Iterator[_Cut]:
        """Yield the commas between elements in the next chunk, and the closing bracket."""
        position = begin + self._skip
        while self._is_open and position < len(shadow):
            if self._in_text:
                position = self._after_text(shadow, position)
                continue
            found = (_IN_LIST if self._depth == 1 else _IN_ELEMENT).search(shadow, position)
            if not found:
                position = len(shadow)
                break
            position, signs = found.end(), found[0]
            if signs == b'"':
                self._in_text = True
            elif self._depth == 1 and signs[0] in b",]":
                self._is_open = signs != b"]"
                # If another call continues here, it reads the end of the list again.
                yield _Cut(found.start(), position, position if self._is_open else found.start())
            elif signs[0] in b"[{":
                self._depth += len(signs)
            else:
                closing = min(len(signs), self._depth - 1)
                self._depth -= closing
                position = found.start() + max(1, closing)
        self._skip = max(0, position - len(shadow))

    def _after_text(self, shadow: bytes, position: int) -> int:
        """Return the position after the end of a JSON string.

        Returns a position after the chunk if the string continues.
        """
        rest = _REST_OF_TEXT.match(shadow, position)
        end = rest.end() if rest else position
        self._in_text = shadow[end : end + 1] != b'"'
        # Skip the character after a backslash, even if it is in the next chunk.
        return end + (2 if shadow[end : end + 1] == b"\\" else not self._in_text)


def _cut(chunks: Iterable[bytes], start: Position, layout: Layout, cutter: _Lines | _Elements) -> Iterator[Piece]:
    number, offset, unit = start.number, start.offset, layout.unit
    piece = _Collector()
    for chunk in chunks:
        shadow = _shadow(chunk, layout)
        begin, blank = cutter.begin(shadow), None
        for cut in cutter.cuts(shadow, begin):
            piece.add(chunk[begin * unit : cut.end * unit])
            begin, content = cut.next, piece.take()
            is_blank = _is_blank(content)
            number += cutter.counts_blanks or not is_blank
            blank = cut if is_blank else None
            if not is_blank:
                yield Piece(Position(number, offset + cut.resumption * unit), content)
        if blank:
            yield Piece(Position(number, offset + blank.resumption * unit), b"")
        piece.add(chunk[begin * unit :])
        offset += len(chunk)
        if piece.size > MAX_SCANNED_BYTES:
            raise EndlessPieceError(number + 1, offset)
    if not _is_blank(content := piece.take()):
        yield Piece(Position(number + 1, offset), content)
