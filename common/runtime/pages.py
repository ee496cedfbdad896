"""Lists in pages: how many entries, and where the next page begins."""

import base64
import binascii
import json
from collections.abc import Sequence
from urllib.parse import urlencode

from http_api import bad_request, parse_json

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
MAX_KEY_BYTES = 1024  # S3's limit, which is under DynamoDB's


def to_limit(text: str | None) -> int:
    """The `limit` of a call.

    Raises:
        ApiError: 400, it is none.
    """
    if text is None:
        return DEFAULT_LIMIT
    if not text.isdecimal() or len(text) > len(str(MAX_LIMIT)) or not 1 <= int(text) <= MAX_LIMIT:
        raise bad_request(f"limit takes a whole number from 1 to {MAX_LIMIT:,}")
    return int(text)


def is_key(value: object) -> bool:
    """Whether it could be an object's key, and so a key of a table."""
    try:
        return isinstance(value, str) and 0 < len(value.encode()) <= MAX_KEY_BYTES
    except UnicodeEncodeError:  # half of a surrogate pair
        return False


def next_link(last_key: dict[str, str], names: Sequence[str], **query: str | int) -> dict[str, str]:
    """The header that leads to the page after the one that ended with this key, of which it holds what is named."""
    cursor = base64.urlsafe_b64encode(json.dumps([1, *(last_key[name] for name in names)]).encode()).decode()
    return {"Link": f'<?{urlencode({**query, "cursor": cursor})}>; rel="next"'}


def to_key(cursor: str | None, names: Sequence[str]) -> dict[str, str] | None:
    """The key that a page's cursor holds.

    Raises:
        ApiError: 400, no Link held this cursor.
    """
    if cursor is None:
        return None
    try:
        version, *values = parse_json(base64.urlsafe_b64decode(cursor))
        if version != 1 or len(values) != len(names) or not all(map(is_key, values)):
            raise ValueError(cursor)
    except (ValueError, TypeError, binascii.Error) as error:
        raise bad_request("cursor is not one that a Link of this list held") from error
    return dict(zip(names, values, strict=True))
