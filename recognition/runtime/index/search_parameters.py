"""What a caller may ask of lists and searches, and the cursors with which one goes on."""

import hashlib
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from common.runtime.api_errors import bad_request
from common.runtime.pagination import is_key, made_up, read_cursor, write_cursor
from common.runtime.request_parameters import Parameter
from recognition.runtime.index.index_entries import SURE, fold, last_rank
from recognition.runtime.index.index_reader import Position, Search

MAX_LABELS = 10
MAX_LABEL = 200
RANK = re.compile(r"\d{7}#[0-9a-f-]{36}")
MOMENT = "a date such as 2026-11-20, or a time such as 2026-11-20T09:30:00Z, with %2B for a +"


def _label(text: str) -> str:
    if not 0 < len(text) <= MAX_LABEL or not is_key(fold(text)):
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
    value = int(found[1]) * (SURE // 100) + int((found[2] or "").ljust(4, "0")) if found else -1
    if not 0 <= value <= SURE:
        raise ValueError(text)
    return value


def _since(text: str) -> str:
    return _moment(text)[0]


def _until(text: str) -> str:
    """What comes after it: a date holds its whole day, a time its millisecond."""
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
        return _written(start), _written(start + length)
    except OverflowError as error:
        raise ValueError(text) from error


def _written(moment: datetime) -> str:
    """As the records have it."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


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
    about="What the names begin with; case does not matter.",
    takes=f"the beginning of a label, at most {MAX_LABEL} characters",
    schema={"type": "string", "maxLength": MAX_LABEL},
    read=_prefix,
    default="",
)
LABEL = Parameter(
    name="label",
    about="A label, or one of its parents or aliases; case does not matter.",
    takes=f"a label, 1 to {MAX_LABEL} characters",
    schema={"type": "string", "minLength": 1, "maxLength": MAX_LABEL},
    read=_label,
    required=True,
    most=MAX_LABELS,
)
MATCH = Parameter(
    name="match",
    about="Whether all of the labels must be there, or any of them.",
    takes="all or any",
    schema={"enum": ["all", "any"], "default": "all"},
    read=_one_of("all", "any"),
    default="all",
)
EXCLUDE = Parameter(
    name="exclude",
    about="A label that must not be there, however sure.",
    takes=LABEL.takes,
    schema=LABEL.schema,
    read=_label,
    most=MAX_LABELS,
)
MIN_CONFIDENCE = Parameter(
    name="min_confidence",
    about="How sure each of the labels that count must be, in per cent.",
    takes="a number from 0 to 100 with at most four decimals",
    schema={"type": "number", "minimum": 0, "maximum": 100, "multipleOf": 0.0001, "default": 0},
    read=_per_cent,
    default=0,
)
FROM = Parameter(
    name="from",
    about="Images uploaded at this time or later (UTC, unless it says otherwise).",
    takes=MOMENT,
    schema={"anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]},
    read=_since,
)
TO = Parameter(
    name="to",
    about="Images uploaded at this time or earlier; a date has its whole day.",
    takes=MOMENT,
    schema=FROM.schema,
    read=_until,
)
THUMBNAILS = Parameter(
    name="thumbnails",
    about="Adds a short-lived URL of the thumbnail, a small JPEG, to each entry that has one by now.",
    takes="true or false",
    schema={"type": "boolean", "default": False},
    read=lambda text: {"true": True, "false": False}[text],
    default=False,
)


def search_of(values: dict[str, Any]) -> Search:
    """What is asked.

    Raises:
        ApiError: 400, the times are the wrong way round.
    """
    if values["from"] and values["to"] and values["to"] <= values["from"]:
        raise bad_request("to is before from; it takes a later time")
    return Search(
        labels=tuple(dict.fromkeys(values["label"])),
        match=values["match"],
        exclude=values["exclude"],
        min_confidence=values["min_confidence"],
        since=values["from"],
        until=values["to"],
    )


def label_cursor(prefix: str, after: str) -> str:
    """Where the list of labels goes on."""
    return write_cursor(_digest(prefix), after)


def read_label(cursor: str | None, prefix: str) -> str | None:
    """The last label of the page before.

    Raises:
        ApiError: 400, the cursor is not one of ours, or of another prefix.
    """
    if cursor is None:
        return None
    digest, after = read_cursor(cursor, 2)
    if digest != _digest(prefix) or not is_key(after) or not after.startswith(prefix):
        raise made_up()
    return str(after)


def search_cursor(search: Search, position: Position) -> str:
    """Where a search goes on."""
    driver = search.labels.index(position.drivers[0])
    return write_cursor(_digest(search), driver, position.start, position.after, position.end)


def read_position(cursor: str, search: Search) -> Position:
    """Where the search goes on.

    Raises:
        ApiError: 400, the cursor is not one of ours, or of another search.
    """
    digest, driver, *places = read_cursor(cursor, 5)
    if digest != _digest(search) or type(driver) is not int or driver not in range(len(search.labels)):
        raise made_up()
    if any(place is not None and not (isinstance(place, str) and RANK.fullmatch(place)) for place in places):
        raise made_up()
    start, after, end = places
    if start and start > min(filter(None, (last_rank(search.min_confidence), end))):
        raise made_up()  # DynamoDB refuses to begin behind the end
    drivers = search.labels if search.match == "any" else (search.labels[driver],)
    return Position(drivers=drivers, start=start, after=after, end=end)


def _digest(asked: Any) -> str:
    return hashlib.sha256(repr(asked).encode()).hexdigest()[:12]
