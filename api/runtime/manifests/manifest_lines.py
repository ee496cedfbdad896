"""Manifests: files of many lines that each name a picture to be fetched. What is wrong with a line, it has for itself.

A file is cut into pieces first, by line ends (`.jsonl`, `.csv`) or by the brackets and commas of a JSON list (`.json`),
whatever else is in it; then each piece is read. So nothing in a file makes the rest of it unreadable, memory stays
bounded, and reading can go on at any piece's end.
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from api.runtime.sources.source_urls import S3_SCHEME, S3Object, check_url
from api.runtime.uploads import image_names
from api.runtime.uploads.image_names import ImageNameError
from common.runtime.safe_fetch import FetchError

KINDS = ("json", "jsonl", "csv")
MAX_PIECE = 16 * 1024
"""Bytes; a URL takes 1,800, a name 1,024, which JSON may write six times as long."""

EXAMPLE = '{"url": "https://…", "name": "a.jpg"}'
HEADERS = {("url", "name"), ("url", None)}
BLANKS = b" \t\r\n"
BOM = b"\xef\xbb\xbf"  # what Excel puts before UTF-8
OUTSIDE = re.compile(rb'["\[\]{},]')
INSIDE = re.compile(rb'["\\]')
MAX_REASON = 300


@dataclass(frozen=True)
class Position:
    """A place between two pieces: how many there are before it, and how many bytes."""

    number: int = 0
    offset: int = 0


@dataclass(frozen=True)
class Piece:
    """A line, or an element of a JSON list, that is not blank; `content` is None if it is longer than MAX_PIECE."""

    end: Position
    content: bytes | None


@dataclass(frozen=True)
class Entry:
    """A picture to be fetched. `number` is that of the line, in a JSON list that of the element, from 1 on."""

    number: int
    url: str
    name: str


@dataclass(frozen=True)
class Rejection:
    """A piece that names no picture, and why."""

    number: int
    reason: str


class EntryError(ValueError):
    """What is wrong with a piece, and what would be right."""


def kind_of(key: str) -> str | None:
    """The kind of manifest that a key announces; None if it is none."""
    kind = key.rpartition(".")[2]
    return kind if "." in key and kind in KINDS else None


def entries(kind: str, chunks: Iterable[bytes], start: Position) -> Iterator[tuple[Position, Entry | Rejection]]:
    """What a manifest holds from `start` on, of which the chunks are the bytes; and where each entry ends."""
    pieces = _json_pieces(chunks, start) if kind == "json" else _lines(chunks, start)
    for piece in pieces:
        if (found := _read(kind, piece)) is not None:
            yield piece.end, found


class _Collector:
    """The bytes of one piece, of which it keeps no more than it must."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def add(self, part: bytes) -> None:
        self._bytes += part[: max(0, MAX_PIECE + 1 - len(self._bytes))]

    def take(self) -> bytes | None:
        """What was collected: empty if that is blank, None if it is too long."""
        content = bytes(self._bytes)
        self._bytes.clear()
        return None if len(content) > MAX_PIECE else content.strip()


def _lines(chunks: Iterable[bytes], start: Position) -> Iterator[Piece]:
    number, offset = start.number, start.offset
    line = _Collector()
    for chunk in chunks:
        begin = 0
        while (end := chunk.find(b"\n", begin)) >= 0:
            line.add(chunk[begin:end])
            begin = end + 1
            number += 1
            if (content := _without_bom(line.take(), number)) != b"":
                yield Piece(Position(number, offset + begin), content)
        line.add(chunk[begin:])
        offset += len(chunk)
    if (content := _without_bom(line.take(), number + 1)) != b"":
        yield Piece(Position(number + 1, offset), content)


def _without_bom(content: bytes | None, number: int) -> bytes | None:
    return content.removeprefix(BOM) if content and number == 1 else content


