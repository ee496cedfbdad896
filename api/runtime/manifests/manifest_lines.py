"""Read the lines of manifests. Each line names a picture to fetch. Only bad lines are rejected."""

import csv
import json
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from api.runtime.manifests.manifest_layout import COMMENT, INVISIBLE, KNOWN_COLUMNS, Layout, trimmed
from api.runtime.manifests.manifest_pieces import MAX_PIECE_BYTES, EndlessPieceError, Piece, Position, pieces
from api.runtime.sources.source_urls import S3_SCHEME, S3Object, check_url
from api.runtime.uploads import image_names
from api.runtime.uploads.image_names import ImageNameError
from common.runtime.abilities.asked import AbilityError, check_asked, names_in
from common.runtime.safe_fetch.errors import FetchError

EXAMPLE = '{"url": "https://…", "name": "a.jpg"}'
MAX_REASON_CHARACTERS = 300


@dataclass(frozen=True)
class Entry:
    """A picture to fetch. `number` counts lines, or elements of a JSON list, from 1. `abilities` are the abilities
    that the line asks for."""

    number: int
    url: str
    name: str
    abilities: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rejection:
    """A line that names no picture, and the reason."""

    number: int
    reason: str


@dataclass(frozen=True)
class Asking:
    """The enabled abilities, and the abilities that the whole manifest asks for."""

    enabled: Collection[str] = ()
    for_all: Collection[str] = ()


@dataclass(frozen=True)
class _Fields:
    """The fields of a line, as they are written in the manifest."""

    url: str
    name: str | None
    abilities: Collection[str]


class EntryError(ValueError):
    """A line is invalid. The message says what is wrong and what is valid."""


def entries(
    layout: Layout, chunks: Iterable[bytes], start: Position, asking: Asking
) -> Iterator[tuple[Position, Entry | Rejection | None]]:
    """Yield each entry of a manifest from `start` on, with the position after it. None stands for a line without an
    entry.

    `chunks` are the manifest's bytes from `start` on.
    """
    try:
        for piece in pieces(layout, chunks, start):
            yield piece.end, _read(layout, piece, asking)
    except EndlessPieceError as error:
        yield error.end, Rejection(error.end.number, str(error))


def _read(layout: Layout, piece: Piece, asking: Asking) -> Entry | Rejection | None:
    number = piece.end.number
    try:
        text = _text(layout, piece)
        if not text or number <= layout.skipped:
            return None
        if layout.format != "delimited":
            return _entry(number, _members(text), asking)
        if number == layout.header:
            _check_header(layout)
            return None
        if text.startswith(COMMENT) and (number < layout.header or layout.columns[0] == "url"):
            return None
        return _entry(number, _cells(layout, text), asking)
    except (EntryError, ImageNameError, AbilityError, FetchError) as error:
        return Rejection(number, str(error)[:MAX_REASON_CHARACTERS])


def _text(layout: Layout, piece: Piece) -> str:
    if piece.content is None:
        raise EntryError(f"the line has more than {MAX_PIECE_BYTES:,} bytes")
    try:
        text = piece.content.decode(layout.encoding)
    except UnicodeDecodeError as error:
        raise EntryError(f"the line is not {layout.encoding}") from error
    # A tab at the start of a line may follow an empty cell.
    return text.strip(INVISIBLE + "\r\n ") if layout.delimiter == "\t" and trimmed(text) else trimmed(text)


def _members(text: str) -> _Fields:
    try:
        document = json.loads(text.removesuffix(","))
    except (ValueError, RecursionError) as error:
        raise EntryError(f"the line is not JSON ({error}); expected an object such as {EXAMPLE}") from error
    if isinstance(document, str):
        document = {"url": document}
    if not isinstance(document, dict):
        raise EntryError(f"the line must be an object such as {EXAMPLE}")
    keys = [name.strip().lower() for name in document]
    if twice := [key for key in keys if keys.count(key) > 1]:
        raise EntryError(f"the JSON object contains the key {twice[0]!r} twice")
    members = dict(zip(keys, document.values(), strict=True))
    if unknown := sorted(members.keys() - {*KNOWN_COLUMNS}):
        raise EntryError(f"unknown member {unknown[0]!r}; expected url, name and abilities")
    url, name, abilities = members.get("url"), members.get("name"), members.get("abilities", [])
    if not isinstance(url, str) or not trimmed(url):
        raise EntryError(f"url is missing; expected an object such as {EXAMPLE}")
    if name is not None and not isinstance(name, str):
        raise EntryError("name must be text")
    if not isinstance(abilities, list) or not all(isinstance(each, str) for each in abilities):
        raise EntryError('abilities must be a list of names, such as ["text"]')
    return _Fields(trimmed(url), name, abilities)


def _check_header(layout: Layout) -> None:
    """Reject the header line if it names an unknown column. All other lines are still read."""
    if unknown := [column for column in layout.columns if column and column not in KNOWN_COLUMNS]:
        raise EntryError(f"the column {unknown[0]!r} is unknown and not read; the columns are url, name and abilities")


def _cells(layout: Layout, text: str) -> _Fields:
    delimiter = layout.delimiter
    takes = ("<tab>" if delimiter == "\t" else delimiter).join(filter(None, layout.columns))
    # csv takes no blanks between a quotation mark and a delimiter.
    text = re.sub(rf'(^|(?<={re.escape(delimiter)})) *("[^"]*(?:""[^"]*)*") *(?={re.escape(delimiter)}|$)', r"\2", text)
    try:
        row = next(csv.reader([text], delimiter=delimiter, strict=True, skipinitialspace=delimiter != "\t"))
    except csv.Error as error:
        raise EntryError(f"the line is not CSV ({error}); expected {takes}") from error
    cells = [trimmed(cell) for cell in row]
    while len(cells) > len(layout.columns) and not cells[-1]:
        cells.pop()  # a delimiter at the end of the line
    if len(cells) > len(layout.columns):
        raise EntryError(
            f"the line has {len(cells)} fields, but must have {takes}; "
            f"put a field in quotation marks if it contains {delimiter!r}"
        )
    found = dict(zip(layout.columns, cells, strict=False))
    if not found.get("url"):
        raise EntryError(f"url is missing; expected {takes}")
    return _Fields(found["url"], found.get("name") or None, names_in(found.get("abilities", "")))


def _entry(number: int, fields: _Fields, asking: Asking) -> Entry:
    url, name = fields.url, fields.name
    abilities = check_asked([*fields.abilities, *asking.for_all], asking.enabled)
    if url.startswith(S3_SCHEME):
        source = S3Object.from_url(url)
        name = image_names.check(source.key.rpartition("/")[2] if name is None else name)
        return Entry(number, url, name, abilities)
    check_url(url)
    name = image_names.from_url(url) if name is None else image_names.check(name)
    return Entry(number, url, name, abilities)
