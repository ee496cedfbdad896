"""Recognise how a manifest is written: its format by its name; encoding, delimiter and header by its first bytes."""

import re
from dataclasses import dataclass
from typing import Literal

HEAD_BYTES = 16 * 1024
"""The first bytes of a manifest, from which its layout is recognised."""

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
"""The ending of a manifest's name in lower case -> its format."""

ENDINGS = ", ".join(f".{ending}" for ending in FORMATS)
COLUMNS = ("url", "name")
"""The columns of a manifest without a header."""
KNOWN_COLUMNS = (*COLUMNS, "abilities")
"""The columns of a header, and the members of a JSON object."""
BOM = "\ufeff"  # Excel writes it

_LINE_END = re.compile(r"\r\n?|\n")
_URL_AND_NAME = re.compile(r"[^;]+;[^;?&=]+\.\w{1,5}\s*;?")
"""A URL, a semicolon and a file name. URLs may hold semicolons too, but then `name=value` follows in most cases."""


@dataclass(frozen=True)
class Layout:
    """How a manifest is written. `header` is the number of the header's line, or 0; `columns` are its cells."""

    format: Format
    encoding: Encoding = "UTF-8"
    delimiter: str = ","
    header: int = 0
    columns: tuple[str, ...] = COLUMNS

    @property
    def unit(self) -> int:
        """Bytes of one code unit."""
        return 1 if self.encoding == "UTF-8" else 2


def format_of(key: str) -> Format | None:
    """Return the format by a key's ending, in upper or lower case. None if the object is not a manifest."""
    name, _, ending = key.rpartition("/")[2].rpartition(".")
    return FORMATS.get(ending.lower()) if name else None


def layout_of(form: Format, head: bytes) -> Layout:
    """Recognise the layout from the manifest's first bytes."""
    encoding = _encoding(head)
    lines = _LINE_END.split(head.decode(encoding, errors="replace").removeprefix(BOM))
    number, first = next(((n, line) for n, line in enumerate(lines, 1) if line.strip()), (0, ""))
    if form == "delimited" and first.lstrip().startswith("{"):
        return Layout("JSON lines", encoding)
    if form != "delimited":
        return Layout(form, encoding)
    for delimiter in "\t;,":
        columns = tuple(cell.strip().strip('"').strip().lower() for cell in first.split(delimiter))
        if "url" in columns and len(columns) > 1:
            return Layout(form, encoding, delimiter, number, columns)
    header = number if first.strip().strip('"').strip().lower() == "url" else 0
    return Layout(
        form, encoding, _delimiter([line for line in lines[number - 1 + (header > 0) :] if line.strip()]), header
    )


def _encoding(head: bytes) -> Encoding:
    """Recognise UTF-16 by its byte order mark, or by the zero byte of an ASCII character at the start."""
    start = head[:2]
    if start == b"\xff\xfe" or (len(start) > 1 and start[0] and not start[1]):
        return "UTF-16-LE"
    if start == b"\xfe\xff" or (len(start) > 1 and start[1] and not start[0]):
        return "UTF-16-BE"
    return "UTF-8"


def _delimiter(lines: list[str]) -> str:
    """Recognise the delimiter of lines without a header."""
    if lines and "\t" in lines[0].strip():
        return "\t"
    complete = lines[:-1] or lines  # the head may end within a line
    if complete and all(_URL_AND_NAME.fullmatch(line.strip()) for line in complete):
        return ";"
    return ","