class _List:
    """The inside of a JSON list, of which only brackets, commas and quotes are looked at."""

    def __init__(self) -> None:
        self.is_open = True
        self._depth = 1
        self._in_text = False
        self._skip = 0

    def element_ends(self, chunk: bytes, begin: int) -> Iterator[int]:
        """Where in the next chunk stand the commas between the list's elements, and the bracket that closes it."""
        position = begin + self._skip
        while self.is_open and (found := (INSIDE if self._in_text else OUTSIDE).search(chunk, position)):
            position, sign = found.end(), found[0]
            if self._in_text:
                self._in_text = sign != b'"'
                position += sign == b"\\"  # what is behind it means nothing, also where that is in the next chunk
            elif sign == b'"':
                self._in_text = True
            elif self._depth == 1 and sign in b",]":
                self.is_open = sign == b","
                yield found.start()
            elif sign != b",":
                self._depth = max(1, self._depth + (1 if sign in b"[{" else -1))
        self._skip = max(0, position - len(chunk))


def _json_pieces(chunks: Iterable[bytes], start: Position) -> Iterator[Piece]:
    """The elements of a list, each as a piece, whether it is JSON or not; all of what is no list as one."""
    number, offset = start.number, start.offset
    began = number > 0
    elements = _List() if began else None
    piece = _Collector()
    for chunk in chunks:
        begin = 0
        if not began and (rest := chunk.lstrip(BLANKS + BOM)):
            began = True
            if rest.startswith(b"["):
                elements, begin = _List(), chunk.index(b"[") + 1
        for end in elements.element_ends(chunk, begin) if elements else ():
            piece.add(chunk[begin:end])
            begin = end + 1
            if (content := piece.take()) != b"":
                number += 1
                # A list's end is left for whoever goes on from here to see it again.
                yield Piece(Position(number, offset + end + (elements is not None and elements.is_open)), content)
        piece.add(chunk[begin:])
        offset += len(chunk)
    if (content := _without_bom(piece.take(), number + 1)) != b"":
        yield Piece(Position(number + 1, offset), content)


def _read(kind: str, piece: Piece) -> Entry | Rejection | None:
    number = piece.end.number
    try:
        if piece.content is None:
            raise EntryError(f"it has more than {MAX_PIECE:,} bytes")
        try:
            text = piece.content.decode()
        except UnicodeDecodeError as error:
            raise EntryError("it is not UTF-8") from error
        url, name = _fields(text) if kind == "csv" else _members(text)
        if kind == "csv" and number == 1 and (url.lower(), name) in HEADERS:
            return None
        return _entry(number, url, name)
    except (EntryError, ImageNameError, FetchError) as error:
        return Rejection(number, str(error)[:MAX_REASON])


def _members(text: str) -> tuple[str, str | None]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise EntryError(f"it is not JSON ({error}); it takes an object such as {EXAMPLE}") from error
    if not isinstance(document, dict):
        raise EntryError(f"it takes an object such as {EXAMPLE}")
    if unknown := sorted(document.keys() - {"url", "name"}):
        raise EntryError(f"unknown member {unknown[0]!r}; it takes url and name")
    url, name = document.get("url"), document.get("name")
    if not isinstance(url, str) or not url:
        raise EntryError(f"url is missing; it takes an object such as {EXAMPLE}")
    if name is not None and not isinstance(name, str):
        raise EntryError("name takes text")
    return url, name


def _fields(text: str) -> tuple[str, str | None]:
    try:
        fields = next(csv.reader([text], strict=True, skipinitialspace=True))
    except csv.Error as error:
        raise EntryError(f"it is not CSV ({error}); it takes url,name") from error
    if len(fields) > 2:  # noqa: PLR2004
        raise EntryError(f"it has {len(fields)} fields; it takes url,name, in quotation marks where they hold a comma")
    url, name = fields[0], fields[1] if len(fields) > 1 and fields[1] else None
    if not url:
        raise EntryError("url is missing; it takes url,name")
    return url, name


def _entry(number: int, url: str, name: str | None) -> Entry:
    if url.startswith(S3_SCHEME):
        source = S3Object.from_url(url)
        return Entry(number, url, image_names.check(source.key.rpartition("/")[2] if name is None else name))
    check_url(url)
    return Entry(number, url, image_names.from_url(url) if name is None else image_names.check(name))
