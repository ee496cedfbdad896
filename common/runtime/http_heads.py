"""Reads the heads of HTTP answers as tolerantly as browsers do, for `http.client` and libraries that use it.

`http.client` refuses an answer with more than 100 headers, takes an interim answer such as 103 for the final one, and
keeps the blanks after a header's value. `LenientResponse` reads the head itself, and gives `http.client` a clean one
with only the headers that we use.
"""

import io
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import BadStatusLine, HTTPException, HTTPResponse
from typing import BinaryIO, cast

from common.runtime.http_chunks import ChunkedBody

MAX_HEAD_BYTES = 256 * 1024
"""The limit for the heads of all interim answers and the final answer together, as in Chromium."""

MAX_VALUE_BYTES = 60 * 1024
"""Headers with longer values are left out, because `http.client` refuses an answer with a line of 64 KB."""

STATUS_LINE = re.compile(rb"[^\n]{0,4}?HTTP(?:/(\d+)(?:\.(\d+))?)?[ \t]+(\d{3})(?!\d)", re.IGNORECASE)
"""Up to four other bytes may precede it, such as a byte order mark, and its version may be missing, as in Chromium."""
LENGTH = re.compile(rb"[0-9]{1,18}")
CONTINUATION = (b" ", b"\t")

USED_HEADERS = {
    b"connection": 4,
    b"content-encoding": 4,
    b"content-range": 1,
    b"content-type": 1,
    b"keep-alive": 1,
    b"location": 2,
    b"proxy-connection": 1,
    b"retry-after": 1,
    b"set-cookie": 50,
}
"""Maps each header's name to the number of such headers that we pass on. `http.client` accepts 100 headers."""
SWITCHING_PROTOCOLS = 101
HTTP_1_0 = 10
CHUNK_BEGIN = re.compile(rb"[0-9a-f]+[0-9a-f \t;\r\n]", re.IGNORECASE)


class HeadTooLargeError(HTTPException):
    """The head of an answer has more than MAX_HEAD_BYTES."""


class ContradictoryLengthsError(HTTPException):
    """The Content-Length headers of an answer differ."""


@dataclass(frozen=True)
class Head:
    """The status line and the headers of an answer. Names are in lower case.

    `failure` is the error that ended the reading of the headers. Then no header is known.
    """

    status_line: bytes
    headers: list[tuple[bytes, bytes]]
    failure: Exception | None = None

    @property
    def lengths(self) -> set[bytes]:
        """Return the different values of the Content-Length headers."""
        values = [value for name, value in self.headers if name == b"content-length"]
        return {part.strip() for value in values for part in value.split(b",")} - {b""}

    @property
    def is_chunked(self) -> bool:
        """Return True if the answer is chunked. It then ends at an end marker, and Content-Length does not apply.

        Like browsers, ignore other transfer codings.
        """
        values = [value for name, value in self.headers if name == b"transfer-encoding"]
        return any(coding.strip().lower() == b"chunked" for value in values for coding in value.split(b","))

    def cleaned(self) -> bytes:
        """Return the head with only the headers that we use. Contradictory lengths are left out."""
        if not self.status_line:
            return b""
        counts: Counter[bytes] = Counter()
        lines = [self.status_line]
        for name, value in self.headers:
            counts[name] += 1
            if counts[name] <= USED_HEADERS.get(name, 0) and len(value) <= MAX_VALUE_BYTES:
                lines.append(name + b": " + value)
        if self.failure:
            lines.append(b"connection: close")  # the rest of the head may follow
        if self.is_chunked:
            lines.append(b"transfer-encoding: chunked")
        lengths = self.lengths
        if len(lengths) == 1 and LENGTH.fullmatch(length := lengths.pop()):
            lines.append(b"content-length: " + length)
        return b"\r\n".join([*lines, b"", b""])


class LenientResponse(HTTPResponse):
    """An answer of `http.client`. Only its head is read here. Set it as the `response_class` of a connection."""

    def begin(self) -> None:
        """Read the head. Called by `http.client`.

        Raises:
            HTTPException: the head is too large, or is not HTTP.
        """
        if self.headers is not None:
            return
        connection = self.fp
        head = read_head(connection, self.note_status)
        self.check(head)
        self.fp = cast("io.BufferedReader", io.BytesIO(head.cleaned()))
        try:
            super().begin()
        finally:
            self.fp = connection

    def note_status(self, status: int) -> None:
        """Called with the final status before the headers are read."""

    def check(self, head: Head) -> None:
        """Accept any head: the status is valid even if the other headers or the body cannot be read."""


class BodyResponse(LenientResponse):
    """An answer that is usable only if its whole body can be read."""

    def begin(self) -> None:
        """Read the head, and decode a chunked body.

        Like Chromium, read a body of HTTP/1.0 as it is if it does not begin with the size of a chunk.
        """
        super().begin()
        if self.chunked:
            self.chunked = False
            is_plain = self.version == HTTP_1_0 and not CHUNK_BEGIN.match(self.fp.peek(2))
            self.fp = self.fp if is_plain else io.BufferedReader(ChunkedBody(self.fp))

    def check(self, head: Head) -> None:
        """Refuse incomplete heads, and contradictory lengths as Chromium does.

        Raises:
            HeadTooLargeError, OSError: the head is incomplete.
            ContradictoryLengthsError: ERR_RESPONSE_HEADERS_MULTIPLE_CONTENT_LENGTH in Chromium.
        """
        if head.failure:
            raise head.failure
        if len(head.lengths) > 1 and not head.is_chunked:
            raise ContradictoryLengthsError


def read_head(connection: BinaryIO, note_status: Callable[[int], None]) -> Head:
    """Read the head of the final answer. If the connection ends before it, return the last interim answer.

    Calls `note_status` with the final status before it reads the headers, which may take any time.

    Raises:
        BadStatusLine, HeadTooLargeError, OSError: the final answer's status line cannot be read.
    """
    lines = _lines(connection)
    head = Head(b"", [])
    while first := next((line for line in lines if line), b""):
        status = STATUS_LINE.match(first)
        if status is None:
            raise BadStatusLine(first[:80].decode("latin-1"))
        version = b"HTTP/1.0" if (status[1], status[2]) in {(b"1", b"0"), (None, None)} else b"HTTP/1.1"
        status_line = version + b" " + status[3] + b" "
        code = int(status[3])
        is_final = code >= 200 or code == SWITCHING_PROTOCOLS  # noqa: PLR2004 - others are interim answers
        if is_final:
            note_status(code)
        try:
            head = Head(status_line, list(_fields(lines)))
        except (HeadTooLargeError, OSError) as error:
            if not is_final:
                raise
            head = Head(status_line, [], error)
        if is_final:
            break
    return head


def _lines(connection: BinaryIO) -> Iterator[bytes]:
    """Yield lines without their ends, until the connection ends."""
    left = MAX_HEAD_BYTES
    while line := connection.readline(left + 1):
        left -= len(line)
        if left < 0:
            raise HeadTooLargeError(f"the answer has more than {MAX_HEAD_BYTES // 1024} KB of headers")
        yield line.rstrip(b"\r\n").replace(b"\r", b" ")


def _fields(lines: Iterator[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the names and values of headers up to the empty line. Lines without a name are left out."""
    name, value = b"", [b""]
    for line in lines:
        if line.startswith(CONTINUATION):
            value.append(line)
            continue
        yield name, b" ".join(value).strip()
        if not line:
            return
        name, colon, rest = line.partition(b":")
        name, value = name.strip().lower() if colon else b"", [rest.strip()]
    yield name, b" ".join(value).strip()  # the connection ended within the head
