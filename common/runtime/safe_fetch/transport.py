"""Fetches URLs that untrusted callers choose.

For every request, including each redirect, the host is looked up once, all of its addresses are checked, and the
connection is made to one of these addresses. So a caller cannot reach servers that only this function can reach, such
as its own runtime API on 127.0.0.1:9001, and a name cannot lead to another address when the connection is made.
"""

import ipaddress
import re
import socket
import ssl
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse

import certifi

from common.runtime.caches import cached
from common.runtime.deadlines import DeadlineError, call_within
from common.runtime.http_heads import BodyResponse
from common.runtime.retry_after import retry_after_seconds
from common.runtime.safe_fetch.content_codings import decode
from common.runtime.safe_fetch.cookies import Cookies
from common.runtime.safe_fetch.errors import (
    InvalidUrlError,
    SourceFailedError,
    SourceForbiddenError,
    SourceTimeoutError,
    TooLargeError,
)
from common.runtime.safe_fetch.rules import SourceRules
from common.runtime.safe_fetch.urls import ParsedUrl

USER_AGENT = "Sightline/0.1 (image recognition; fetches pictures that its users name)"
MAX_BYTES = 15 * 1024 * 1024  # Rekognition's limit for an S3 object
CONNECT_SECONDS = 5
READ_SECONDS = 10
DEADLINE_SECONDS = 20
MAX_REDIRECTS = 5
MAX_RETRY_SECONDS = 900
CHUNK = 64 * 1024

REDIRECTS = {
    HTTPStatus.MOVED_PERMANENTLY,
    HTTPStatus.FOUND,
    HTTPStatus.SEE_OTHER,
    HTTPStatus.TEMPORARY_REDIRECT,
    HTTPStatus.PERMANENT_REDIRECT,
}
COMPLETE = {HTTPStatus.OK, HTTPStatus.NON_AUTHORITATIVE_INFORMATION}
CONTENT_RANGE = re.compile(r"bytes[ \t:=]+0[ \t]*-[ \t]*([0-9]{1,18})[ \t]*/[ \t]*([0-9]{1,18})", re.IGNORECASE)


@dataclass(frozen=True)
class Fetched:
    """The bytes that a source sent, and the URL after all redirects."""

    url: str
    body: bytes
    unknown_coding: str | None
    """The Content-Encoding of the bytes, if we cannot decode it. Many sources name a coding and send plain bytes."""


class Wire:
    """The connection of a fetch in progress, and the deadline of the fetch. A second thread may end it."""

    def __init__(self) -> None:
        self._deadline = time.monotonic() + DEADLINE_SECONDS
        self._connection: socket.socket | None = None

    def seconds(self, limit: float) -> float:
        """Return the time limit of the next step. It is never longer than the time until the deadline.

        Raises:
            SourceTimeoutError: no time is left.
        """
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise _too_slow()
        return min(limit, left)

    def hold(self, connection: socket.socket) -> None:
        """Read from this connection from now on.

        Raises:
            SourceTimeoutError: no time is left.
        """
        self._connection = connection
        connection.settimeout(self.seconds(READ_SECONDS))

    def cut(self) -> None:
        """End a read that is in progress. Called after the deadline, in another thread."""
        if self._connection:
            with suppress(OSError):  # the connection ended by itself
                # This does not call the TLS socket's method, because a second thread must not call it.
                socket.socket.shutdown(self._connection, socket.SHUT_RDWR)


def fetch(url: str, rules: SourceRules) -> Fetched:
    """Fetch at most MAX_BYTES from an http or https URL, within DEADLINE_SECONDS.

    Raises:
        InvalidUrlError, SourceForbiddenError, SourceFailedError, SourceTimeoutError, TooLargeError
    """
    wire = Wire()
    try:
        return call_within(DEADLINE_SECONDS, lambda: _fetch(url, rules, wire), name="fetch")
    except DeadlineError:
        wire.cut()
        raise _too_slow() from None


def _fetch(url: str, rules: SourceRules, wire: Wire) -> Fetched:
    cookies = Cookies()
    try:
        target = ParsedUrl.parse(url)
        for _ in range(1 + MAX_REDIRECTS):
            answer = _request(target, rules, wire, cookies)
            if isinstance(answer, Fetched):
                return answer
            target = _redirected(target, answer)
    except TimeoutError as error:
        raise _too_slow() from error
    except ssl.SSLCertVerificationError as error:
        raise SourceFailedError(f"the source's certificate is not valid: {error.verify_message}") from error
    # No str(error) from here on: it may contain addresses that the caller must not learn.
    except HTTPException as error:
        raise SourceFailedError(f"the source's answer is broken ({type(error).__name__})") from error
    except OSError as error:
        raise SourceFailedError(f"the source could not be reached ({type(error).__name__})") from error
    raise SourceFailedError(f"the source redirected more than {MAX_REDIRECTS} times")


