"""Declare the parameters of lists and searches."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from common.runtime.api_errors import bad_request
from common.runtime.pagination import is_key
from common.runtime.request_parameters import Parameter
from common.runtime.timestamps import timestamp
from recognition.runtime.index.index_entries import MAX_CONFIDENCE, fold
from recognition.runtime.index.search_query import SearchQuery

MAX_LABELS = 10
MAX_LABEL_CHARACTERS = 200
MOMENT = "a date such as 2026-11-20, or a time such as 2026-11-20T09:30:00Z, with %2B for a +"


def _label(text: str) -> str:
    if not 0 < len(text) <= MAX_LABEL_CHARACTERS or not is_key(fold(text)):
        raise ValueError(text)
    return fold(text)


def _prefix(text: str) -> str:
    return _label(text) if text else text


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(text)
        return text

    return read


def _per_cent(text: str) -> int:
    found = re.fullmatch(r"(\d{1,3})(?:\.(\d{1,4}))?", text, re.ASCII)
    value = int(found[1]) * (MAX_CONFIDENCE // 100) + int((found[2] or "").ljust(4, "0")) if found else -1
    if not 0 <= value <= MAX_CONFIDENCE:
        raise ValueError(text)
    return value


def _since(text: str) -> str:
    return _moment(text)[0]


def _until(text: str) -> str:
    """Return the end of a date's day, or of a time's millisecond."""
    return _moment(text)[1]


def _moment(text: str) -> tuple[str, str]:
    try:
        if len(text) == len("2026-11-20"):
            day = date.fromisoformat(text)
            start = datetime(day.year, day.month, day.day, tzinfo=UTC)
            length = timedelta(days=1)
        else:
            start = datetime.fromisoformat(text)
            start = start.astimezone(UTC) if start.tzinfo else start.replace(tzinfo=UTC)
            length = timedelta(milliseconds=1)
        return timestamp(start), timestamp(start + length)
    except OverflowError as error:
        raise ValueError(text) from error


NAME = Parameter(
    name="name",
    about="The image's name, which is its key in the bucket.",
    takes="an image's name",
    schema={"type": "string", "minLength": 1},
    read=str,
    required=True,
)
PREFIX = Parameter(
    name="prefix",
    about="The beginning of the labels. Case does not matter.",
    takes=f"the beginning of a label, at most {MAX_LABEL_CHARACTERS} characters",
    schema={"type": "string", "maxLength": MAX_LABEL_CHARACTERS},
    read=_prefix,
    default="",
)
LABEL = Parameter(
    name="label",
    about="A label, or one of its parents or aliases. Case does not matter.",
    takes=f"a label, 1 to {MAX_LABEL_CHARACTERS} characters",
    schema={"type": "string", "minLength": 1, "maxLength": MAX_LABEL_CHARACTERS},
    read=_label,
    required=True,
    most=MAX_LABELS,
)
MATCH = Parameter(
    name="match",
    about="Find images with all of the labels, or with any of them.",
    takes="all or any",
    schema={"enum": ["all", "any"], "default": "all"},
    read=_one_of("all", "any"),
    default="all",
)
EXCLUDE = Parameter(
    name="exclude",
    about="Leave out images with this label, at any confidence.",
    takes=LABEL.takes,
    schema=LABEL.schema,
    read=_label,
    most=MAX_LABELS,
)
MIN_CONFIDENCE = Parameter(
    name="min_confidence",
    about="The lowest confidence at which a label counts, in per cent.",
    takes="a number from 0 to 100 with at most four decimals",
    schema={"type": "number", "minimum": 0, "maximum": 100, "multipleOf": 0.0001, "default": 0},
    read=_per_cent,
    default=0,
)
FROM = Parameter(
    name="from",
    about="Find images uploaded at this time or later. The time is in UTC unless it names another zone.",
    takes=MOMENT,
    schema={"anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]},
    read=_since,
)
TO = Parameter(
    name="to",
    about="Find images uploaded at this time or earlier. A date includes its whole day.",
    takes=MOMENT,
    schema=FROM.schema,
    read=_until,
)
THUMBNAILS = Parameter(
    name="thumbnails",
    about="Add a short-lived URL of the thumbnail, a small JPEG, to each entry that has a thumbnail.",
    takes="true or false",
    schema={"type": "boolean", "default": False},
    read=lambda text: {"true": True, "false": False}[text],
    default=False,
)


def search_query(values: dict[str, Any]) -> SearchQuery:
    """Build the search from the values of its parameters.

    Raises:
        ApiError: 400, `to` is before `from`.
    """
    if values["from"] and values["to"] and values["to"] <= values["from"]:
        raise bad_request("to is before from; it takes a later time")
    return SearchQuery(
        labels=tuple(dict.fromkeys(values["label"])),
        match=values["match"],
        exclude=values["exclude"],
        min_confidence=values["min_confidence"],
        since=values["from"],
        until=values["to"],
    )
