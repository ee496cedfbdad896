"""Fetching URLs that strangers choose.

For every request, so on every redirect too, the host is looked up once, all of its addresses are checked, and the
connection is made to one of these very addresses: a caller cannot reach what only this function can reach, such as
its own runtime API on 127.0.0.1:9001, and a name cannot mean something else the second time.
"""

import ipaddress
import json
import queue
import re
import socket
import ssl
import string
import threading
import time
import zlib
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from urllib.parse import quote, urljoin, urlsplit

import certifi

from common.runtime.caches import cached

USER_AGENT = "Sightline/0.1 (image recognition; fetches pictures that its users name)"
MAX_BYTES = 15 * 1024 * 1024  # Rekognition's limit for an S3 object
CONNECT_SECONDS = 5
READ_SECONDS = 10
DEADLINE_SECONDS = 20
MAX_REDIRECTS = 5
CHUNK = 64 * 1024
PORTS = {"http": 80, "https": 443}

AUTHORITY = re.compile(r"(?:\[(?P<v6>[0-9a-f:.]+)]|(?P<name>[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*)\.?)(?::[0-9]*)?")
"""Host and port in lower case, and nothing else: no user, no percent-encoding, no IPv6 zone."""
LEGAL = "!$%&'()*+,/:;=?@[]~"
"""Besides letters, digits and '-', '.', '_': what a path and a query may hold as it is."""

GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
SPECIAL_PURPOSE = tuple(
    # 6to4's relays, IETF protocol assignments (Teredo, ORCHID …), 6to4 and documentation: `is_global` takes some of
    # them for public ones, other ones with each version of Python.
    # https://www.iana.org/assignments/iana-ipv4-special-registry and …/iana-ipv6-special-registry
    map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2002::/16", "3fff::/20"))
)
REDIRECTS = {
    HTTPStatus.MOVED_PERMANENTLY,
    HTTPStatus.FOUND,
    HTTPStatus.SEE_OTHER,
    HTTPStatus.TEMPORARY_REDIRECT,
    HTTPStatus.PERMANENT_REDIRECT,
}

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class FetchError(Exception):
    """A URL could not be fetched. Messages name the rule or the source's answer, never an address."""


class InvalidUrlError(FetchError):
    """It is not a URL that could be fetched."""


class SourceForbiddenError(FetchError):
    """The rules do not allow this source."""


class SourceFailedError(FetchError):
    """The source could not be reached or answered with an error.

    `status` is its answer's, if there was one; `retry_after` the seconds that it wants to be left alone.
    """

    def __init__(self, message: str, status: int | None = None, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class SourceTimeoutError(FetchError):
    """The source was too slow."""


class TooLargeError(FetchError):
    """The source sends more than MAX_BYTES."""


@dataclass(frozen=True)
class Fetched:
    """What a source sent; `url` is where it was found, after redirects."""

    url: str
    body: bytes


@dataclass(frozen=True)
class Place:
    """What a URL leads to: the one reading of it, which is checked, connected to and asked for."""

    scheme: str
    host: str
    """A name in lower case and without its last dot, or an address."""
    port: int
    target: str
    """Path and query, as the request has them."""

    @classmethod
    def from_url(cls, url: str) -> "Place":
        """Read an http or https URL.

        Raises:
            InvalidUrlError: it is none, or one that is read in different ways.
        """
        # urlsplit() would drop some of these, and others take a backslash for a slash.
        if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
            raise InvalidUrlError("url takes ASCII without blanks and backslashes; percent-encode the rest")
        try:
            parts = urlsplit(url)
            port = parts.port
            authority = AUTHORITY.fullmatch(parts.netloc.lower())
            host = authority and (authority["name"] or str(ipaddress.IPv6Address(authority["v6"])))
        except ValueError as error:
            # No str(error), which repeats what it takes for a port and may be half a password: messages are logged.
            raise InvalidUrlError("url has a host or a port that cannot be read") from error
        if parts.scheme not in PORTS:
            raise InvalidUrlError("url must begin with http:// or https://")
        if "@" in parts.netloc:
            raise InvalidUrlError("url must not hold a user name or password: it is kept, and sent on")
        if host is None:
            raise InvalidUrlError("url has no host that can be looked up; it takes a name or an address without a zone")
        return cls(
            scheme=parts.scheme,
            host=host,
            port=PORTS[parts.scheme] if port is None else port,
            target=quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=LEGAL),
        )

    @property
    def authority(self) -> str:
        """The Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True, kw_only=True)
class SourceRules:
    """Which sources may be fetched from: the settings of these names, ready to be asked."""

    source_ports: frozenset[int]
    allowed_sources: tuple[str, ...]
    """If there are any, other hosts are refused."""
    denied_sources: tuple[str, ...]
    denied_networks: tuple[Network, ...]
    private_sources: frozenset[tuple[str, int]]
    """Hosts and ports that may be fetched from whatever their address; only a denial goes before it."""

    @classmethod
    def from_json(cls, text: str) -> "SourceRules":
        """Read what `Settings.sources` has written.

        Raises:
            ValueError, KeyError, FetchError: it is something else, which is a fault of the deployment.
        """
        document = json.loads(text)
        names = {kind: tuple(map(_pattern, document[kind])) for kind in ("allowed_sources", "denied_sources")}
        places = [Place.from_url(f"http://{pair}") for pair in document["private_sources"]]
        return cls(
            source_ports=frozenset(document["source_ports"]),
            **names,
            denied_networks=tuple(filter(None, map(_network, document["denied_sources"]))),
            private_sources=frozenset((place.host, place.port) for place in places),
        )

    def check_place(self, place: Place) -> None:
        """Look at host and port, before the host is looked up.

        Raises:
            SourceForbiddenError
        """
        if _is_one_of(place.host, self.denied_sources):
            raise _denied()
        if self._is_private_source(place):
            return
        if self.allowed_sources and not _is_one_of(place.host, self.allowed_sources):
            raise SourceForbiddenError("the source is not among those that may be fetched from (allowed_sources)")
        if place.port not in self.source_ports:
            ports = ", ".join(map(str, sorted(self.source_ports)))
            raise SourceForbiddenError(f"the source's port is {place.port}; it takes one of {ports} (source_ports)")

    def check_address(self, place: Place, address: Address) -> None:
        """Look at one of the host's addresses, before a connection is made to any.

        Raises:
            SourceForbiddenError
        """
        if any(address in network for network in self.denied_networks):
            raise _denied()
        if not self._is_private_source(place) and not is_public(address):
            raise SourceForbiddenError("the source's address is not a public one")

    def _is_private_source(self, place: Place) -> bool:
        return (place.host, place.port) in self.private_sources


class Wire:
    """The connection of a fetch under way and the time that is left for it, for the one who waits as well."""

    def __init__(self) -> None:
        self._deadline = time.monotonic() + DEADLINE_SECONDS
        self._connection: socket.socket | None = None

    def seconds(self, limit: float) -> float:
        """The limit of the next step, or what is left.

        Raises:
            SourceTimeoutError: nothing is left.
        """
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise _too_slow()
        return min(limit, left)

    def hold(self, connection: socket.socket) -> None:
        """Read from this one from now on.

        Raises:
            SourceTimeoutError: it comes too late to be cut.
        """
        self._connection = connection
        connection.settimeout(self.seconds(READ_SECONDS))

    def cut(self) -> None:
        """After the deadline: end a read that is under way."""
        if self._connection:
            with suppress(OSError):  # it ended by itself
                # Not TLS's own, which is not meant for a second thread.
                socket.socket.shutdown(self._connection, socket.SHUT_RDWR)


def fetch(url: str, rules: SourceRules) -> Fetched:
    """Fetch at most MAX_BYTES from an http or https URL, within DEADLINE_SECONDS.

    Raises:
        InvalidUrlError, SourceForbiddenError, SourceFailedError, SourceTimeoutError, TooLargeError
    """
    outcome: queue.SimpleQueue[Fetched | BaseException] = queue.SimpleQueue()
    wire = Wire()

    def attempt() -> None:
        try:
            outcome.put(_fetch(url, rules, wire))
        except BaseException as error:  # noqa: BLE001 - raised again by who waits
            outcome.put(error)

    # A look-up has no time limit, and that of a socket is for each byte, never for a whole answer: a source that
    # sends its headers one by one could hold us for hours. So somebody else does it.
    threading.Thread(target=attempt, name="fetch", daemon=True).start()
    try:
        result = outcome.get(timeout=DEADLINE_SECONDS)
    except queue.Empty:
        wire.cut()
        raise _too_slow() from None
    if isinstance(result, BaseException):
        raise result
    return result


def _fetch(url: str, rules: SourceRules, wire: Wire) -> Fetched:
    try:
        place = Place.from_url(url)
        for _ in range(1 + MAX_REDIRECTS):
            answer = _ask(place, rules, wire)
            if isinstance(answer, bytes):
                return Fetched(url=url, body=answer)
            url, place = _redirected(url, place, answer)
    except TimeoutError as error:
        raise _too_slow() from error
    except ssl.SSLCertVerificationError as error:
        raise SourceFailedError(f"the source's certificate is not valid: {error.verify_message}") from error
    # No str(error) from here on: it may hold addresses that are none of the caller's business.
    except HTTPException as error:
        raise SourceFailedError(f"the source's answer is broken ({type(error).__name__})") from error
    except OSError as error:
        raise SourceFailedError(f"the source could not be reached ({type(error).__name__})") from error
    raise SourceFailedError(f"the source redirected more than {MAX_REDIRECTS} times")


def _ask(place: Place, rules: SourceRules, wire: Wire) -> bytes | str:
    """The picture, or where the source sends us."""
    with closing(HTTPConnection(place.host, place.port)) as exchange:
        exchange.sock = _connected(place, rules, wire)
        wire.hold(exchange.sock)
        if place.scheme == "https":
            exchange.sock = _tls().wrap_socket(exchange.sock, server_hostname=place.host)
            wire.hold(exchange.sock)
        headers = {"Host": place.authority, "User-Agent": USER_AGENT, "Accept": "*/*", "Connection": "close"}
        exchange.request("GET", place.target, headers=headers)
        with exchange.getresponse() as response:
            location = response.headers["Location"]
            if response.status in REDIRECTS and location is not None:
                return str(location)  # its body is not read, whatever its size
            if response.status != HTTPStatus.OK:
                wait = _seconds(response.headers["Retry-After"] or "")
                raise SourceFailedError(f"the source answered {response.status}", response.status, wait)
            return _read(response)


def _seconds(text: str) -> int | None:
    """What a Retry-After header asks for: seconds, or a time (RFC 9110, 10.2.3)."""
    if text.isascii() and text.isdecimal():
        return int(text[:9])
    try:
        return max(0, round(parsedate_to_datetime(text).timestamp() - time.time()))
    except (ValueError, OverflowError):
        return None


def _redirected(url: str, place: Place, location: str) -> tuple[str, Place]:
    try:
        # Sources send blanks and UTF-8 here, which http.client reads as Latin-1.
        url = urljoin(url, quote(location.encode("latin-1"), safe=string.punctuation))
        target = Place.from_url(url)
    except (InvalidUrlError, ValueError) as error:
        raise SourceForbiddenError(f"the source redirects to what may not be fetched: {error}") from error
    if (place.scheme, target.scheme) == ("https", "http"):
        raise SourceForbiddenError("the source redirects from https to http")
    return url, target


def _connected(place: Place, rules: SourceRules, wire: Wire) -> socket.socket:
    """A connection to one of the host's addresses, all of which have been checked."""
    rules.check_place(place)
    try:
        found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise SourceFailedError("the source's host name could not be looked up") from error
    for *_, address in found:
        rules.check_address(place, ipaddress.ip_address(address[0]))
    failure = OSError("no address")
    for family, kind, protocol, _, address in found:
        seconds = wire.seconds(CONNECT_SECONDS)
        try:
            connection = socket.socket(family, kind, protocol)
        except OSError as error:  # this machine knows no IPv6
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


