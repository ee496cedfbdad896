"""Searches find what a search by brute force finds, in bounded reads, whatever is written between two pages."""

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.runtime.api_errors import ApiError
from common.runtime.recognition_event import Label
from recognition.runtime.index import search_scan
from recognition.runtime.index.index_entries import SHARDS, index_confidence, rank
from recognition.runtime.index.index_reader import IndexReader
from recognition.runtime.index.search_query import Clause, SearchQuery
from recognition.runtime.index.search_scan import SearchHit
from recognition.runtime.records.image_records import ImageRecord
from tests.derived import names
from tests.findings import celebrities, moderation, words
from tests.functional.test_projection import Derivation, derivation, record

__all__ = ["derivation"]  # a fixture

NAMES = ["Dog", "Cat", "Beach", "Animal"]
LABELS = st.lists(
    st.builds(Label, name=st.sampled_from(NAMES), confidence=st.integers(70, 99).map(float)),
    max_size=4,
    unique_by=lambda label: label.name,
)
WORDS = ["dog", "INV-1", "Inv-2", "ínvoice", "2026"]
ABILITIES = st.fixed_dictionaries(
    {},
    optional={
        "text": st.builds(
            lambda texts, confidence: words(*texts, confidence=confidence),
            st.lists(st.sampled_from(WORDS), max_size=3),
            st.integers(70, 99),
        ),
        "celebrities": st.builds(celebrities, st.just("Zoé"), confidence=st.integers(70, 99)),
        "moderation": st.builds(moderation, st.just("Gore"), st.just("Violence"), confidence=st.integers(70, 99)),
    },
)
PICTURES = st.tuples(LABELS, ABILITIES)
EXACT = ["dog", "cat", "beach", "text\x1fdog", "text\x1finv-1", "celebrity\x1fzoe", "moderation\x1fviolence"]
PREFIXES = ["text\x1finv", "text\x1finv-", "text\x1f2", "text\x1fx"]
TERMS = st.builds(Clause, keys=st.sampled_from(EXACT).map(lambda key: (key,))) | st.builds(
    Clause, prefixes=st.sampled_from(PREFIXES).map(lambda prefix: (prefix,))
)
ANY = st.builds(
    Clause,
    keys=st.lists(st.sampled_from(EXACT), min_size=1, max_size=2, unique=True).map(tuple),
    prefixes=st.lists(st.sampled_from(PREFIXES), max_size=1).map(tuple),
)
SEARCHES = st.builds(
    SearchQuery,
    clauses=st.lists(TERMS, min_size=1, max_size=3, unique=True).map(tuple) | st.tuples(ANY),
    exclude=st.lists(st.just("animal"), max_size=1).map(tuple),
    min_confidence=st.sampled_from([0, 800_000]),
    since=st.sampled_from([None, "2026-11-20T09:30:05.000Z"]),
    until=st.sampled_from([None, "2026-11-20T09:30:20.000Z"]),
)


def confidence(search: SearchQuery, stored: ImageRecord) -> int | None:
    """Return the confidence of a record in a search, without the code under test. None if it does not fit."""
    found: dict[str, int] = {}
    for name, value in names(stored):
        found[name] = max(found.get(name, 0), index_confidence(value))
    asked = []
    for clause in search.clauses:
        fitting = [found[key] for key in found if key in clause.keys or any(map(key.startswith, clause.prefixes))]
        asked.append(max(fitting, default=-1))
    if min(asked) < search.min_confidence or any(name in found for name in search.exclude):
        return None
    if (search.since and stored.uploaded_at < search.since) or (search.until and stored.uploaded_at >= search.until):
        return None
    return min(asked) if stored.status == "RECOGNIZED" else None


def ranks(search: SearchQuery, records: dict[str, ImageRecord]) -> dict[str, str]:
    """Return the images that fit, with their ranks."""
    fitting = {image: confidence(search, stored) for image, stored in records.items()}
    return {image: rank(value, records[image].image_id) for image, value in fitting.items() if value is not None}


def searcher(derivation: Derivation) -> IndexReader:
    return IndexReader(derivation.dynamodb, derivation.tables["labelindex"], derivation.tables["labelcounts"])


def pages(derivation: Derivation, search: SearchQuery, limit: int, most: int) -> Iterator[list[SearchHit]]:
    """Follow a search. Each page reads at most `most` entries, and counters to choose the terms that it reads."""
    cursor = None
    prefixes = sum(len(clause.prefixes) for clause in search.clauses)
    keys = sum(len(clause.keys) for clause in search.clauses)
    while True:
        page = searcher(derivation).page(search, cursor, limit)
        counters = SHARDS * (keys + prefixes * len(WORDS))
        assert page.items_read <= most + counters
        assert len(page.hits) <= limit
        yield page.hits
        assert page.cursor is None or page.cursor != cursor
        if page.cursor is None:
            return
        cursor = page.cursor


