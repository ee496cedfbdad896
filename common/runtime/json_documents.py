"""Read JSON objects from queues. Every unusable text raises the same error, so that it fails alone."""

import json
import math
from collections.abc import Sequence
from typing import Any

MAX_DIGITS = 20
"""No member of our documents takes a longer integer."""


class JsonDocumentError(ValueError):
    """A text is not a JSON object, or it holds absurd values."""


def read_object(text: str) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        JsonDocumentError: the text is not JSON or not an object. It may also be nested too deeply, name a member twice,
            or hold a number that is infinite or too long.
    """
    try:
        document = json.loads(
            text, object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_float
        )
    except RecursionError as error:  # not a ValueError
        raise JsonDocumentError("nested too deeply") from error
    except json.JSONDecodeError as error:
        raise JsonDocumentError(f"not JSON: {error}") from error
    if not isinstance(document, dict):
        raise JsonDocumentError("not a JSON object")
    return document


def text_of(value: object) -> str:
    """Return a member that is a text.

    Raises:
        TypeError: the value is of another type.
    """
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} instead of a text")
    return value


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise JsonDocumentError("a member is given twice")
    return members


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise JsonDocumentError(f"a number of {len(digits):,} digits")
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise JsonDocumentError("a number that is not finite")
    return number
