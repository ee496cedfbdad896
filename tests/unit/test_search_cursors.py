"""Cursors of searches and of lists, for arbitrary positions and for arbitrary text."""

import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.runtime.api_errors import ApiError
from recognition.runtime.index.index_entries import MAX_CONFIDENCE, last_rank, rank
from recognition.runtime.index.search_cursors import (
    SearchPosition,
    label_cursor,
    last_label,
    search_cursor,
    search_position,
)
from recognition.runtime.index.search_query import Clause, SearchQuery

NAMES = st.lists(st.text("abc é\x1f", min_size=1, max_size=5), max_size=2, unique=True).map(tuple)
QUERIES = st.builds(
    SearchQuery,
    clauses=st.lists(st.builds(Clause, keys=NAMES, prefixes=NAMES), min_size=1, max_size=4).map(tuple),
    exclude=st.lists(st.just("animal"), max_size=1).map(tuple),
    min_confidence=st.integers(0, MAX_CONFIDENCE),
)


def ranks(min_confidence: int) -> st.SearchStrategy[str]:
    confidences = st.integers(min_confidence, MAX_CONFIDENCE)
    return st.builds(lambda confidence, uuid: rank(confidence, str(uuid)), confidences, st.uuids())


RANKS = ranks(0)
ABSURD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | RANKS,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def positions(draw: st.DrawFn) -> tuple[SearchQuery, SearchPosition]:
    """Draw a search with a position that it can reach."""
    query = draw(QUERIES)
    start, end = draw(st.none() | ranks(query.min_confidence)), draw(st.none() | RANKS)
    if start and end and start > end:
        start, end = end, start
    clause = draw(st.integers(0, len(query.clauses) - 1))
    return query, SearchPosition(clause=clause, start=start, after=draw(st.none() | RANKS), end=end)


@given(positions())
def test_a_search_continues_at_the_position_of_its_cursor(drawn: tuple[SearchQuery, SearchPosition]) -> None:
    query, position = drawn
    cursor = search_cursor(query, position)
    assert cursor is not None
    assert search_position(cursor, query) == position


@given(positions(), QUERIES)
def test_another_search_refuses_a_cursor(drawn: tuple[SearchQuery, SearchPosition], other: SearchQuery) -> None:
    query, position = drawn
    cursor = search_cursor(query, position)
    assert cursor is not None
    if other != query:
        with pytest.raises(ApiError, match="cursor is not from this list"):
            search_position(cursor, other)


@given(positions(), st.data())
def test_a_changed_cursor_is_refused_or_is_the_cursor_of_a_position(
    drawn: tuple[SearchQuery, SearchPosition], data: st.DataObject
) -> None:
    """DynamoDB refuses a start after the end, so no cursor may lead there."""
    query, position = drawn
    members: list[Any] = json.loads(base64.urlsafe_b64decode(str(search_cursor(query, position))))
    members[data.draw(st.integers(0, len(members) - 1))] = data.draw(ABSURD)
    changed = base64.urlsafe_b64encode(json.dumps(members).encode()).decode()
    with suppress(ApiError):
        reached = search_position(changed, query)
        assert reached.clause in range(len(query.clauses))
        assert (reached.start or "") <= min(last_rank(query.min_confidence), reached.end or "~")


@given(
    st.sampled_from(["label", "text"]),
    st.text("abc", max_size=2),
    st.text("abc é", min_size=1, max_size=5),
    st.sampled_from(["label", "celebrity"]),
    st.text("abc", max_size=2),
)
def test_a_list_continues_behind_the_name_of_its_cursor(
    kind: str, prefix: str, name: str, other_kind: str, other: str
) -> None:
    cursor = label_cursor(kind, prefix, prefix + name)
    assert last_label(cursor, kind, prefix) == prefix + name
    if (other_kind, other) != (kind, prefix):
        with pytest.raises(ApiError, match="cursor is not from this list"):
            last_label(cursor, other_kind, other)


def test_cursors_of_the_list_of_labels_are_those_of_earlier_releases() -> None:
    assert last_label("WzEsICIzZDY4NjI0NTZiNjciLCAiZG9nIl0=", "label", "do") == "dog"


@given(st.text() | ABSURD.map(lambda each: base64.urlsafe_b64encode(json.dumps(each).encode()).decode()))
def test_text_that_is_no_cursor_is_refused(text: str) -> None:
    query = SearchQuery(clauses=(Clause(keys=("dog",)),))
    for read in (lambda: search_position(text, query), lambda: last_label(text, "label", "")):
        with pytest.raises(ApiError, match="cursor is not from this list"):
            read()
