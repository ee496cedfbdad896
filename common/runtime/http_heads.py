"""Reads the heads of HTTP answers as tolerantly as browsers do, for `http.client` and all that is built on it.

`http.client` refuses an answer with more than 100 headers, takes an interim answer such as 103 for the final one, and
keeps the blanks behind a header's value. `LenientResponse` reads the head itself, and gives `http.client` a clean one
with only the headers that we use.
"""

import io
import re
from collections import Counter
from collections.abc import Iterator
from http.client import HTTPException, HTTPResponse
from typing import BinaryIO, cast

MAX_HEAD_BYTES = 256 * 1024
"""For the heads of all interim answers and the final one, as in Chromium."""

STATUS_LINE = re.compile(rb"HTTP/(\d+)(?:\.(\d+))?[ \t]+(\d{3})", re.IGNORECASE)
LENGTH = re.compile(rb"[0-9]{1,18}")
CONTINUATION = (b" ", b"\t")

USED_HEADERS = {
    b"connection": 4,
    b"content-encoding": 4,
    b"content-range": 1,
    b"content-type": 1,
    b"keep-alive": 1,
    b"location": 1,
    b"proxy-connection": 1,
    b"retry-after": 1,
    b"set-cookie": 50,
    b"transfer-encoding": 4,
}
"""Name -> how many we pass on. `http.client` takes 100 headers."""
SWITCHING_PROTOCOLS = 101


class HeadTooLargeError(HTTPException):
    """The head of an answer has more than MAX_HEAD_BYTES."""


class LenientResponse(HTTPResponse):
    """An answer that `http.client` reads, apart from its head. Set it as the `response_class` of a connection."""

    def begin(self) -> None:
        """Read the head. Called by `http.client`.

        Raises:
            HTTPException: the head is too large, or is not HTTP.
        """
        if self.headers is not None:
            return
        connection = self.fp
        self.fp = cast("io.BufferedReader", io.BytesIO(clean_head(connection)))
        try:
            super().begin()
        finally:
            self.fp = connection


def clean_head(connection: BinaryIO) -> bytes:
    """Read the head of the final answer, and return it with only the headers that we use.

    Raises:
        HeadTooLargeError
    """
    lines = _lines(connection)
    while True:
        first = next((line for line in lines if line), b"")
        status = STATUS_LINE.match(first)
        if status is None:
            return first and first + b"\r\n"  # http.client says what is wrong
        headers = list(_fields(lines))
        code = int(status[3])
        if code >= 200 or code == SWITCHING_PROTOCOLS:  # noqa: PLR2004 - others are interim answers
            break
    version = b"HTTP/1.0" if (status[1], status[2]) == (b"1", b"0") else b"HTTP/1.1"
    return b"\r\n".join([version + b" " + status[3] + b" ", *_used(headers), b"", b""])


def _lines(connection: BinaryIO) -> Iterator[bytes]:
    """Yield lines without their ends, until the connection ends."""
    left = MAX_HEAD_BYTES
    while line := connection.readline(left + 1):
        left -= len(line)
        if left < 0:
            raise HeadTooLargeError(f"more than {MAX_HEAD_BYTES // 1024} KB of headers")
        yield line.rstrip(b"\r\n")


def _fields(lines: Iterator[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the names and values of headers up to the empty line. Lines without a name are left out."""
    name, value = b"", b""
    for line in lines:
        if line.startswith(CONTINUATION):
            value += b" " + line.strip()
            continue
        yield name, value.strip()
        if not line:
            return
        name, colon, value = line.partition(b":")
        name = name.strip().lower() if colon else b""
    yield name, value.strip()  # the connection ended within the head


def _used(headers: list[tuple[bytes, bytes]]) -> Iterator[bytes]:
    """Yield the lines of the headers that we use. Contradictory lengths count as none."""
    counts: Counter[bytes] = Counter()
    for name, value in headers:
        counts[name] += 1
        if counts[name] <= USED_HEADERS.get(name, 0):
            yield name + b": " + value
    lengths = {part.strip() for name, value in headers if name == b"content-length" for part in value.split(b",")}
    if len(lengths) == 1 and LENGTH.fullmatch(length := lengths.pop()):
        yield b"content-length: " + length
