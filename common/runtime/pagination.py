"""Lists in pages: how many entries they have, and the cursors with which one goes on."""

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
    """Whether it could be an object's key, and so a key of a table."""
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
    about="How many entries a page has at the most.",
    takes=f"a whole number from 1 to {MAX_LIMIT:,}",
    schema={"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    read=_whole,
    default=DEFAULT_LIMIT,
)
CURSOR = Parameter(
    name="cursor",
    about="Where to go on: as in the Link of the page before, whose other parameters must be repeated.",
    takes="what a Link of the same list held",
    schema={"type": "string"},
    read=str,
)


def next_link(app: APIGatewayRestResolver, limit: int, cursor: str | None) -> dict[str, str]:
    """The header that leads to the next page, if there is one: a relative Link, which repeats what was asked."""
    if cursor is None:
        return {}
    given = app.current_event.get("multiValueQueryStringParameters") or {}
    return {"Link": f'<?{urlencode({**given, "limit": limit, "cursor": cursor}, doseq=True)}>; rel="next"'}


def write_cursor(*place: Any) -> str:
    """A place in a list, opaque to the caller."""
    return base64.urlsafe_b64encode(json.dumps([VERSION, *place]).encode()).decode()


def read_cursor(cursor: str, length: int) -> list[Any]:
    """The place, of which nothing but its length is known to be right.

    Raises:
        ApiError: 400, the cursor is not one of ours.
    """
    place: list[Any]
    try:
        version, *place = json.loads(base64.urlsafe_b64decode(cursor))
    except (ValueError, TypeError, RecursionError, binascii.Error) as error:
        raise made_up() from error
    if version != VERSION or len(place) != length:
        raise made_up()
    return place


def write_key(key: dict[str, str] | None, names: Sequence[str]) -> str | None:
    """A cursor with what is named of a table's key; none, if there is no key."""
    return write_cursor(*(key[name] for name in names)) if key else None


def read_key(cursor: str | None, names: Sequence[str]) -> dict[str, str] | None:
    """What the cursor holds of a table's key.

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
    """400: a cursor is not one of ours."""
    return bad_request("cursor is not one that a Link of this list held")
