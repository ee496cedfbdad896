"""Fetching URLs that strangers choose.

The host is resolved once, its address checked, and the connection made to that very address, again on every
redirect (`requests-hardened`): private, loopback, link-local and other special addresses are refused, so a
caller cannot reach what only this function can reach, such as its own runtime API on 127.0.0.1:9001.
"""

import time
from collections.abc import Collection
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

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
        """Called for every request and redirect; the base class resolves, checks and pins the address."""
        if _host_and_port(request.url or "") in self._private_sources:
            return HTTPAdapter.build_connection_pool_key_attributes(self, request, verify, cert)
        return super().build_connection_pool_key_attributes(request, verify, cert)


def fetch(url: str, *, private_sources: Collection[str] = ()) -> Fetched:
    """Fetch at most MAX_BYTES from an http or https URL, within DEADLINE_SECONDS.

    Raises:
        InvalidUrlError, SourceForbiddenError, SourceFailedError, SourceTimeoutError, TooLargeError
    """
    deadline = time.monotonic() + DEADLINE_SECONDS
    try:
        if urlsplit(url).scheme not in PORTS:
            raise InvalidUrlError("url must begin with http:// or https://")
        with _session(private_sources) as session, session.get(url, stream=True) as response:
            if response.status_code != HTTPStatus.OK:
                raise SourceFailedError(
                    f"the source answered {response.status_code} {response.reason}", response.status_code
                )
            return Fetched(url=response.url, body=_read(response, deadline))
    except InvalidIPAddress as error:
        raise SourceForbiddenError("the source's address is not a public one") from error
    except ValueError as error:  # what urllib and requests raise for all that is no URL
        raise InvalidUrlError("url is not a URL that can be fetched") from error
    except (requests.Timeout, ReadTimeoutError) as error:
        raise SourceTimeoutError(f"the source took longer than {READ_SECONDS} s to answer") from error
    except requests.TooManyRedirects as error:
        raise SourceFailedError(f"the source redirected more than {MAX_REDIRECTS} times") from error
    except (requests.RequestException, HTTPError) as error:
        # No str(error): it may hold addresses that are none of the caller's business.
        raise SourceFailedError(f"the source could not be reached ({type(error).__name__})") from error


def _session(private_sources: Collection[str]) -> HTTPSession:
    config = Config(
        ip_filter_enable=False,  # our adapter filters
        ip_filter_allow_loopback_ips=False,
        never_redirect=False,
        default_timeout=(CONNECT_SECONDS, READ_SECONDS),
        user_agent_override=USER_AGENT,
    )
    session = HTTPSession(config)
    session.trust_env = False  # a proxy would connect for us, past the check
    session.max_redirects = MAX_REDIRECTS
    for scheme in PORTS:
        session.mount(f"{scheme}://", SourceAdapter(is_https_proto=scheme == "https", private_sources=private_sources))
    return session


def _read(response: requests.Response, deadline: float) -> bytes:
    announced = response.headers.get("Content-Length", "")
    if announced.isdecimal() and int(announced) > MAX_BYTES:
        raise _too_large()
    body = bytearray()
    # read1 gives what one read of the socket gave, so that a source that drips meets the deadline.
    while chunk := response.raw.read1(CHUNK, decode_content=True):
        body += chunk
        if len(body) > MAX_BYTES:
            raise _too_large()
        if time.monotonic() > deadline:
            raise SourceTimeoutError(f"the source took longer than {DEADLINE_SECONDS} s to send the picture")
    return bytes(body)


def _too_large() -> TooLargeError:
    return TooLargeError(f"the source sends more than {MAX_BYTES // 1024 // 1024} MB")


def _host_and_port(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or PORTS[parts.scheme]}"
