"""The HTTP client of a running system's APIs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from botocore.exceptions import BotoCoreError

from cli.target import Target, TargetName

if TYPE_CHECKING:
    import requests

    from cli.http_sessions import Session

TIMEOUT_SECONDS = 60
"""API Gateway gives up after 29 s; the embedded cloud may take longer on a busy machine."""

PAGE_ENTRIES = 100


class CallError(RuntimeError):
    """An API refused a call or did not answer; `status` is None without an answer. The message says why."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


def call(
    target: Target,
    method: str,
    url: str,
    *,
    query: Mapping[str, Any] | None = None,
    body: Any = None,
    session: "Session | None" = None,
) -> "requests.Response":
    """Call an API and return its answer.

    Query parameters that are None are left out. A list sends its parameter once for each item. A body is sent as JSON.

    Raises:
        CallError: the API refused the call or did not answer.
    """
    from cli.http_sessions import Admission, MissingCredentialsError, Session

    parameters = {name: value for name, value in (query or {}).items() if value is not None}
    if parameters:  # signatures expect spaces as %20
        url += f"?{urlencode(parameters, doseq=True, quote_via=quote)}"
    try:
        answer = (session or Session()).request(method, url, json=body, auth=Admission(target), timeout=TIMEOUT_SECONDS)
    except MissingCredentialsError as error:
        raise CallError(str(error)) from error
    except (OSError, BotoCoreError) as error:  # requests' errors are OSErrors, and so is a missing REQUESTS_CA_BUNDLE
        raise CallError(_no_answer(target, url, error)) from error
    if not answer.ok:
        raise CallError(_refusal(answer), answer.status_code)
    return answer


def entries(target: Target, url: str, query: Mapping[str, Any], limit: int) -> list[dict[str, Any]]:
    """Return the first `limit` entries of a list. A page with few entries may still have a next page.

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


def _no_answer(target: Target, url: str, error: Exception) -> str:
    import requests

    address = url.partition("?")[0]
    if isinstance(error, requests.exceptions.SSLError):
        return f"the certificate of {address} is not trusted; set REQUESTS_CA_BUNDLE to a file of trusted authorities"
    if not isinstance(error, requests.RequestException):
        return f"{address} cannot be called: {error}"
    way_out = "; try `make local-down` and `make local-up`" if target.name is TargetName.LOCAL else ""
    return f"{address} does not answer: {type(error).__name__}{way_out}"


def _refusal(answer: "requests.Response") -> str:
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"{answer.status_code} {answer.reason}"
