"""The HTTP client of a running system's APIs. It shows the API key, or signs calls with the caller's credentials."""

import ipaddress
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.util import Retry

from cli.account import session
from cli.target import Target, TargetName

TIMEOUT_SECONDS = 60
"""API Gateway gives up after 29 s; the embedded cloud may take longer on a busy machine."""

PAGE_ENTRIES = 100


class CallError(RuntimeError):
    """An API refused a call or did not answer; `status` is None without an answer. The message says why."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Session(requests.Session):
    """Uses the environment's proxies and certificate authorities, but reaches loopback without a proxy."""

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        """Merge the environment's settings into those of a call."""
        settings = super().merge_environment_settings(url, proxies, stream, verify, cert)
        return {**settings, "proxies": {}} if _is_loopback(url) else settings


def retrying_session(connections: int) -> Session:
    """Create a session for calls that may be repeated, with a connection for each of so many threads.

    It repeats throttled and failing calls with growing pauses.
    """
    retries = Retry(
        total=6,
        backoff_factor=0.5,
        backoff_jitter=0.5,
        status_forcelist=(429, 500, 502, 503, 504),
        allowed_methods=None,
        raise_on_status=False,
    )
    made = Session()
    for scheme in ("http://", "https://"):
        made.mount(scheme, HTTPAdapter(pool_maxsize=connections, max_retries=retries))
    return made


def call(
    target: Target,
    method: str,
    url: str,
    *,
    query: Mapping[str, Any] | None = None,
    body: Any = None,
    session: Session | None = None,
) -> requests.Response:
    """Call an API and return its answer.

    Query parameters that are None are left out; a list repeats its parameter. A body is sent as JSON.

    Raises:
        CallError: the API refused the call or did not answer.
    """
    parameters = {name: value for name, value in (query or {}).items() if value is not None}
    if parameters:  # signatures expect spaces as %20
        url += f"?{urlencode(parameters, doseq=True, quote_via=quote)}"
    try:
        answer = (session or Session()).request(
            method, url, json=body, auth=_Admission(target), timeout=TIMEOUT_SECONDS
        )
    except (OSError, BotoCoreError) as error:  # requests' errors are OSErrors, and so is a missing REQUESTS_CA_BUNDLE
        raise CallError(_no_answer(target, url, error)) from error
    if not answer.ok:
        raise CallError(_refusal(answer), answer.status_code)
    return answer


def entries(target: Target, url: str, query: Mapping[str, Any], limit: int) -> list[dict[str, Any]]:
    """Return the first `limit` entries of a list. A short page may still have a next page.

    Raises:
        CallError: a page could not be read.
    """
    found: list[dict[str, Any]] = []
    page: Mapping[str, Any] | None = {**query, "limit": min(limit, PAGE_ENTRIES)}
    while page and len(found) < limit:
        answer = call(target, "GET", url, query=page)
        found += answer.json()
        link = answer.links.get("next")
        page = parse_qs(urlsplit(link["url"]).query, keep_blank_values=True) if link else None
    return found[:limit]


class _Admission(AuthBase):
    """Adds the API key. On AWS without a key, signs the call with the caller's credentials, as `auth=iam` requires."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._target.api_key:
            request.headers["x-api-key"] = self._target.api_key
        elif self._target.name is TargetName.AWS:
            credentials = session().get_credentials()
            if credentials is None:
                raise CallError("there are no AWS credentials to sign the call with")
            signed = AWSRequest(request.method, request.url, data=request.body)
            SigV4Auth(credentials, "execute-api", session().region_name).add_auth(signed)
            request.headers.update(dict(signed.headers.items()))
        return request


def _no_answer(target: Target, url: str, error: Exception) -> str:
    address = url.partition("?")[0]
    if isinstance(error, requests.exceptions.SSLError):
        return f"{address}: its certificate is not trusted; REQUESTS_CA_BUNDLE names the trusted authorities"
    if not isinstance(error, requests.RequestException):
        return f"{address} cannot be called: {error}"
    way_out = "; try `make local-down` and `make local-up`" if target.name is TargetName.LOCAL else ""
    return f"{address} does not answer: {type(error).__name__}{way_out}"


def _refusal(answer: requests.Response) -> str:
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"{answer.status_code} {answer.reason}"


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
