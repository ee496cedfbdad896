"""Reads URLs as browsers do (https://url.spec.whatwg.org), and refuses those that programs read in different ways."""

import ipaddress
import re
import string
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from common.runtime.safe_fetch.errors import InvalidUrlError

PORTS = {"http": 80, "https": 443}

AUTHORITY = re.compile(r"(?:\[(?P<v6>[0-9a-f:.]+)]|(?P<name>[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*)\.?)(?::[0-9]*)?")
"""Host and port in lower case, and nothing else: no user, no percent-encoding, no IPv6 zone."""
NUMBER = re.compile(r"(?P<hex>0x[0-9a-f]*)|(?P<octal>0[0-7]+)|(?P<decimal>0|[1-9][0-9]*)")
"""A part of an IPv4 address."""
IPV4_BYTES = 4
REFERENCE = re.compile(r"((?:https?:)?//[^/\\?#]*|)([^?#]*)(.*)", re.IGNORECASE | re.DOTALL)
"""The scheme and the host of a redirect, its path, and the rest. Each may be empty."""
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
LEGAL = "!$%&'()*+,/:;=?@[]~"
"""Characters that may stay unchanged in a path and a query, in addition to letters, digits and '-', '.', '_'."""


@dataclass(frozen=True)
class ParsedUrl:
    """A URL that was parsed once. The check, the connection and the request all use this result."""

    scheme: str
    host: str
    """A name in lower case without a dot at its end, or an address."""
    spelling: str
    """The host as it is written in the URL. It differs from `host` for an IPv4 address such as `127.1`."""
    port: int
    target: str
    """The path and the query of the request."""

    @classmethod
    def parse(cls, url: str) -> "ParsedUrl":
        """Read an http or https URL.

        Raises:
            InvalidUrlError: the text is not such a URL, or programs read it in different ways.
        """
        # urlsplit() would drop some of these characters, and other programs take a backslash for a slash.
        if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
            raise InvalidUrlError("url must be ASCII without blanks and backslashes; percent-encode the rest")
        try:
            parts = urlsplit(url)
            port = parts.port
            authority = AUTHORITY.fullmatch(parts.netloc.lower())
            spelling = authority and (authority["name"] or str(ipaddress.IPv6Address(authority["v6"])))
            host = spelling and (_ipv4(spelling) or spelling)
        except ValueError as error:
            # The message leaves out str(error), because it repeats the text where a port is expected. This text may be
            # half of a password, and messages are logged.
            raise InvalidUrlError("url has a host or a port that cannot be read") from error
        if parts.scheme not in PORTS:
            raise InvalidUrlError("url must begin with http:// or https://")
        if "@" in parts.netloc:
            raise InvalidUrlError(
                "url must not contain a user name or password, because the URL is stored and sent to receivers"
            )
        if not host or not spelling:
            raise InvalidUrlError("url has no host that can be looked up; expected a name or an address without a zone")
        return cls(
            scheme=parts.scheme,
            host=host,
            spelling=spelling,
            port=PORTS[parts.scheme] if port is None else port,
            target=quote(_resolved(parts.path) + (f"?{parts.query}" if parts.query else ""), safe=LEGAL),
        )

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"

    def follow(self, location: str) -> "ParsedUrl":
        """Return the URL in a Location header. The header belongs to the answer to this URL.

        Sources send blanks and UTF-8 in this header. http.client reads the header as Latin-1. urljoin() is not used,
        because it drops a `;` at the end. It also reads `///host` and `http:///host` as a path, but browsers read a
        host.

        Raises:
            InvalidUrlError: the header has no http or https URL, or programs read it in different ways.
        """
        location = location.replace("\t", "")  # as browsers do
        if CONTROL.search(location):
            raise InvalidUrlError("url has a control character; percent-encode it")
        reference = _with_slashes(quote(location.encode("latin-1"), safe=string.punctuation))
        path = self.target.partition("?")[0]
        if SCHEME.match(reference):
            url = reference
        elif reference.startswith("//"):
            url = f"{self.scheme}:{reference}"
        elif reference.startswith("/"):
            url = f"{self.scheme}://{self.authority}{reference}"
        elif reference.startswith("?"):
            url = f"{self.scheme}://{self.authority}{path}{reference}"
        elif not reference or reference.startswith("#"):
            url = str(self)
        else:
            url = f"{self.scheme}://{self.authority}{path.rpartition('/')[0]}/{reference}"
        return ParsedUrl.parse(url)


def _with_slashes(reference: str) -> str:
    """Replace backslashes in the path of a redirect by slashes, as browsers do.

    Keeps backslashes that browsers take for the slashes before a host. Such a redirect is refused.
    """
    (origin, path, rest), *_ = REFERENCE.findall(reference)
    path, rest = path.replace("\\", "/"), rest.replace("\\", "%5C")
    if not origin and (path.startswith("//") or SCHEME.match(path)):
        return reference
    return f"{origin}{path}{rest}"


def _ipv4(name: str) -> str | None:
    """Return the IPv4 address if the name is one, such as 127.0.0.1 for `0x7f.1`. Otherwise return None.

    https://url.spec.whatwg.org/#concept-ipv4-parser

    Raises:
        ValueError: the last part is a number, so the name must be an address, but it is not a valid one.
    """
    parts = [NUMBER.fullmatch(part) for part in name.split(".")]
    if parts[-1] is None and not name.rpartition(".")[2].isdecimal():
        return None
    numbers = [_number(part) for part in parts if part]
    if len(numbers) != len(parts) or len(parts) > IPV4_BYTES:
        raise ValueError(name)
    *leading, last = numbers
    if any(number > 255 for number in leading):  # noqa: PLR2004
        raise ValueError(name)
    value = last
    if last >= 256 ** (IPV4_BYTES + 1 - len(numbers)):
        raise ValueError(name)
    for position, number in enumerate(leading):
        value += number * 256 ** (3 - position)
    return str(ipaddress.IPv4Address(value))


def _number(part: re.Match[str]) -> int:
    if part["hex"]:
        return int(part["hex"][2:] or "0", 16)
    return int(part["octal"], 8) if part["octal"] else int(part["decimal"])


def _resolved(path: str) -> str:
    """Return a path without its `.` and `..` segments, which may be percent-encoded."""
    segments: list[str] = []
    *folders, file = path.removeprefix("/").split("/")
    for segment in folders:
        if not _is_up(segment):
            segments += [] if _is_here(segment) else [segment]
        elif segments:
            segments.pop()
    if _is_up(file) and segments:
        segments.pop()
    return "/" + "".join(f"{segment}/" for segment in segments) + ("" if _is_up(file) or _is_here(file) else file)


def _is_here(segment: str) -> bool:
    return segment.lower() in {".", "%2e"}


def _is_up(segment: str) -> bool:
    return segment.lower().replace("%2e", ".") == ".."
