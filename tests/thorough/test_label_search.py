"""Searches find what a search by brute force finds, in bounded reads, whatever is written between two pages."""

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.runtime.recognition_event import Label
from recognition.runtime.index import search_scan
from recognition.runtime.index.index_entries import SHARDS, index_confidence, rank
from recognition.runtime.index.index_reader import IndexReader
from recognition.runtime.index.search_query import SearchQuery
from recognition.runtime.index.search_scan import SearchHit
from recognition.runtime.records.image_records import ImageRecord
from tests.functional.test_projection import Derivation, derivation, record

__all__ = ["derivation"]  # a fixture

NAMES = ["Dog", "Cat", "Beach", "Animal"]
LABELS = st.lists(
    st.builds(Label, name=st.sampled_from(NAMES), confidence=st.integers(70, 99).map(float)),
    max_size=4,
    unique_by=lambda label: label.name,
)
SEARCHES = st.builds(
    SearchQuery,
    labels=st.lists(st.sampled_from(["dog", "cat", "beach"]), min_size=1, max_size=3, unique=True).map(tuple),
    match=st.sampled_from(["all", "any"]),
    exclude=st.lists(st.just("animal"), max_size=1).map(tuple),
    min_confidence=st.sampled_from([0, 800_000]),
    since=st.sampled_from([None, "2026-11-20T09:30:05.000Z"]),
    until=st.sampled_from([None, "2026-11-20T09:30:20.000Z"]),
)


def confidence(search: SearchQuery, stored: ImageRecord) -> int | None:
    """Return the confidence of a record in a search, without the code under test. None if it does not fit."""
    found = {label.name.lower(): index_confidence(label.confidence) for label in stored.labels}
    asked = [found[name] for name in search.labels if found.get(name, -1) >= search.min_confidence]
    fits = len(asked) == len(search.labels) if search.match == "all" else bool(asked)
    if not fits or any(name in found for name in search.exclude) or stored.status != "RECOGNIZED":
        return None
    if (search.since and stored.uploaded_at < search.since) or (search.until and stored.uploaded_at >= search.until):
        return None
    return min(asked) if search.match == "all" else max(asked)


def ranks(search: SearchQuery, records: dict[str, ImageRecord]) -> dict[str, str]:
    """Return the images that fit, with their ranks."""
    fitting = {image: confidence(search, stored) for image, stored in records.items()}
    return {image: rank(value, records[image].image_id) for image, value in fitting.items() if value is not None}


def searcher(derivation: Derivation) -> IndexReader:
    return IndexReader(derivation.dynamodb, derivation.tables["labelindex"], derivation.tables["labelcounts"])


def pages(derivation: Derivation, search: SearchQuery, limit: int, most: int = 8) -> Iterator[list[SearchHit]]:
    cursor = None
    while True:
        page = searcher(derivation).page(search, cursor, limit)
        counters = SHARDS * len(search.labels) if cursor is None and search.match == "all" else 0
        assert page.items_read <= most + counters
        assert len(page.hits) <= limit
        yield page.hits
        assert page.cursor is None or page.cursor != cursor
        if page.cursor is None:
            return
        cursor = page.cursor


def fill(derivation: Derivation, pictures: list[list[Label]]) -> dict[str, ImageRecord]:
    derivation.empty()
    records = {f"{n}.jpg": record(f"{n}.jpg", *labels, sequencer=n) for n, labels in enumerate(pictures)}
    for stored in records.values():
        derivation.put(stored)
        derivation.project(stored)
    return records


@given(
    pictures=st.lists(LABELS, max_size=24),
    searches=st.lists(SEARCHES, min_size=4, max_size=8),
    limit=st.integers(1, 5),
)
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_pages_have_each_match_once_best_first_and_read_little(
    derivation: Derivation, pictures: list[list[Label]], searches: list[SearchQuery], limit: int
) -> None:
    records = fill(derivation, pictures)
    with mock.patch.object(search_scan, "BLOCK", 6), mock.patch.object(search_scan, "MAX_READ", 8):
        for search in searches:
            wanted = ranks(search, records)
            found = [match for page in pages(derivation, search, limit) for match in page]
            assert sorted(match.item["image"] for match in found) == sorted(wanted)
            driven = sum(search.labels[0] in {label.name.lower() for label in r.labels} for r in records.values())
            if search.match == "any" or len(search.labels) == 1 or driven < 6:
                assert [match.rank for match in found] == sorted(wanted.values())


@given(
    pictures=st.lists(LABELS, min_size=8, max_size=16),
    writes=st.lists(st.tuples(st.integers(0, 20), LABELS | st.none()), max_size=6),
    search=SEARCHES,
    limit=st.integers(1, 4),
)
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_unchanged_images_are_found_exactly_once_whatever_else_is_written(
    derivation: Derivation, pictures: list[list[Label]], writes: list[tuple[int, Any]], search: SearchQuery, limit: int
) -> None:
    before = fill(derivation, pictures)
    after, changed, left = dict(before), set(), list(writes)
    found: list[str] = []
    with mock.patch.object(search_scan, "BLOCK", 6), mock.patch.object(search_scan, "MAX_READ", 12):
        for page in pages(derivation, search, limit, most=12):
            found += [match.item["image"] for match in page]
            if left:
                number, labels = left.pop()
                image = f"{number}.jpg"
                status = "DELETED" if labels is None else "RECOGNIZED"
                after[image] = record(image, *(labels or []), sequencer=30 + len(left), status=status)
                changed.add(image)
                derivation.put(after[image])
                derivation.project(after[image])
    unchanged = set(ranks(search, after)) - changed
    assert [image for image in found if image not in changed] == list(
        dict.fromkeys(image for image in found if image not in changed)
    )
    assert unchanged == set(found) - changed


def test_only_the_entries_of_the_rarest_label_are_read(derivation: Derivation) -> None:
    rare, common = Label(name="Rare", confidence=90), Label(name="Common", confidence=95)
    fill(derivation, [[common, rare] if number % 10 == 0 else [common] for number in range(30)])
    search = SearchQuery(labels=("common", "rare"), match="all")
    page = searcher(derivation).page(search, None, limit=100)
    assert (len(page.hits), page.items_read, page.cursor) == (3, 2 * SHARDS + 3, None)


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_labels_are_listed_with_their_counts_page_by_page(derivation: Derivation, limit: int) -> None:
    fill(derivation, [[Label(name=name, confidence=90) for name in NAMES[: number % 5]] for number in range(20)])
    derivation.project(gone := record("1.jpg", status="DELETED"))
    derivation.put(gone)
    derivation.project(gone)
    listed: list[tuple[str, int]] = []
    cursor: str | None = None
    while True:
        page = searcher(derivation).labels("", cursor, limit)
        assert page.items_read <= 16 * limit
        listed += page.labels
        if page.cursor is None:
            break
        cursor = page.cursor
    assert listed == [("Animal", 4), ("Beach", 8), ("Cat", 12), ("Dog", 15)]
    assert searcher(derivation).labels("ca", None, limit).labels == [("Cat", 12)]
