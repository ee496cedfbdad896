"""Sends one POST to a receiver. Returns the receiver's answer, or the reason why there was none."""

import base64
import html
import json
import re
import threading
from collections.abc import Mapping
from urllib.parse import quote, unquote, unquote_to_bytes

import certifi
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import Url, parse_url

from common.runtime.deadlines import DeadlineError, call_within
from common.runtime.http_heads import LenientResponse
from common.runtime.retry_after import retry_after_seconds
from integration.runtime.webhooks.receiver_answers import MAX_RETRY_SECONDS, Answer, is_success

CONNECT_SECONDS = 5
READ_SECONDS = 10
DEADLINE_SECONDS = 15
"""The time limit of a whole call."""

STRAY_PERCENT = re.compile(r"%(?![0-9a-f]{2})", re.IGNORECASE)
"""A percent sign that encodes nothing. If there is one, urllib3 would encode all other percent signs again."""

SHOWN_CHARACTERS = 300
TOKEN_CHARACTERS = 8
"""A part of an address with at least this many characters may be a token. Shorter parts are words such as `hooks`."""
SHOWN_SECRET_CHARACTERS = 2
"""If an answer breaks off within a secret, at most this many characters of the secret are shown."""


class _Call(threading.local):
    """The call of the current thread. `statuses` gets the status of its answer."""

    statuses: list[int]


_call = _Call()


class _Response(LenientResponse):
    def note_status(self, status: int) -> None:
        _call.statuses.append(status)


class _Connection(HTTPConnection):
    response_class = _Response


class _TlsConnection(HTTPSConnection):
    response_class = _Response


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class WebhookClient:
    """Keeps connections open. Threads may share a client. A client follows no redirect and repeats no request."""

    def __init__(self) -> None:
        # As for fetching, this does not use requests: its import would make this function's cold start a quarter
        # longer.
        self._http = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
            retries=False,
            maxsize=10,
            ca_certs=certifi.where(),
        )
        self._http.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def post(self, address: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send a document, and return the answer after at most DEADLINE_SECONDS.

        A user name and a password in the address are sent as Basic authentication. If only the rest of the answer is
        late, its status is the answer.
        """
        statuses: list[int] = []
        try:
            return call_within(DEADLINE_SECONDS, lambda: self._post(address, body, headers, statuses), name="delivery")
        except DeadlineError:
            late = f"no answer within {DEADLINE_SECONDS} s"
            return Answer(status=statuses[0], text="") if statuses else Answer(status=None, text=late)

    def _post(self, address: str, body: bytes, headers: Mapping[str, str], statuses: list[int]) -> Answer:
        _call.statuses = statuses
        try:
            url = parse_url(STRAY_PERCENT.sub("%25", address))
            answer = self._http.request(
                "POST",
                url._replace(auth=None).url,
                body=body,
                headers={**headers, **_basic_authentication(url)},
                redirect=False,
                preload_content=False,
            )
        except urllib3.exceptions.HTTPError as error:
            return Answer(status=None, text=type(error).__name__)
        # From here on the status counts, whatever else is wrong with the answer.
        text = "" if is_success(answer.status) else _beginning(answer, url)
        answer.close()
        wait = retry_after_seconds(answer.headers.get("Retry-After"), max_seconds=MAX_RETRY_SECONDS)
        return Answer(status=answer.status, text=text, retry_after=wait)


def _basic_authentication(url: Url) -> dict[str, str]:
    """Return the Authorization header for the user name and password in an address.

    Decodes percent-encoding, as browsers do.
    """
    if url.auth is None:
        return {}
    user, _, password = url.auth.partition(":")
    credentials = unquote_to_bytes(user) + b":" + unquote_to_bytes(password)
    return {"Authorization": f"Basic {base64.b64encode(credentials).decode()}"}


def _beginning(answer: urllib3.BaseHTTPResponse, url: Url) -> str:
    """Return the text from a single read of the socket. A body may be endless, or may contradict its headers."""
    try:
        return _readable(answer.read1(4 * SHOWN_CHARACTERS), url)
    except urllib3.exceptions.HTTPError as error:
        return type(error).__name__


def _readable(body: bytes, url: Url) -> str:
    """Return the beginning of an answer without the address's secrets. Also hides a secret that is cut off."""
    text = body.decode(errors="replace")
    for secret in sorted(_secrets(url), key=len, reverse=True):
        text = text.replace(secret, "…")
        shown = (
            length for length in range(len(secret) - 1, SHOWN_SECRET_CHARACTERS, -1) if text.endswith(secret[:length])
        )
        text = text[: len(text) - next(shown, 0)]
    return "".join(character if character.isprintable() else " " for character in text[:SHOWN_CHARACTERS]).strip()


def _secrets(url: Url) -> set[str]:
    """Return the secrets in an address: user, password, path and query.

    Includes each spelling that an answer may repeat.
    """
    wholes = {part for part in (url.path, url.query, url.auth) if part and part != "/"}
    parts = {part for whole in wholes for part in re.split("[/&=:]", whole) if len(part) >= TOKEN_CHARACTERS}
    user, _, password = (url.auth or "").partition(":")
    credentials = {password or user, *_basic_authentication(url).values()}
    encoded = {credential.removeprefix("Basic ") for credential in credentials}
    decoded = {form for part in wholes | parts | encoded for form in (part, unquote(part))}
    return {
        form for part in decoded for form in (part, json.dumps(part)[1:-1], html.escape(part), quote(part, "")) if form
    }
