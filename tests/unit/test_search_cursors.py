"""Cursors of searches and of the list of labels, for arbitrary positions and for arbitrary text."""

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
from recognition.runtime.index.search_query import SearchQuery

LABELS = st.lists(st.text("abc é", min_size=1, max_size=5), min_size=1, max_size=4, unique=True).map(tuple)
QUERIES = st.builds(
    SearchQuery,
    labels=LABELS,
    match=st.sampled_from(["all", "any"]),
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
    drivers = query.labels if query.match == "any" else (draw(st.sampled_from(query.labels)),)
    return query, SearchPosition(drivers=drivers, start=start, after=draw(st.none() | RANKS), end=end)


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
        with pytest.raises(ApiError, match="cursor is not from a Link"):
            search_position(cursor, other)


@given(positions(), st.data())
def test_a_changed_cursor_is_refused_or_is_the_cursor_of_a_position(
    drawn: tuple[SearchQuery, SearchPosition], data: st.DataObject
) -> None:
    """DynamoDB refuses a start behind the end, so no cursor may lead there."""
    query, position = drawn
    members: list[Any] = json.loads(base64.urlsafe_b64decode(str(search_cursor(query, position))))
    members[data.draw(st.integers(0, len(members) - 1))] = data.draw(ABSURD)
    changed = base64.urlsafe_b64encode(json.dumps(members).encode()).decode()
    with suppress(ApiError):
        reached = search_position(changed, query)
        assert set(reached.drivers) <= set(query.labels)
        assert (reached.start or "") <= min(last_rank(query.min_confidence), reached.end or "~")


@given(st.text("abc", max_size=2), st.text("abc é", min_size=1, max_size=5), st.text("abc", max_size=2))
def test_the_list_of_labels_continues_behind_the_label_of_its_cursor(prefix: str, label: str, other: str) -> None:
    cursor = label_cursor(prefix, prefix + label)
    assert last_label(cursor, prefix) == prefix + label
    if other != prefix:
        with pytest.raises(ApiError, match="cursor is not from a Link"):
            last_label(cursor, other)


@given(st.text() | ABSURD.map(lambda each: base64.urlsafe_b64encode(json.dumps(each).encode()).decode()))
def test_text_that_is_no_cursor_is_refused(text: str) -> None:
    query = SearchQuery(labels=("dog",), match="all")
    for read in (lambda: search_position(text, query), lambda: last_label(text, "")):
        with pytest.raises(ApiError, match="cursor is not from a Link"):
            read()
