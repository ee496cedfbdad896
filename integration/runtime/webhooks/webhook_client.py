"""One POST, whatever the receiver does: an answer, or why there was none."""

import queue
import re
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import unquote

import certifi
import urllib3

from integration.runtime.webhooks.receiver_answers import Answer, retry_after

CONNECT_SECONDS = 5
READ_SECONDS = 10
DEADLINE_SECONDS = 15
"""For the whole of it."""

SHOWN_CHARACTERS = 300
TOKEN_CHARACTERS = 8
"""A part of an address that has so many may be a token; shorter ones are words such as `hooks`."""


class Poster:
    """Keeps connections open; threads may share it. It follows no redirect and tries nothing twice."""

    def __init__(self) -> None:
        # Not requests, as for fetching: its import would add a quarter to this function's cold start.
        self._http = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
            retries=False,
            maxsize=10,
            ca_certs=certifi.where(),
        )

    def post(self, address: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """What came of it, at the latest after DEADLINE_SECONDS."""
        answers: queue.SimpleQueue[Answer | Exception] = queue.SimpleQueue()

        def attempt() -> None:
            try:
                answers.put(self._post(address, body, headers))
            except Exception as error:  # noqa: BLE001 - raised again by who waits
                answers.put(error)

        # Sockets time out between two bytes, never over a whole answer: a receiver that sends its headers one by one
        # could hold us until Lambda ends the invocation. So somebody else reads them.
        threading.Thread(target=attempt, daemon=True).start()
        try:
            answer = answers.get(timeout=DEADLINE_SECONDS)
        except queue.Empty:
            return Answer(status=None, text=f"no answer within {DEADLINE_SECONDS} s")
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _post(self, address: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        try:
            answer = self._http.request(
                "POST",
                address,
                body=body,
                headers=headers,
                redirect=False,
                preload_content=False,
            )
            delivered = 200 <= answer.status < 300  # noqa: PLR2004
            # What one read of the socket gives: the beginning is enough, and a body may be endless.
            text = "" if delivered else _readable(answer.read1(4 * SHOWN_CHARACTERS), address)
            answer.close()
        except urllib3.exceptions.HTTPError as error:
            return Answer(status=None, text=type(error).__name__)
        return Answer(
            status=answer.status,
            text=text,
            retry_after=retry_after(answer.headers.get("Retry-After"), datetime.now(UTC)),
        )


def _readable(body: bytes, address: str) -> str:
    """The beginning of an answer, without what it repeats of the address: path and query may hold a token."""
    url = urllib3.util.parse_url(address)
    wholes = {part for part in (url.path, url.query) if part and part != "/"}
    parts = {part for whole in wholes for part in re.split("[/&=]", whole) if len(part) >= TOKEN_CHARACTERS}
    text = body.decode(errors="replace")
    for secret in sorted({form for part in wholes | parts for form in (part, unquote(part))}, key=len, reverse=True):
        text = text.replace(secret, "…")
    return "".join(character if character.isprintable() else " " for character in text[:SHOWN_CHARACTERS]).strip()