def fill(derivation: Derivation, pictures: list[tuple[list[Label], dict[str, Any]]]) -> dict[str, ImageRecord]:
    derivation.empty()
    records = {
        f"{n}.jpg": record(f"{n}.jpg", *labels, sequencer=n, abilities=abilities)
        for n, (labels, abilities) in enumerate(pictures)
    }
    for stored in records.values():
        derivation.put(stored)
        derivation.project(stored)
    return records


@given(
    pictures=st.lists(PICTURES, max_size=24),
    searches=st.lists(SEARCHES, min_size=4, max_size=8),
    limit=st.integers(1, 5),
)
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_pages_have_each_match_once_best_first_and_read_little(
    derivation: Derivation, pictures: list[Any], searches: list[SearchQuery], limit: int
) -> None:
    records = fill(derivation, pictures)
    with mock.patch.object(search_scan, "BLOCK", 10), mock.patch.object(search_scan, "MAX_READ", 12):
        for search in searches:
            wanted = ranks(search, records)
            found = [match for page in pages(derivation, search, limit, 12) for match in page]
            assert sorted(match.item["image"] for match in found) == sorted(wanted)
            if len(search.clauses) == 1 or entries(search, records) < 10:
                assert [match.rank for match in found] == sorted(wanted.values())


def entries(search: SearchQuery, records: dict[str, ImageRecord]) -> int:
    """Return the number of entries of all terms of a search."""
    clauses = [clause for clause in search.clauses if not clause.prefixes] or search.clauses
    keys = [key for stored in records.values() for key in dict(names(stored))]
    return max(
        sum(key in clause.keys or any(map(key.startswith, clause.prefixes)) for key in keys) for clause in clauses
    )


@given(
    pictures=st.lists(PICTURES, min_size=8, max_size=16),
    writes=st.lists(st.tuples(st.integers(0, 20), PICTURES | st.none()), max_size=6),
    search=SEARCHES,
    limit=st.integers(1, 4),
)
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_unchanged_images_are_found_exactly_once_whatever_else_is_written(
    derivation: Derivation, pictures: list[Any], writes: list[tuple[int, Any]], search: SearchQuery, limit: int
) -> None:
    before = fill(derivation, pictures)
    after, changed, left = dict(before), set(), list(writes)
    found: list[str] = []
    with mock.patch.object(search_scan, "BLOCK", 12), mock.patch.object(search_scan, "MAX_READ", 30):
        for page in pages(derivation, search, limit, 30):
            found += [match.item["image"] for match in page]
            if left:
                number, picture = left.pop()
                image = f"{number}.jpg"
                labels, abilities = picture or ([], {})
                status = "RECOGNIZED" if picture else "DELETED"
                values: Any = {"status": status, "abilities": abilities}
                after[image] = record(image, *labels, sequencer=30 + len(left), **values)
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
    fill(derivation, [([common, rare] if number % 10 == 0 else [common], {}) for number in range(30)])
    search = SearchQuery(clauses=(Clause(keys=("common",)), Clause(keys=("rare",))))
    page = searcher(derivation).page(search, None, limit=100)
    assert (len(page.hits), page.items_read, page.cursor) == (3, 2 * SHARDS + 3, None)


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_labels_are_listed_with_their_counts_page_by_page(derivation: Derivation, limit: int) -> None:
    text = {"text": words("Dog", "Zebra")}
    fill(derivation, [([Label(name=name, confidence=90) for name in NAMES[: n % 5]], text) for n in range(20)])
    derivation.project(gone := record("1.jpg", status="DELETED"))
    derivation.put(gone)
    derivation.project(gone)
    listed: list[tuple[str, int]] = []
    cursor: str | None = None
    while True:
        page = searcher(derivation).labels("label", "", cursor, limit)
        assert page.items_read <= 16 * limit
        listed += page.labels
        if page.cursor is None:
            break
        cursor = page.cursor
    assert listed == [("Animal", 4), ("Beach", 8), ("Cat", 12), ("Dog", 15)]
    assert searcher(derivation).labels("label", "ca", None, limit).labels == [("Cat", 12)]
    assert searcher(derivation).labels("text", "z", None, limit).labels == [("Zebra", 19)]


def test_a_prefix_that_begins_too_many_words_is_refused_unless_another_term_drives(derivation: Derivation) -> None:
    """Words of deleted pictures do not count."""
    label = Label(name="Page", confidence=90)
    pictures = [([label], {"text": words(*(f"w{half}{number}" for number in range(60)))}) for half in "ab"]
    records = fill(derivation, pictures)
    many = Clause(prefixes=("text\x1fw",))
    with pytest.raises(ApiError, match=r"w\*, and more than 100 words begin like this; write more"):
        searcher(derivation).page(SearchQuery(clauses=(many,)), None, 10)
    for clauses in ((many, Clause(keys=("page",))), (many, Clause(prefixes=("text\x1fwa1",)))):
        page = searcher(derivation).page(SearchQuery(clauses=clauses), None, 10)
        assert page.hits
    gone = record("0.jpg", sequencer=9, status="DELETED")
    derivation.put(gone)
    derivation.project(gone)
    [hit] = searcher(derivation).page(SearchQuery(clauses=(many,)), None, 10).hits
    assert hit.item["image_id"] == records["1.jpg"].image_id
