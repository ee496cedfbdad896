"""Decides what happens to a sent document. The receiver's answer determines the decision."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

Verdict = Literal["delivered", "again", "rejected"]

MAX_RETRY_SECONDS = 900
"""The longest pause that a receiver may ask for."""

RETRIED = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
OVERLOADED = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
UNAUTHORIZED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An HTTP answer. Without an answer, `status` is None. `text` is the beginning of the answer, or the reason
    why there is none."""

    status: int | None
    text: str
    retry_after: int | None = None
    """Seconds that the receiver asks us to wait, at most MAX_RETRY_SECONDS."""

    @property
    def verdict(self) -> Verdict:
        """Return the document's result. It is delivered after 2xx, sent again if the receiver failed, and otherwise
        rejected.

        A redirect counts as a rejection. Following the redirect would turn the POST into a GET, and only a person can
        correct the address. An interim answer (1xx) without a final answer decides nothing.
        """
        if self.status is None or self.status < HTTPStatus.OK or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return "again"
        if is_success(self.status):
            return "delivered"
        return "again" if self.status in RETRIED else "rejected"

    @property
    def pause(self) -> int | None:
        """Return the seconds for which an overloaded receiver wants no calls. Returns None for other answers."""
        return self.retry_after if self.status in OVERLOADED else None

    @property
    def is_unauthorized(self) -> bool:
        """Return True if the receiver did not accept the signature or the address's password."""
        return self.status in UNAUTHORIZED

    def __str__(self) -> str:
        if self.status is None:
            return f"the receiver did not answer: {self.text}"
        return f"the receiver answered {self.status}" + (f": {self.text}" if self.text else "")


def is_success(status: int) -> bool:
    """Return True for 2xx."""
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES
