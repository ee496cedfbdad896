"""Read JSON objects from queues.

Every unusable text raises the same error, so only the message with this text fails.
"""

import json
import math
from collections.abc import Sequence
from typing import Any

MAX_DIGITS = 20
"""Longer integers are refused. Our documents contain no longer integers."""
MAX_SHOWN = 60
"""Messages show at most this many characters of a key."""


class JsonDocumentError(ValueError):
    """A text is not a JSON object, or contains absurd values."""


def read_object(text: str) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        JsonDocumentError: the text is not JSON or not an object. The document may also be nested too deeply, contain a
            key twice, or contain a number that is infinite or too long.
    """
    try:
        document = json.loads(
            text, object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_float
        )
    except RecursionError as error:  # not a ValueError
        raise JsonDocumentError("the JSON is nested too deeply") from error
    except json.JSONDecodeError as error:
        raise JsonDocumentError(f"the text is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise JsonDocumentError("the text is not a JSON object")
    return document


def text_of(value: object) -> str:
    """Return the value if it is a text.

    Raises:
        TypeError: the value is of another type.
    """
    if not isinstance(value, str):
        raise TypeError(f"the value is {type(value).__name__}, but must be text")
    return value


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise JsonDocumentError(f"the JSON object contains the key {name[:MAX_SHOWN]!r} twice")
        members[name] = value
    return members


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise JsonDocumentError(f"the JSON contains a number of {len(digits):,} digits")
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise JsonDocumentError("the JSON contains a number that is not finite")
    return number
