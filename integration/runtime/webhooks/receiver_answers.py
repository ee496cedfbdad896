"""What a receiver's answer means for the document that it was offered."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

Verdict = Literal["delivered", "again", "rejected"]

RETRY_AFTER_CAP = 900
"""The longest that a receiver may ask us to wait, in seconds."""

REQUEST_TIMEOUT, TOO_EARLY, TOO_MANY_REQUESTS, UNAVAILABLE = 408, 425, 429, 503


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An HTTP answer, or with `status` None the reason why there was none. `text` is its beginning."""

    status: int | None
    text: str
    retry_after: int | None = None
    """Seconds that the receiver asks us to wait, at most RETRY_AFTER_CAP."""

    @property
    def verdict(self) -> Verdict:
        """Delivered by 2xx; to be offered again if the receiver is the cause; else the document is the cause.

        A redirect is not followed: it would turn the POST into a GET, and is a matter of the receiver's address.
        """
        if self.status is None or self.status >= 500:  # noqa: PLR2004
            return "again"
        if 200 <= self.status < 300:  # noqa: PLR2004
            return "delivered"
        return "again" if self.status in {REQUEST_TIMEOUT, TOO_EARLY, TOO_MANY_REQUESTS} else "rejected"

    @property
    def pause(self) -> int | None:
        """For how long the receiver wants no call at all, where it says so."""
        return self.retry_after if self.status in {TOO_MANY_REQUESTS, UNAVAILABLE} else None

    def __str__(self) -> str:
        if self.status is None:
            return f"the receiver did not answer: {self.text}"
        return f"the receiver answered {self.status}" + (f": {self.text}" if self.text else "")


def retry_after(header: str | None, now: datetime) -> int | None:
    """The seconds in a Retry-After header, given as a number or as a date; None if it is missing or is neither."""
    if header is None:
        return None
    if header.strip().isdecimal():
        seconds = int(header.strip()[:9])
    else:
        try:
            moment = parsedate_to_datetime(header)
        except ValueError:
            return None
        seconds = int(((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds())
    return min(max(0, seconds), RETRY_AFTER_CAP)
