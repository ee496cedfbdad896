"""Answers that browsers take, and the hostile answers beside each of them."""

import gzip
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from common.runtime.safe_fetch import transport
from common.runtime.safe_fetch.errors import FetchError, SourceFailedError, SourceForbiddenError, TooLargeError
from common.runtime.safe_fetch.transport import MAX_BYTES, Fetched, fetch
from tests.internet import Internet, rules
from tests.raw_server import Request, serve_raw
from tests.source_server import picture

ANSWERS = Path(__file__).parents[1] / "answers"
BODY = picture()
LENGTH = f"Content-Length: {len(BODY)}"

Get = Callable[..., Fetched]


def get(answer: bytes | Callable[[Request], bytes], path: str = "/photo.jpg") -> Fetched:
    """Fetch from a server that gives this answer."""
    with serve_raw(answer if callable(answer) else lambda _: answer) as server:
        return fetch(f"{server.address}{path}", rules(private_sources=(server.host_and_port,)))


def head(*headers: str, status: str = "HTTP/1.1 200 OK") -> bytes:
    return "\r\n".join([status, *headers, "", ""]).encode("latin-1")


@pytest.mark.parametrize(
    "name", sorted(file.name for file in ANSWERS.glob("answer-*.http") if "redirect" not in file.name)
)
def test_an_answer_that_browsers_take_is_taken(name: str) -> None:
    answer = (ANSWERS / name).read_bytes()
    fetched = get(answer)
    assert fetched.body.startswith(b"\xff\xd8")
    assert fetched.body.endswith(b"\xff\xd9")


def test_blanks_behind_a_location_do_not_belong_to_it() -> None:
    redirect = (ANSWERS / "answer-redirect-location-blank-behind.http").read_bytes()
    answers = {"/photo.jpg": redirect, "/ok.jpg": head(LENGTH) + BODY}
    assert get(lambda request: answers[request.target]).body == BODY


@pytest.mark.parametrize(
    ("location", "target"),
    [
        (r"\x\ok.jpg", "/x/ok.jpg"),
        (r"..\ok.jpg?a\b", "/ok.jpg?a%5Cb"),
        (r"ok.jpg#a\b", "/a/ok.jpg"),
        (r"http://{host}\ok.jpg", "/ok.jpg"),
        (r"http://{host}\@127.0.0.2\ok.jpg", "/@127.0.0.2/ok.jpg"),
    ],
)
def test_backslashes_in_the_path_of_a_location_are_slashes(location: str, target: str) -> None:
    def answer(request: Request) -> bytes:
        if request.target == "/a/photo.jpg":
            return head("Location: " + location.replace("{host}", request.headers["host"]), status="HTTP/1.1 302 x")
        return head(LENGTH) + BODY

    with serve_raw(answer) as server:
        allowed = rules(private_sources=(server.host_and_port,))
        assert fetch(f"{server.address}/a/photo.jpg", allowed).body == BODY
        assert [request.target for request in server.requests] == ["/a/photo.jpg", target]


@pytest.mark.parametrize(
    "location",
    [r"\\{host}\ok.jpg", r"/\{host}/ok.jpg", r"\/{host}/ok.jpg", r"http:\\{host}\x", r"http:/\{host}/", r"//\{host}/"],
)
def test_backslashes_before_the_host_of_a_location_are_refused(location: str) -> None:
    def answer(request: Request) -> bytes:
        return head("Location: " + location.replace("{host}", request.headers["host"]), status="HTTP/1.1 302 x")

    with pytest.raises(SourceForbiddenError, match="must not be fetched"):
        get(answer)


def test_a_source_gets_its_cookie_back() -> None:
    redirect = (ANSWERS / "answer-redirect-with-cookie.http").read_bytes()

    def answer(request: Request) -> bytes:
        return head(LENGTH) + BODY if request.headers.get("cookie") == "seen=1" else redirect

    assert get(answer, "/same-path.jpg").body == BODY


@pytest.mark.parametrize(
    "first",
    [
        head(*(f"X-Debug-{number}: {'v' * 1000}" for number in range(240)), LENGTH),
        head("X-Long: " + "v" * 250_000, LENGTH),
        head("Link: </a>; rel=preload", status="HTTP/1.1 103 Early Hints") * 3 + head(LENGTH),
        head(status="HTTP/1.1 100 Continue") + head("X: y", status="HTTP/1.1 199 Anything") + head(LENGTH),
        head(LENGTH, status="HTTP/1.1 203 Non-Authoritative Information"),
        head(LENGTH, status="HTTP/1.1 200"),
        head(LENGTH, status="http/1.1 200 OK"),
        head(LENGTH, status="HTTP/1.0 200 OK"),
        head(LENGTH, status="HTTP/2 200"),
        head(LENGTH, status="HTTP 200 OK"),
        head(LENGTH, status=" HTTP/1.1\t200\tOK"),
        head(LENGTH, status="\xef\xbb\xbfHTTP/1.1 200 OK"),
        head(LENGTH, f"Content-Range: bytes 5-9/{len(BODY)}"),
        head(LENGTH, f"Content-Range: bytes  0 - {len(BODY) - 1} / {len(BODY)}", status="HTTP/1.1 206 x"),
        head(LENGTH, f"Content-Range: bytes=0-{len(BODY) - 1}/{len(BODY)}", status="HTTP/1.1 206 x"),
        head(LENGTH, f"Content-Range: bytes: 0-{len(BODY)}/{len(BODY)}", status="HTTP/1.1 206 x"),
        b"\r\n\r\n" + head(LENGTH),
        head(f"Content-Length:\t {len(BODY)} \t"),
        head(f"Content-Length : {len(BODY)}"),
        head(LENGTH, LENGTH),
        head(f"Content-Length: {len(BODY)}, {len(BODY)}"),
        head("Content-Length: -5"),
        head("Content-Length: " + "9" * 5000),
        head("no colon", ": no name", LENGTH),
        head("X-Folded: a", "  b", "\tc", LENGTH),
        head(LENGTH).replace(b"\r\n", b"\n"),
        head("Content-Encoding: ", LENGTH),
        head("Content-Encoding: identity, , identity", LENGTH),
        head("Content-Encoding: binary", LENGTH),
        head("Content-Encoding: compress", LENGTH),
        head("Transfer-Encoding: chunked", "Content-Length: 7", LENGTH)
        + f"{len(BODY):x}\r\n".encode()
        + BODY
        + b"\r\n0\r\n\r\n",
        head("Content-Length: ", LENGTH),
        head("Set-Cookie: " + "v" * 70_000, LENGTH),
        head("Content-Type: image/jpeg\rno colon", LENGTH),
        head("Content-Encoding: ISO-8859-1", "Content-Encoding: none", LENGTH),
        head("Content-Encoding: aws-chunked, gzip", LENGTH),
        head("X-Latin: \xe9", "X-Nul: a\x00b", LENGTH),
        head(f"content-range: Bytes 0-{len(BODY) - 1}/{len(BODY)}", LENGTH, status="HTTP/1.1 206 Partial Content"),
    ],
)
def test_heads_that_browsers_understand_are_understood(first: bytes) -> None:
    assert get(first if first.endswith(b"0\r\n\r\n") else first + BODY).body == BODY


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


EVERYTHING = 0b11111
"""All flags of a gzip member: text, checksum of the header, extra field, name and comment."""


def member(data: bytes, *, flags: int, extra: bytes = b"") -> bytes:
    """Return a gzip member with optional parts in its header."""
    head = b"\x1f\x8b\x08" + bytes([flags]) + bytes(6)
    return head + extra + raw_deflate(data) + gzip.compress(data, mtime=0)[-8:]


@pytest.mark.parametrize(
    ("coding", "sent"),
    [
        ("gzip", gzip.compress(BODY)),
        ("GZIP ", gzip.compress(BODY)),
        ("x-gzip", gzip.compress(BODY) + bytes(5000)),
        ("gzip", gzip.compress(BODY) + b"anything else"),
        ("gzip", gzip.compress(BODY)[:-8]),
        ("gzip", gzip.compress(BODY)[:-3]),
        ("gzip", gzip.compress(BODY)[:-8] + bytes(8)),
        ("gzip", member(BODY, flags=8, extra=b"photo.jpg\0")),
        ("gzip", member(BODY, flags=EVERYTHING, extra=b"\x03\x00abcphoto.jpg\0comment\0\x12\x34")),
        ("deflate", zlib.compress(BODY)[:-4]),
        ("deflate", zlib.compress(BODY)[:-4] + bytes(4)),
        ("deflate", zlib.compress(BODY) + b"anything else"),
        ("gzip", b"".join(gzip.compress(BODY[start : start + 100]) for start in range(0, len(BODY), 100))),
        ("gzip", gzip.compress(b"") + gzip.compress(BODY)),
        ("deflate", zlib.compress(BODY)),
        ("deflate", raw_deflate(BODY)),
        ("deflate", gzip.compress(BODY)),
        ("gzip", zlib.compress(BODY)),
        ("identity, gzip", gzip.compress(BODY)),
        ("utf-8, gzip", gzip.compress(BODY)),
    ],
)
def test_compressed_answers_are_decompressed(coding: str, sent: bytes) -> None:
    assert get(head(f"Content-Encoding: {coding}", f"Content-Length: {len(sent)}") + sent).body == BODY


def test_a_length_before_the_compression_is_no_length_of_the_answer() -> None:
    """Chromium and Firefox take such answers too."""
    sent = gzip.compress(BODY)
    partial = f"Content-Range: bytes 0-{len(BODY) - 1}/{len(BODY)}"
    for first in (
        head("Content-Encoding: gzip", LENGTH),
        head("Content-Encoding: gzip", partial, status="HTTP/1.1 206"),
    ):
        assert get(first + sent).body == BODY


