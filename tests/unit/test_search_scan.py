"""A page of a search needs few requests, even if the entries of many terms must be read to find the best images."""

import uuid
from typing import Any

from common.runtime.dynamodb_items import to_attributes
from recognition.runtime.index.index_entries import rank
from recognition.runtime.index.search_cursors import SearchPosition
from recognition.runtime.index.search_query import Clause, SearchQuery
from recognition.runtime.index.search_scan import BLOCK, SearchScan

WORDS = [f"text\x1fa{number}" for number in range(20)]
PICTURES = 400


class Entries:
    """The entries of terms, as DynamoDB returns them. `requests` counts the queries."""

    def __init__(self, pictures: list[dict[str, int]]) -> None:
        self.entries: dict[str, list[dict[str, Any]]] = {}
        self.requests = 0
        for confidences in pictures:
            image_id = str(uuid.uuid4())
            for key, value in confidences.items():
                entry = {"label": key, "rank": rank(value, image_id), "image_id": image_id, "confidences": confidences}
                self.entries.setdefault(key, []).append(entry)

    def query(self, **request: Any) -> dict[str, Any]:
        self.requests += 1
        after = request.get("ExclusiveStartKey", {}).get("rank", {}).get("S", "")
        entries = sorted(
            self.entries[request["ExpressionAttributeValues"][":label"]["S"]], key=lambda each: each["rank"]
        )
        left = [to_attributes(entry) for entry in entries if entry["rank"] > after]
        page = left[: request["Limit"]]
        more = {"LastEvaluatedKey": {"rank": page[-1]["rank"]}} if len(left) > len(page) else {}
        return {"Items": page, "ScannedCount": len(page), **more}


def scanned(pictures: list[dict[str, int]], *prefixes: str) -> tuple[SearchScan, Entries]:
    """Search for the best picture that has words with all of these prefixes."""
    entries: Any = Entries(pictures)
    query = SearchQuery(clauses=tuple(Clause(prefixes=(prefix,)) for prefix in prefixes))
    scan = SearchScan.begin(entries, "index", query, SearchPosition(clause=0), WORDS)
    scan.run(1)
    assert scan.items_read <= BLOCK
    return scan, entries


def test_pictures_without_words_of_another_beginning_are_passed_over_quickly() -> None:
    pictures = [{word: 900_000} for word in WORDS] * (PICTURES // len(WORDS))
    scan, entries = scanned([*pictures, {WORDS[0]: 100_000, "text\x1fb": 100_000}], "text\x1fa", "text\x1fb")
    assert [hit.confidence for hit in scan.certain()] == [100_000]
    assert entries.requests <= 5 * len(WORDS)


def test_pictures_whose_other_word_is_uncertain_are_passed_over_quickly() -> None:
    pictures = [{word: 900_000, "text\x1fb": 100_000 + number} for number, word in enumerate(WORDS * 20)]
    scan, entries = scanned(pictures, "text\x1fa", "text\x1fb")
    assert scan.certain()[0].confidence == 100_000 + len(pictures) - 1
    assert entries.requests <= 5 * len(WORDS)


def test_pictures_with_many_words_of_one_beginning_are_passed_over_quickly() -> None:
    """Each of them is a hit under one word only."""
    pictures = [{word: 900_000 - number for number, word in enumerate(WORDS)} for _ in range(PICTURES // len(WORDS))]
    scan, entries = scanned(pictures, "text\x1fa")
    assert scan.certain()[0].confidence == 900_000
    assert entries.requests <= 5 * len(WORDS)
