"""Splits lists into pages: limits, cursors and links to the next page."""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from aws_lambda_powertools.event_handler import APIGatewayRestResolver

from common.runtime.api_errors import ApiError, bad_request
from common.runtime.request_parameters import Parameter

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
MAX_KEY_BYTES = 1024  # S3's limit, which is under DynamoDB's
VERSION = 1


def is_key(value: Any) -> bool:
    """Return True if a value could be the key of an object in S3. Tables use the same keys."""
    try:
        return isinstance(value, str) and 0 < len(value.encode()) <= MAX_KEY_BYTES
    except UnicodeEncodeError:  # half of a surrogate pair
        return False


def _whole(text: str) -> int:
    if not text.isdecimal() or len(text) > len(str(MAX_LIMIT)) or not 1 <= int(text) <= MAX_LIMIT:
        raise ValueError(text)
    return int(text)


LIMIT = Parameter(
    name="limit",
    about="The maximum number of entries on a page.",
    takes=f"a whole number from 1 to {MAX_LIMIT:,}",
    schema={"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    read=_whole,
    default=DEFAULT_LIMIT,
)
CURSOR = Parameter(
    name="cursor",
    about="The place where the page begins. Take it from the header Link of the previous page, and repeat the other "
    "parameters of that page.",
    takes="the cursor from a Link of the same list",
    schema={"type": "string"},
    read=str,
)


def next_link(app: APIGatewayRestResolver, limit: int, cursor: str | None) -> dict[str, str]:
    """Return the Link header if there is a next page. The link is relative and repeats the other parameters."""
    if cursor is None:
        return {}
    given = app.current_event.get("multiValueQueryStringParameters") or {}
    return {"Link": f'<?{urlencode({**given, "limit": limit, "cursor": cursor}, doseq=True)}>; rel="next"'}


def write_cursor(*position: Any) -> str:
    """Encode a position in a list. The text is opaque to callers."""
    return base64.urlsafe_b64encode(json.dumps([VERSION, *position]).encode()).decode()


def read_cursor(cursor: str, length: int) -> list[Any]:
    """Decode a cursor. Only its length is validated.

    Raises:
        ApiError: 400, the cursor is not one of ours.
    """
    position: list[Any]
    try:
        version, *position = json.loads(base64.urlsafe_b64decode(cursor))
    except (ValueError, TypeError, RecursionError, binascii.Error) as error:
        raise made_up() from error
    if version != VERSION or len(position) != length:
        raise made_up()
    return position


def write_key(key: dict[str, str] | None, names: Sequence[str]) -> str | None:
    """Encode the named members of a table's key as a cursor. Returns None without a key."""
    return write_cursor(*(key[name] for name in names)) if key else None


def read_key(cursor: str | None, names: Sequence[str]) -> dict[str, str] | None:
    """Decode the members of a table's key from a cursor.

    Raises:
        ApiError: 400, the cursor is not one of ours.
    """
    if cursor is None:
        return None
    values = read_cursor(cursor, len(names))
    if not all(map(is_key, values)):
        raise made_up()
    return dict(zip(names, values, strict=True))


def made_up() -> ApiError:
    """Return a 400 for a cursor that is not one of ours."""
    return bad_request("cursor is not from this list; take it from the header Link of the previous page")