BOMB = gzip.compress(bytes(MAX_BYTES), 9)


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (head("X-Long: " + "v" * 270_000, LENGTH), SourceFailedError, "HeadTooLargeError"),
        (head(*["X-Debug: v"] * 25_000, LENGTH), SourceFailedError, "HeadTooLargeError"),
        (head("X-Long: " + "v" * 90_000, status="HTTP/1.1 103") * 3 + head(LENGTH), SourceFailedError, "HeadTooLarge"),
        (head(status="HTTP/1.1 103 Early Hints"), SourceFailedError, "answered 103"),
        (head(status="HTTP/1.1 100 Continue"), SourceFailedError, "RemoteDisconnected"),
        (head(status="HTTP/1.1 100 Continue") * 11_000 + head(LENGTH), SourceFailedError, "HeadTooLargeError"),
        (head("X-Folded: a", *[" b"] * 100_000, LENGTH), SourceFailedError, "HeadTooLargeError"),
        (head("Content-Length: 7", LENGTH), SourceFailedError, "ContradictoryLengths"),
        (head(f"Content-Length: 7, {len(BODY)}"), SourceFailedError, "ContradictoryLengths"),
        (head("Content-Length: nonsense", LENGTH), SourceFailedError, "ContradictoryLengths"),
        (head("Location: /a", "Location: /b", status="HTTP/1.1 302"), SourceFailedError, "two different locations"),
        (b"\r\n" * 200_000 + head(LENGTH), SourceFailedError, "HeadTooLargeError"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", SourceFailedError, "BadStatusLine"),
        (head(LENGTH, status="HTTP/1.1 20"), SourceFailedError, "BadStatusLine"),
        (head(LENGTH, status="ICY 200 OK") + BODY, SourceFailedError, "BadStatusLine"),
        (head(LENGTH, status="HTTPS/1.1 200 OK") + BODY, SourceFailedError, "BadStatusLine"),
        (head(LENGTH, status="12345HTTP/1.1 200 OK") + BODY, SourceFailedError, "BadStatusLine"),
        (head(LENGTH, status="HTTP/1.1 +200 OK") + BODY, SourceFailedError, "BadStatusLine"),
        (head(LENGTH, status="HTTP/1.1 2000 OK") + BODY, SourceFailedError, "BadStatusLine"),
        (BODY, SourceFailedError, "BadStatusLine"),
        (b"HTTP/1.1 100 Continue\r\n" + head(LENGTH) + BODY, SourceFailedError, "BadStatusLine"),
        (head(f"Content-Length: {MAX_BYTES + 1}"), TooLargeError, "15 MB"),
        (
            head("Content-Range: bytes 0-99/1000", "Content-Length: 100", status="HTTP/1.1 206"),
            SourceFailedError,
            "206",
        ),
        (head("Content-Range: bytes 1-99/100", "Content-Length: 99", status="HTTP/1.1 206"), SourceFailedError, "206"),
        (head("Content-Range: bytes 0-99/*", "Content-Length: 100", status="HTTP/1.1 206"), SourceFailedError, "206"),
        (head("Content-Range: bytes 0-99/100", status="HTTP/1.1 206"), SourceFailedError, "early"),
        (
            head(f"Content-Range: bytes 0-{len(BODY)}/{len(BODY) + 1}", status="HTTP/1.1 206") + BODY,
            FetchError,
            "early",
        ),
        (head(f"Content-Range: bytes 0-{len(BODY) - 2}/{len(BODY)}", status="HTTP/1.1 206") + BODY, FetchError, "206"),
        (head("Content-Range: bytes 0-" + "9" * 19 + "/" + "9" * 19, status="HTTP/1.1 206") + BODY, FetchError, "206"),
        (head("Content-Range: bytes" + " " * 60_000, status="HTTP/1.1 206") + BODY, SourceFailedError, "206"),
        (head("Content-Range: bytes 0" + " " * 60_000, status="HTTP/1.1 206") + BODY, SourceFailedError, "206"),
        (head(f"Content-Range: items 0-{len(BODY) - 1}/{len(BODY)}", status="HTTP/1.1 206") + BODY, FetchError, "206"),
        (head(LENGTH, status="HTTP/1.1 206") + BODY, SourceFailedError, "206"),
        (head("Content-Type: multipart/byteranges", LENGTH, status="HTTP/1.1 206"), SourceFailedError, "answered 206"),
        (head(LENGTH, status="HTTP/1.1 202 Accepted"), SourceFailedError, "answered 202"),
        (
            head("Upgrade: h2c", status="HTTP/1.1 101 Switching Protocols") + head(LENGTH),
            SourceFailedError,
            "answered 101",
        ),
        (head("Content-Encoding: br") + BODY, SourceFailedError, "is in br; expected gzip"),
        (head("Content-Encoding: none, ZSTD") + BODY, SourceFailedError, "is in zstd; expected gzip"),
        (head("Content-Encoding: dcb") + BODY, SourceFailedError, "is in dcb; expected gzip"),
        (
            head("Content-Encoding: gzip, gzip") + gzip.compress(gzip.compress(BODY)),
            SourceFailedError,
            "more than once",
        ),
        (head("Content-Encoding: gzip") + gzip.compress(BODY)[:-20], SourceFailedError, "within one stream"),
        (
            head("Content-Encoding: gzip") + gzip.compress(b"") + gzip.compress(BODY)[:-20],
            SourceFailedError,
            "within one stream",
        ),
        (head("Content-Encoding: gzip") + gzip.compress(b"") * 1001, SourceFailedError, "1,000 gzip members"),
        (head("Content-Encoding: gzip") + gzip.compress(BODY)[:-9], SourceFailedError, "within one stream"),
        (head("Content-Encoding: gzip") + member(b"", flags=EVERYTHING)[:-12], SourceFailedError, "within one stream"),
        (head("Content-Encoding: gzip") + member(bytes(2 * MAX_BYTES), flags=8, extra=b"a\0"), TooLargeError, "15 MB"),
        (head("Content-Encoding: gzip") + b"\x1f\x8b\x08\x08" + b"n" * 10_000, SourceFailedError, "within one stream"),
        (head("Content-Encoding: gzip") + b"\x1f\x8b", SourceFailedError, "within one stream"),
        (head("Content-Encoding: gzip", LENGTH) + gzip.compress(BODY)[:-20], SourceFailedError, "within one stream"),
        (head("Content-Encoding: gzip, gzip") + gzip.compress(BODY), SourceFailedError, "more than once"),
        (head("Content-Encoding: deflate", "Content-Encoding: gzip") + gzip.compress(BODY), SourceFailedError, "once"),
        (head("Content-Encoding: utf-8", f"Content-Length: {len(BODY) + 1}") + BODY, SourceFailedError, "early"),
        (head("Content-Encoding: gzip") + BODY, SourceFailedError, "not in the coding"),
        (head("Content-Encoding: deflate") + BODY, SourceFailedError, "not in the coding"),
        (head("Content-Encoding: deflate") + raw_deflate(BODY)[:-5], SourceFailedError, "within one stream"),
        (head("Content-Encoding: gzip") + BOMB + gzip.compress(b"1"), TooLargeError, "15 MB"),
        (
            head("Content-Encoding: gzip") + gzip.compress(bytes(MAX_BYTES // 999)) * 1000,
            TooLargeError,
            "15 MB",
        ),
        (head("Content-Encoding: none, gzip") + BOMB + gzip.compress(b"1"), TooLargeError, "15 MB"),
        (head("Content-Encoding: deflate") + raw_deflate(bytes(2 * MAX_BYTES)), TooLargeError, "15 MB"),
        (head("Content-Encoding: utf-8") + bytes(MAX_BYTES + 1), TooLargeError, "15 MB"),
        (head("Location: ///127.0.0.1/", status="HTTP/1.1 302"), FetchError, "two slashes|host"),
        (head("Location: /\x01", status="HTTP/1.1 302"), FetchError, "control"),
    ],
)
def test_answers_beyond_the_limits_are_refused_before_the_deadline(
    monkeypatch: pytest.MonkeyPatch, answer: bytes, error: type[FetchError], says: str
) -> None:
    monkeypatch.setattr(transport, "DEADLINE_SECONDS", 200)  # a busy machine may need more than 20
    with pytest.raises(error, match=says):
        get(answer)


def test_an_unknown_coding_is_named() -> None:
    """The caller can say so if the bytes are not a picture."""
    sent = os.urandom(1000)
    fetched = get(head("Content-Encoding: aws-chunked, none") + sent)
    assert (fetched.body, fetched.unknown_coding) == (sent, "aws-chunked, none")


def test_cookies_go_only_to_the_host_that_set_them(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_raw(lambda _: head(LENGTH) + BODY) as other:
        cookies = ["a=1; Secure", "b=2; Domain=example; Path=/nowhere", "c=\x01", "=4", "e", "f=" + "x" * 5000, "b=3"]
        location = f"Location: http://other.example:{other.port}/"

        def answer(request: Request) -> bytes:
            if request.target == "/photo.jpg":
                return head(
                    *(f"Set-Cookie: {cookie}" for cookie in cookies), "Location: /next", status="HTTP/1.1 302 x"
                )
            return head(location, status="HTTP/1.1 302 Found")

        with serve_raw(answer) as source:
            internet = Internet({"other.example": [["127.0.0.1"]], "source.example": [["127.0.0.1"]]})
            internet.install(monkeypatch)
            allowed = rules(private_sources=(f"other.example:{other.port}", f"source.example:{source.port}"))
            for _ in range(2):  # the second fetch begins without cookies
                assert fetch(f"http://source.example:{source.port}/photo.jpg", allowed).body == BODY
            sent = [request.headers.get("cookie") for request in source.requests]
            assert sent == [None, "b=3", None, "b=3"]
            assert [request.headers.get("cookie") for request in other.requests] == [None, None]


def test_a_source_cannot_fill_our_requests_with_cookies() -> None:
    cookies = [f"Set-Cookie: c{number}=v" for number in range(1000)]
    received: list[str] = []

    def answer(request: Request) -> bytes:
        received.append(request.headers.get("cookie", ""))
        return head(*cookies, "Location: /again", status="HTTP/1.1 302 Found")

    with pytest.raises(SourceFailedError, match="more than 5 times"):
        get(answer)
    assert [len(line.split("; ")) for line in received[1:]] == [50] * 5
