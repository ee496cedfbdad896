"""Recognise the layout of a manifest from its name and its first bytes."""

import json
import re
from dataclasses import dataclass
from typing import Literal

HEAD_BYTES = 16 * 1024
"""The number of bytes at a manifest's start from which its layout is recognised."""

Format = Literal["JSON list", "JSON lines", "delimited"]
Encoding = Literal["UTF-8", "UTF-16-LE", "UTF-16-BE"]

FORMATS: dict[str, Format] = {
    "json": "JSON list",
    "jsonl": "JSON lines",
    "ndjson": "JSON lines",
    "csv": "delimited",
    "tsv": "delimited",
    "txt": "delimited",
}
"""Maps the ending of a manifest's name, in lower case, to the manifest's format."""

ENDINGS = ", ".join(f".{ending}" for ending in FORMATS)
COLUMNS = ("url", "name")
"""The columns of a manifest without a header."""
KNOWN_COLUMNS = (*COLUMNS, "abilities")
"""The columns that a header may name. They are also the members that a JSON object may have."""
INVISIBLE = "\ufeff\u200b"
"""The byte order mark and the zero-width space. Excel writes the first; copied text may contain the second."""

COMMENT = "#"
"""Begins a line without an entry, before the header or if the first column is the URL."""

_LINE_END = re.compile(r"\r\n?|\n")
_URL_AND_NAME = {
    sign: re.compile(rf'[^{sign}]+{re.escape(sign)}[^{sign}?&=]+\.\w{{1,5}}"?\s*{re.escape(sign)}?') for sign in ";|"
}
"""For each sign, a pattern of a URL, the sign and a file name. URLs may contain the sign too, but then `name=value`
follows it in most cases."""
_QUOTED = re.compile(r'"[^"]*"\s*([,;|])')
"""A first field in quotation marks, and the sign behind it."""
_URL = re.compile("(?:https?|s3)://", re.IGNORECASE)
_SEPARATOR = re.compile(r"sep=([,;|\t])", re.IGNORECASE)  # Excel's own first line


@dataclass(frozen=True)
class Layout:
    """The layout of a manifest. `header` is the number of the header's line, or 0. `columns` are the header's cells.

    Lines up to number `skipped` are not read as entries, because they only state the delimiter.
    """

    format: Format
    encoding: Encoding = "UTF-8"
    delimiter: str = ","
    header: int = 0
    columns: tuple[str, ...] = COLUMNS
    skipped: int = 0

    @property
    def unit(self) -> int:
        """The number of bytes in one code unit."""
        return 1 if self.encoding == "UTF-8" else 2


def format_of(key: str) -> Format | None:
    """Return the format by a key's ending, in upper or lower case. Returns None if the object is not a manifest."""
    name, _, ending = key.rpartition("/")[2].rpartition(".")
    return FORMATS.get(ending.lower()) if name else None


def trimmed(text: str) -> str:
    """Return the text without blanks and invisible characters around it."""
    return text.strip().strip(INVISIBLE).strip()


def layout_of(form: Format, head: bytes) -> Layout:
    """Recognise the layout from the manifest's first bytes."""
    encoding = _encoding(head)
    lines = _numbered_lines(head.decode(encoding, errors="replace"))
    first = trimmed(lines[0][1]) if lines else ""
    if first.startswith("["):
        return Layout("JSON list", encoding)
    if first.startswith("{") and (form == "delimited" or _is_json(first)):
        return Layout("JSON lines", encoding)
    if form != "delimited" and not _is_delimited(first):
        return Layout(form, encoding)
    form = "delimited"
    lines = [(number, line) for number, line in lines if not trimmed(line).startswith(COMMENT)]
    first = trimmed(lines[0][1]) if lines else ""
    skipped, delimiters = 0, "\t;,|"
    if separator := _SEPARATOR.fullmatch(first):
        skipped, delimiters = lines[0][0], separator[1]
        lines = lines[1:]
    number, first = lines[0] if lines else (0, "")
    for delimiter in delimiters:
        columns = tuple(trimmed(cell).strip('"').strip().lower() for cell in first.split(delimiter))
        if "url" in columns and len(columns) > 1:
            return Layout(form, encoding, delimiter, number, columns, skipped)
    header = number if trimmed(first).strip('"').strip().lower() == "url" else 0
    delimiter = delimiters if skipped else _delimiter([trimmed(line) for _, line in lines[header > 0 :]])
    return Layout(form, encoding, delimiter, header, skipped=skipped)


def _numbered_lines(text: str) -> list[tuple[int, str]]:
    """Return the lines that are not blank.

    A tab at the start of a line is kept, because it may follow an empty cell.
    """
    return [(number, line) for number, line in enumerate(_LINE_END.split(text), 1) if trimmed(line)]


def _is_delimited(text: str) -> bool:
    """Return whether the first line of a file that is named as JSON is a URL, or a header of columns."""
    columns = [trimmed(cell).strip('"').lower() for cell in re.split(r"[,;|\t]", text)]
    return _URL.match(text) is not None or ("url" in columns and not _is_json(text))


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _encoding(head: bytes) -> Encoding:
    """Recognise UTF-16 by its byte order mark, or by a zero byte in the first character, which is then ASCII."""
    start = head[:2]
    if start == b"\xff\xfe" or (len(start) > 1 and start[0] and not start[1]):
        return "UTF-16-LE"
    if start == b"\xfe\xff" or (len(start) > 1 and start[1] and not start[0]):
        return "UTF-16-BE"
    return "UTF-8"


def _delimiter(lines: list[str]) -> str:
    """Recognise the delimiter of lines without a header."""
    if lines and "\t" in lines[0]:
        return "\t"
    if lines and (quoted := _QUOTED.match(lines[0])):
        return quoted[1]
    complete = lines[:-1] or lines  # the head may end within a line
    for sign, url_and_name in _URL_AND_NAME.items():
        if complete and all(url_and_name.fullmatch(line) for line in complete):
            return sign
    return ","