def _request(url: ParsedUrl, rules: SourceRules, wire: Wire, cookies: Cookies) -> Fetched | str:
    """Return the picture, or the location that the source redirects to."""
    with closing(HTTPConnection(url.host, url.port)) as exchange:
        exchange.response_class = BodyResponse
        exchange.sock = _connected(url, rules, wire)
        wire.hold(exchange.sock)
        if url.scheme == "https":
            exchange.sock = _tls().wrap_socket(exchange.sock, server_hostname=url.host)
            wire.hold(exchange.sock)
        headers = {"Host": url.authority, "User-Agent": USER_AGENT, "Accept": "*/*", "Connection": "close"}
        exchange.request("GET", url.target, headers=headers | cookies.headers(url))
        with exchange.getresponse() as response:
            cookies.keep(url, response.headers.get_all("Set-Cookie") or [])
            locations = set(response.headers.get_all("Location") or [])
            if response.status in REDIRECTS and locations:
                return _only(locations)  # the body is not read, whatever its size
            return _picture(str(url), response)


def _picture(url: str, response: HTTPResponse) -> Fetched:
    total = _total(response) if response.status == HTTPStatus.PARTIAL_CONTENT else None
    if response.status not in COMPLETE and total is None:
        wait = retry_after_seconds(response.headers["Retry-After"], max_seconds=MAX_RETRY_SECONDS)
        raise SourceFailedError(f"the source answered {response.status}", response.status, wait)
    received = _read(response)
    body, unknown_coding = decode(received, response.headers.get_all("Content-Encoding") or [], max_bytes=MAX_BYTES)
    if len(body) > MAX_BYTES:
        raise _too_large()
    # Sources that compress may name the length before the compression. A compressed body shows where it ends.
    if (response.length and body is received) or total not in {None, len(received), len(body)}:
        raise SourceFailedError("the source ended its answer early")
    return Fetched(url, body, unknown_coding)


def _total(response: HTTPResponse) -> int | None:
    """Return the size of the whole picture, if the Content-Range names all of it.

    Some sources count the last byte from 1.
    """
    found = CONTENT_RANGE.fullmatch(response.headers["Content-Range"] or "")
    return int(found[2]) if found and int(found[1]) + 1 >= int(found[2]) else None


def _read(response: HTTPResponse) -> bytes:
    if (response.length or 0) > MAX_BYTES:
        raise _too_large()
    body = bytearray()
    while chunk := response.read1(CHUNK):
        body += chunk
        if len(body) > MAX_BYTES:
            raise _too_large()
    return bytes(body)


def _only(locations: set[str]) -> str:
    """Return the only location. An answer with two different locations is refused, as in browsers."""
    location, *others = locations
    if others:
        raise SourceFailedError("the source sends two different locations for a redirect")
    return location


def _redirected(url: ParsedUrl, location: str) -> ParsedUrl:
    try:
        found = url.follow(location)
    except InvalidUrlError as error:
        raise SourceForbiddenError(f"the source redirects to a URL that must not be fetched: {error}") from error
    if (url.scheme, found.scheme) == ("https", "http"):
        raise SourceForbiddenError("the source redirects from https to http")
    return found


def _connected(url: ParsedUrl, rules: SourceRules, wire: Wire) -> socket.socket:
    """Check all addresses of the host, then connect to one of them."""
    rules.check_url(url)
    try:
        found = socket.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise SourceFailedError("the source's host name could not be looked up") from error
    for *_, address in found:
        rules.check_address(url, ipaddress.ip_address(address[0]))
    failure = OSError("no address")
    for family, kind, protocol, _, address in found:
        seconds = wire.seconds(CONNECT_SECONDS)
        try:
            connection = socket.socket(family, kind, protocol)
        except OSError as error:  # this machine has no IPv6
            failure = error
            continue
        try:
            connection.settimeout(seconds)
            connection.connect(address)
        except OSError as error:
            connection.close()
            failure = error
        else:
            return connection
    raise failure


@cached
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certifi.where())


def _too_large() -> TooLargeError:
    return TooLargeError(f"the source sends more than {MAX_BYTES // 1024 // 1024} MB")


def _too_slow() -> SourceTimeoutError:
    return SourceTimeoutError(
        f"the source was too slow; it has {READ_SECONDS} s to answer and {DEADLINE_SECONDS} s to send the picture"
    )
