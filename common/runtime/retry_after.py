"""Reads the Retry-After header of HTTP answers."""

from urllib3 import Retry
from urllib3.exceptions import InvalidHeader

MAX_DIGITS = 9


def retry_after_seconds(header: str | None, *, max_seconds: int) -> int | None:
    """Return how many seconds an answer asks us to wait. The result is between 0 and `max_seconds`.

    Returns None if the header is missing, or is neither a number of seconds nor a date (RFC 9110, section 10.2.3).
    Never raises: a bad header does not make the rest of the answer invalid.
    """
    if header is None:
        return None
    digits = header.strip().lstrip("0")
    if len(digits) > MAX_DIGITS and digits.isascii() and digits.isdecimal():
        return max_seconds  # urllib3 refuses numbers of more than 4,300 digits
    try:
        return round(min(Retry().parse_retry_after(header), max_seconds))
    except (InvalidHeader, ArithmeticError, LookupError, TypeError, ValueError):
        return None