def _read(response: HTTPResponse) -> bytes:
    if (response.length or 0) > MAX_BYTES:
        raise _too_large()
    body = bytearray()
    while chunk := response.read1(CHUNK):
        body += chunk
        if len(body) > MAX_BYTES:
            raise _too_large()
    if response.length:
        raise SourceFailedError("the source ended its answer early")
    return _unpacked(bytes(body), response.getheader("Content-Encoding", "identity").lower())


def _unpacked(body: bytes, encoding: str) -> bytes:
    """What some sources pack, although http.client asks for `identity`: once at the most, so that it stays bounded."""
    if encoding == "identity":
        return body
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        raise SourceFailedError("the source packs what it sends, and not in gzip or deflate (Content-Encoding)")
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)  # gzip or zlib, as it begins
    try:
        unpacked = unpacker.decompress(body, MAX_BYTES + 1)
    except zlib.error as error:
        raise SourceFailedError("the source sends something else than its Content-Encoding says") from error
    if len(unpacked) > MAX_BYTES:
        raise _too_large()
    if not unpacker.eof or unpacker.unused_data:
        raise SourceFailedError("the source sends more or less than one stream of its Content-Encoding")
    return unpacked


def is_public(address: Address) -> bool:
    """Whether the address is one of the internet's, at which strangers may listen, and no way of writing another."""
    # Outside of it are, among others, loopback, unique-local, link-local, site-local and multicast addresses, and
    # IPv4 ones in IPv6's clothes: mapped, compatible, translated (NAT64).
    if address.version == 6 and address not in GLOBAL_UNICAST:  # noqa: PLR2004
        return False
    if any(address in network for network in SPECIAL_PURPOSE):
        return False
    return address.is_global and not address.is_multicast


def _is_one_of(host: str, patterns: Iterable[str]) -> bool:
    return any(host == entry or (entry.startswith("*.") and host.endswith(entry[1:])) for entry in patterns)


def _pattern(entry: str) -> str:
    return entry.lower().rstrip(".")


def _network(entry: str) -> Network | None:
    try:
        return ipaddress.ip_network(entry)
    except ValueError:
        return None


def _denied() -> SourceForbiddenError:
    return SourceForbiddenError("the source is among those that must not be fetched from (denied_sources)")


def _too_large() -> TooLargeError:
    return TooLargeError(f"the source sends more than {MAX_BYTES // 1024 // 1024} MB")


def _too_slow() -> SourceTimeoutError:
    return SourceTimeoutError(
        f"the source was too slow; it has {READ_SECONDS} s to answer and {DEADLINE_SECONDS} s to send the picture"
    )
