"""Chunked answers of sources, as browsers take them, and the hostile answers beside them."""

import gzip
import time
from collections.abc import Callable

import pytest

from common.runtime.safe_fetch.errors import FetchError, SourceFailedError, TooLargeError
from common.runtime.safe_fetch.transport import DEADLINE_SECONDS, MAX_BYTES, Fetched, fetch
from tests.internet import rules
from tests.raw_server import serve_raw
from tests.source_server import picture

BODY = picture()
END = b"0\r\n\r\n"


def get(answer: bytes) -> Fetched:
    with serve_raw(lambda _: answer) as server:
        return fetch(f"{server.address}/photo.jpg", rules(private_sources=(server.host_and_port,)))


def head(*headers: str, status: str = "HTTP/1.1 200 OK") -> bytes:
    return "\r\n".join([status, *headers, "", ""]).encode("latin-1")


HEAD = head("Transfer-Encoding: chunked")


def chunks(
    body: bytes = BODY,
    *,
    size: Callable[[int], bytes] = lambda length: b"%x" % length,
    line_end: bytes = b"\r\n",
    chunk_end: bytes | None = None,
    end: bytes = END,
) -> bytes:
    """Return a body in chunks of 300 bytes."""
    chunk_end = line_end if chunk_end is None else chunk_end
    parts = [body[start : start + 300] for start in range(0, len(body), 300)]
    return b"".join(size(len(part)) + line_end + part + chunk_end for part in parts) + end


@pytest.mark.parametrize(
    "answer",
    [
        HEAD + chunks(),
        HEAD + chunks(line_end=b"\n"),
        (HEAD + chunks(line_end=b"\n", end=b"0\n\n")).replace(HEAD, HEAD.replace(b"\r\n", b"\n")),
        HEAD + chunks(chunk_end=b""),
        HEAD + b"\r\n" + chunks(),
        HEAD + chunks(size=lambda length: b"%X" % length),
        HEAD + chunks(size=lambda length: b"%06x" % length),
        HEAD + chunks(size=lambda length: b"%030x" % length),
        HEAD + chunks(size=lambda length: b"%-7x" % length),
        HEAD + chunks(size=lambda length: b" \t0x%x" % length),
        HEAD + chunks(size=lambda length: b"+%x" % length),
        HEAD + chunks(size=lambda length: b'%x;name;other="a;b\xff"' % length),
        HEAD + chunks(size=lambda length: b"%x ; name=%s" % (length, b"v" * 16_000)),
        HEAD + chunks(end=b"000;last\r\nX-Trailer: yes\r\nContent-Length: 3\r\n\r\n"),
        HEAD + chunks(end=b"0\n" + b"X-Trailer: yes\n" * 10_000 + b"\n"),
        HEAD + chunks(end=b"0\r\nX-Trailer: " + b"v" * 200_000 + b"\r\n\r\n"),
        HEAD + chunks(end=b"0\r\n"),
        HEAD + chunks() + b"HTTP/1.1 400 Bad Request\r\n\r\n",
        head("transfer-encoding:CHUNKED", "Transfer-Encoding: chunked") + chunks(),
        head("Transfer-Encoding: chunked, chunked") + chunks(),
        head("Transfer-Encoding: identity", "Transfer-Encoding: chunked") + chunks(),
        head("Transfer-Encoding: gzip, chunked") + chunks(),
        head("Transfer-Encoding: chunked", "Content-Length: 3", "Content-Length: 5") + chunks(),
        head("Transfer-Encoding: chunked", "Content-Encoding: gzip") + chunks(gzip.compress(BODY)),
        head("Transfer-Encoding: chunked", status="HTTP/1.0 200 OK") + chunks(),
        head("Transfer-Encoding: chunked", status="HTTP/1.0 200 OK") + BODY,
        head("Transfer-Encoding: chunked", "Content-Length: 3", status="HTTP/1.0 200 OK") + BODY,
        head("Transfer-Encoding: x-chunked") + BODY,
    ],
)
def test_a_chunked_answer_that_a_browser_takes_is_taken(answer: bytes) -> None:
    assert get(answer).body == BODY


def _size(text: bytes) -> bytes:
    return HEAD + chunks(size=lambda _: text)


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        # Chromium: ERR_INCOMPLETE_CHUNKED_ENCODING. Firefox: NS_ERROR_NET_PARTIAL_TRANSFER.
        (HEAD + chunks(end=b""), SourceFailedError, "IncompleteRead"),
        (HEAD + chunks(end=b"0"), SourceFailedError, "IncompleteRead"),
        (HEAD + chunks()[:200], SourceFailedError, "IncompleteRead"),
        (HEAD + chunks(line_end=b"\n", end=b""), SourceFailedError, "IncompleteRead"),
        (HEAD, SourceFailedError, "IncompleteRead"),
        (HEAD + BODY, SourceFailedError, "IncompleteRead"),
        (HEAD + chunks(chunk_end=b"\r\n\r\n\r\n"), SourceFailedError, "IncompleteRead"),
        (HEAD + b"\n" * 1_000_000 + chunks(), SourceFailedError, "IncompleteRead"),
        (HEAD + chunks(line_end=b"\r"), SourceFailedError, "IncompleteRead"),
        (_size(b"-1"), SourceFailedError, "IncompleteRead"),
        (_size(b""), SourceFailedError, "IncompleteRead"),
        (_size(b"0x"), SourceFailedError, "IncompleteRead"),
        (_size(b"1_2"), SourceFailedError, "IncompleteRead"),
        (_size(b"12c.0"), SourceFailedError, "IncompleteRead"),
        (_size("\u0661".encode()), SourceFailedError, "IncompleteRead"),
        (_size(b"f" * 15), SourceFailedError, "IncompleteRead"),
        (_size(b"f" * 16), SourceFailedError, "IncompleteRead"),
        (_size(b"f" * 5000), SourceFailedError, "IncompleteRead"),
        (_size(b"12c;" + b"v" * 17_000), SourceFailedError, "IncompleteRead"),
        (_size(b" " * 16_000 + b"g"), SourceFailedError, "IncompleteRead"),
        (HEAD + chunks(end=b"0\r\nX-Trailer: " + b"v" * 300_000 + b"\r\n\r\n"), SourceFailedError, "IncompleteRead"),
        (HEAD + chunks(end=b"0\r\n" + b"a\r\n" * 300_000 + b"\r\n"), SourceFailedError, "IncompleteRead"),
        (HEAD + b"%x\r\n" % (MAX_BYTES + 1) + bytes(MAX_BYTES + 1) + b"\r\n" + END, TooLargeError, "15 MB"),
        (head("Transfer-Encoding: chunked", status="HTTP/1.0 200 OK") + chunks(end=b""), FetchError, "IncompleteRead"),
    ],
)
def test_a_chunked_answer_without_its_end_or_with_a_wrong_size_is_refused(
    answer: bytes, error: type[FetchError], says: str
) -> None:
    began = time.monotonic()
    with pytest.raises(error, match=says):
        get(answer)
    assert time.monotonic() - began < DEADLINE_SECONDS / 4
