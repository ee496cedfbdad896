"""Fetching URLs that strangers choose.

The host is resolved once, its address checked, and the connection made to that very address, again on every
redirect (`requests-hardened`): private, loopback, link-local and other special addresses are refused, so a
caller cannot reach what only this function can reach, such as its own runtime API on 127.0.0.1:9001.
"""

import ipaddress
import queue
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests_hardened import Config, HTTPSession
from requests_hardened.ip_filter import InvalidIPAddress
from requests_hardened.ip_filter_adapter import IPFilterAdapter
from urllib3.exceptions import HTTPError, ReadTimeoutError

USER_AGENT = "Sightline/0.1 (image recognition; fetches pictures that its users name)"
MAX_BYTES = 15 * 1024 * 1024  # Rekognition's limit for an S3 object
CONNECT_SECONDS = 5
READ_SECONDS = 10
DEADLINE_SECONDS = 20
MAX_REDIRECTS = 5
CHUNK = 64 * 1024
PORTS = {"http": 80, "https": 443}
V4_COMPATIBLE = ipaddress.ip_network("::/96")
SITE_LOCAL = ipaddress.ip_network("fec0::/10")


class FetchError(Exception):
    """A URL could not be fetched. Messages name the rule or the source's answer, never an address."""


class InvalidUrlError(FetchError):
    """It is not a URL that could be fetched."""


class SourceForbiddenError(FetchError):
    """The rules do not allow this source."""


class SourceFailedError(FetchError):
    """The source could not be reached or answered with an error; `status` is its answer's, if there was one."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class SourceTimeoutError(FetchError):
    """The source was too slow."""


class TooLargeError(FetchError):
    """The source sends more than MAX_BYTES."""


@dataclass(frozen=True)
class Fetched:
    """What a source sent; `url` is where it was found, after redirects."""

    url: str
    body: bytes


class SourceAdapter(IPFilterAdapter):
    """Checks addresses, except for exact `host:port` pairs that the operator trusts."""

    def __init__(self, *, is_https_proto: bool, private_sources: Collection[str]) -> None:
        super().__init__(is_https_proto=is_https_proto)
        self._private_sources = frozenset(private_sources)

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: bool | str, cert: Any = None
    ) -> tuple[Any, Any]:
        """Called for every request; the base class resolves, checks and pins the address."""
        if _host_and_port(request.url or "") in self._private_sources:
            return HTTPAdapter.build_connection_pool_key_attributes(self, request, verify, cert)
        host, pool = super().build_connection_pool_key_attributes(request, verify, cert)
        address = ipaddress.ip_address(host["host"].strip("[]"))
        # What the base class lets through: site-local and IPv4-compatible IPv6 addresses, among others.
        if not address.is_global or address in SITE_LOCAL or address in V4_COMPATIBLE:
            raise InvalidIPAddress(address)
        return host, pool


def fetch(url: str, *, private_sources: Collection[str] = ()) -> Fetched:
    """Fetch at most MAX_BYTES from an http or https URL, within DEADLINE_SECONDS.

    Raises:
        InvalidUrlError, SourceForbiddenError, SourceFailedError, SourceTimeoutError, TooLargeError
    """
    outcome: queue.SimpleQueue[Fetched | BaseException] = queue.SimpleQueue()
    deadline = time.monotonic() + DEADLINE_SECONDS

    def attempt() -> None:
        try:
            outcome.put(_fetch(url, private_sources, deadline))
        except BaseException as error:  # noqa: BLE001 - raised again by who waits
            outcome.put(error)

    # Sockets time out between two bytes, never over a whole answer: a source that sends its headers one by one
    # could hold us for hours. So somebody else reads them.
    threading.Thread(target=attempt, daemon=True).start()
    try:
        result = outcome.get(timeout=DEADLINE_SECONDS)
    except queue.Empty:
        raise _too_slow() from None
    if isinstance(result, BaseException):
        raise result
    return result


def _fetch(url: str, private_sources: Collection[str], deadline: float) -> Fetched:
    try:
        with _session(private_sources) as session:
            for _ in range(1 + MAX_REDIRECTS):
                _check(url)
                # Past session.get(), which reads the body of every redirect, whatever its size.
                request = session.prepare_request(requests.Request("GET", url))
                timeout = (CONNECT_SECONDS, READ_SECONDS)
                with session.get_adapter(url).send(request, stream=True, timeout=timeout) as response:
                    if target := session.get_redirect_target(response):
                        url = urljoin(url, target)
                    elif response.status_code != HTTPStatus.OK:
                        status = response.status_code
                        raise SourceFailedError(f"the source answered {status}", status)
                    else:
                        return Fetched(url=url, body=_read(response, deadline))
                if time.monotonic() > deadline:
                    raise _too_slow()
            raise SourceFailedError(f"the source redirected more than {MAX_REDIRECTS} times")
    except InvalidIPAddress as error:
        raise SourceForbiddenError("the source's address is not a public one") from error
    except ValueError as error:  # what urllib and requests raise for all that is no URL
        raise InvalidUrlError("url is not a URL that can be fetched") from error
    except (requests.Timeout, ReadTimeoutError) as error:
        raise SourceTimeoutError(f"the source took longer than {READ_SECONDS} s to answer") from error
    except (requests.RequestException, HTTPError) as error:
        # No str(error): it may hold addresses that are none of the caller's business.
        raise SourceFailedError(f"the source could not be reached ({type(error).__name__})") from error


def _check(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in PORTS:
        raise InvalidUrlError("url must begin with http:// or https://")
    if parts.username is not None or parts.password is not None:
        raise InvalidUrlError("url must not hold a user name or password: it is kept, and sent on")


def _session(private_sources: Collection[str]) -> HTTPSession:
    config = Config(
        ip_filter_enable=False,  # our adapter filters
        ip_filter_allow_loopback_ips=False,
        never_redirect=True,
        default_timeout=None,
        user_agent_override=USER_AGENT,
    )
    session = HTTPSession(config)
    session.trust_env = False  # a proxy would connect for us, past the check
    session.headers["Connection"] = "close"  # or the next request may meet a connection that the source has closed
    for scheme in PORTS:
        session.mount(f"{scheme}://", SourceAdapter(is_https_proto=scheme == "https", private_sources=private_sources))
    return session


def _read(response: requests.Response, deadline: float) -> bytes:
    announced = response.headers.get("Content-Length", "")
    if announced.isdecimal() and (len(announced) > len(str(MAX_BYTES)) or int(announced) > MAX_BYTES):
        raise _too_large()
    body = bytearray()
    # read1 gives what one read of the socket gave, so that a source that drips meets the deadline.
    while chunk := response.raw.read1(CHUNK, decode_content=True):
        body += chunk
        if len(body) > MAX_BYTES:
            raise _too_large()
        if time.monotonic() > deadline:
            raise _too_slow()
    return bytes(body)


def _too_large() -> TooLargeError:
    return TooLargeError(f"the source sends more than {MAX_BYTES // 1024 // 1024} MB")


def _too_slow() -> SourceTimeoutError:
    return SourceTimeoutError(f"the source took longer than {DEADLINE_SECONDS} s to send the picture")


def _host_and_port(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or PORTS[parts.scheme]}"
