"""Declare the parameters of lists and searches."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from common.runtime.abilities import celebrities, moderation, text
from common.runtime.abilities.text import folded_prefix, folded_word
from common.runtime.api_errors import bad_request
from common.runtime.pagination import is_key
from common.runtime.request_parameters import Parameter, choice, flag
from common.runtime.timestamps import timestamp
from recognition.runtime.index.index_entries import (
    LABEL_KIND,
    MAX_CONFIDENCE,
    MAX_NAME_CHARACTERS,
    SEPARATOR,
    fold,
    term_key,
)
from recognition.runtime.index.search_query import Clause, SearchQuery

MAX_TERMS = 10
WILDCARD = "*"
MOMENT = "a date such as 2026-11-20, or a time such as 2026-11-20T09:30:00Z, with %2B for a +"


def _label(text: str) -> str:
    if not 0 < len(text) <= MAX_NAME_CHARACTERS or not is_key(fold(text)) or SEPARATOR in text:
        raise ValueError(text)
    return fold(text)


def _prefix(text: str) -> str:
    if text:
        _label(text)
    return text


def _name(kind: str) -> Callable[[str], Clause]:
    """Return a function that reads names of this kind."""

    def read(text: str) -> Clause:
        name = folded_word(text)
        if not name or not is_key(_label(text)):
            raise ValueError(text)
        return Clause(keys=(term_key(kind, name),))

    return read


def _words(given: str) -> tuple[Clause, ...]:
    """Read words. A word without a letter or digit is left out, as in the index, unless all words are like this."""
    _label(given)
    clauses = []
    for word in given.split():
        if word.endswith(WILDCARD):
            if prefix := folded_prefix(word.removesuffix(WILDCARD)):
                clauses.append(Clause(prefixes=(term_key(text.KIND, prefix),)))
        elif name := folded_word(word):
            clauses.append(Clause(keys=(term_key(text.KIND, name),)))
    if not clauses:
        raise ValueError(given)
    return tuple(clauses)


def _per_cent(text: str) -> int:
    found = re.fullmatch(r"(\d{1,3})(?:\.(\d{1,4}))?", text, re.ASCII)
    value = int(found[1]) * (MAX_CONFIDENCE // 100) + int((found[2] or "").ljust(4, "0")) if found else -1
    if not 0 <= value <= MAX_CONFIDENCE:
        raise ValueError(text)
    return value


def _since(text: str) -> str:
    return _moment(text)[0]


def _until(text: str) -> str:
    """Return the end of the day if the value is a date, or the end of the millisecond if it is a time."""
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
    about="List only labels, words or names that begin with this text. Case does not matter.",
    takes=f"the beginning of a label, at most {MAX_NAME_CHARACTERS} characters",
    schema={"type": "string", "maxLength": MAX_NAME_CHARACTERS},
    read=_prefix,
    default="",
)
LABEL = Parameter(
    name="label",
    about="A label, or one of its parents or aliases. Case does not matter.",
    takes=f"a label, 1 to {MAX_NAME_CHARACTERS} characters",
    schema={"type": "string", "minLength": 1, "maxLength": MAX_NAME_CHARACTERS},
    read=_label,
    most=MAX_TERMS,
)
TEXT = Parameter(
    name="text",
    about="A word in the picture, or several words separated by blanks. Case, accents and punctuation at a word's ends "
    "do not matter. A word with * at its end stands for all words that begin with it.",
    takes=f"words with a letter or digit, such as invoice or INV-20*, at most {MAX_NAME_CHARACTERS} characters",
    schema=LABEL.schema,
    read=_words,
    most=MAX_TERMS,
)
CELEBRITY = Parameter(
    name="celebrity",
    about="The whole name of a well-known person in the picture. Case and accents do not matter.",
    takes=f"a name, 1 to {MAX_NAME_CHARACTERS} characters",
    schema=LABEL.schema,
    read=_name(celebrities.KIND),
    most=MAX_TERMS,
)
MODERATION = Parameter(
    name="moderation",
    about="A moderation label, or its parent. Case does not matter.",
    takes=f"a moderation label, 1 to {MAX_NAME_CHARACTERS} characters",
    schema=LABEL.schema,
    read=_name(moderation.KIND),
    most=MAX_TERMS,
)
KIND = choice(
    "kind",
    "The kind of terms to list: labels, or what abilities found (words, celebrities, moderation labels).",
    LABEL_KIND,
    text.KIND,
    celebrities.KIND,
    moderation.KIND,
)
MATCH = choice(
    "match",
    "Terms are the labels, words and names. all: find images that fit all terms; the lowest confidence of these "
    "terms decides the order. any: find images that fit any of the terms; the highest confidence decides the order.",
    "all",
    "any",
)
EXCLUDE = replace(LABEL, name="exclude", about="Leave out images with this label, at any confidence.")
MIN_CONFIDENCE = Parameter(
    name="min_confidence",
    about="The lowest confidence at which a label, a word or a name counts, in per cent.",
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
THUMBNAILS = flag(
    "thumbnails", "Add a short-lived URL of the thumbnail, a small JPEG, to each entry that has a thumbnail."
)


def search_query(values: dict[str, Any]) -> SearchQuery:
    """Build the search from the values of its parameters.

    Raises:
        ApiError: 400, there is no term, there are too many terms, or `to` is before `from`.
    """
    if values["from"] and values["to"] and values["to"] <= values["from"]:
        raise bad_request("to is before from; to must be a later time")
    terms = [Clause(keys=(name,)) for name in values[LABEL.name]]
    terms += [clause for words in values[TEXT.name] for clause in words]
    terms += [*values[CELEBRITY.name], *values[MODERATION.name]]
    if not terms:
        raise bad_request(f"label, text, celebrity or moderation is missing; label must be {LABEL.takes}")
    if len(terms) > MAX_TERMS:
        raise bad_request(
            f"there are {len(terms)} labels, words and names; a search accepts at most {MAX_TERMS} together"
        )
    return SearchQuery(
        clauses=tuple(dict.fromkeys(terms)) if values["match"] == "all" else (_any(terms),),
        exclude=values["exclude"],
        min_confidence=values["min_confidence"],
        since=values["from"],
        until=values["to"],
    )


def _any(terms: Sequence[Clause]) -> Clause:
    return Clause(
        keys=tuple(dict.fromkeys(key for term in terms for key in term.keys)),
        prefixes=tuple(dict.fromkeys(prefix for term in terms for prefix in term.prefixes)),
    )


def name_prefix(kind: str, given: str) -> str:
    """Return the prefix in the form in which names of this kind are compared.

    Raises:
        ApiError: 400, the prefix has no letter or digit, but names of this kind begin with a letter or digit.
    """
    prefix = fold(given) if kind == LABEL_KIND else folded_prefix(given)
    if given and not prefix:
        raise bad_request(f"prefix must have a letter or digit for {kind}")
    return prefix
