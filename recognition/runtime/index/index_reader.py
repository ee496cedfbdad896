"""Search the label index and list its terms. The cost of a page does not grow with the table."""

import dataclasses
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from common.runtime.api_errors import ApiError, bad_request
from common.runtime.dynamodb_items import from_attributes, get_items, to_attributes
from recognition.runtime.index.index_entries import (
    SHARDS,
    count_key,
    count_partition,
    counted_key,
    kind_and_name,
    term_key,
)
from recognition.runtime.index.search_cursors import (
    SearchPosition,
    label_cursor,
    last_label,
    search_cursor,
    search_position,
)
from recognition.runtime.index.search_query import SearchQuery
from recognition.runtime.index.search_scan import SearchHit, SearchScan

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MAX_PARALLEL_SHARDS = 8

MAX_DRIVERS = 100
"""The largest number of terms for which a search reads entries. A prefix that begins more words is refused."""

MAX_SHARD_WORDS = 125
"""The number of counters that a search reads in each shard to find the words with a prefix. Some may be zero."""


@dataclass(frozen=True)
class SearchPage:
    """One page of a search. `items_read` counts the items that were read for it."""

    hits: list[SearchHit]
    cursor: str | None
    items_read: int


@dataclass(frozen=True)
class LabelPage:
    """One page of the list of labels: each label in Rekognition's spelling, with its number of images."""

    labels: list[tuple[str, int]]
    cursor: str | None
    items_read: int


@dataclass(frozen=True)
class Driver:
    """A clause with its terms. It also has the number of images of each term that a prefix found.

    If the clause has too many terms for a search to read all entries, `is_complete` is False.
    """

    clause: int
    images: dict[str, int]
    is_complete: bool
    items_read: int


@dataclass(frozen=True)
class IndexReader:
    """Reads the tables `LabelIndex` and `LabelCounts`."""

    dynamodb: "DynamoDBClient"
    index: str
    counts: str
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(MAX_PARALLEL_SHARDS))

    def page(self, query: SearchQuery, cursor: str | None, limit: int) -> SearchPage:
        """Find the next `limit` images, best first.

        Images are ranked by the lowest confidence of the clauses. A clause has the highest confidence of its terms.

        Raises:
            ApiError: 400, the cursor is not one of ours, or belongs to another search, or a prefix begins too many
                words.
        """
        if cursor is None:
            driver = self._begin(query)
            position = SearchPosition(clause=driver.clause)
        else:
            position = search_position(cursor, query)
            driver = self._driver(query, position.clause)
        if not driver.is_complete:
            raise _too_many_words(query)
        if not driver.images:
            return SearchPage([], None, driver.items_read)
        scan = SearchScan.begin(self.dynamodb, self.index, query, position, list(driver.images))
        scan.run(limit)
        hits = scan.certain()[:limit]
        return SearchPage(hits, search_cursor(query, scan.next_position(hits)), driver.items_read + scan.items_read)

    def _begin(self, query: SearchQuery) -> "Driver":
        """Choose the clause with the fewest images. Choose a clause with prefixes only if all clauses have prefixes."""
        exact = [number for number, clause in enumerate(query.clauses) if not clause.prefixes]
        if len(exact) == 1 or len(query.clauses) == 1:
            return self._driver(query, exact[0] if exact else 0)
        if exact:
            images = self.count_images([key for number in exact for key in query.clauses[number].keys])
            fewest = min(exact, key=lambda number: sum(images.get(key, 0) for key in query.clauses[number].keys))
            read = SHARDS * sum(len(query.clauses[number].keys) for number in exact)
            return dataclasses.replace(self._driver(query, fewest), items_read=read)
        drivers = [self._driver(query, number) for number in range(len(query.clauses))]
        best = min(drivers, key=lambda driver: (not driver.is_complete, sum(driver.images.values())))
        return dataclasses.replace(best, items_read=sum(driver.items_read for driver in drivers))

    def _driver(self, query: SearchQuery, number: int) -> "Driver":
        """Find the terms of a clause: the terms that the clause names, and the terms that begin with its prefixes."""
        clause = query.clauses[number]
        found = dict.fromkeys(clause.keys, 0)
        is_complete, items_read = True, 0
        for prefix in clause.prefixes:
            kind, beginning = kind_and_name(prefix)
            for items, has_more in self._shards(kind, beginning, None, MAX_SHARD_WORDS):
                items_read += len(items)
                is_complete = is_complete and not has_more
                for item in items:
                    if item["images"] > 0:
                        key = term_key(kind, item["label"])
                        found[key] = found.get(key, 0) + item["images"]
        return Driver(number, found, is_complete and len(found) <= MAX_DRIVERS, items_read)

    def count_images(self, keys: Sequence[str]) -> dict[str, int]:
        """Count the images of each term."""
        counters = [count_key(key, str(shard)) for key in keys for shard in range(SHARDS)]
        images: dict[str, int] = {}
        for item in get_items(self.dynamodb, self.counts, counters):
            key = counted_key(item["shard"]["S"], item["label"]["S"])
            images[key] = images.get(key, 0) + int(item["images"]["N"])
        return images

    def labels(self, kind: str, prefix: str, cursor: str | None, limit: int) -> LabelPage:
        """List the next `limit` terms of a kind (labels, words or names) that begin with a prefix.

        A label without images is left out, so a page may be short.

        Raises:
            ApiError: 400, the cursor is not one of ours, or belongs to another kind or prefix.
        """
        after = last_label(cursor, kind, prefix)
        shards = self._shards(kind, prefix, after, limit)
        found: dict[str, tuple[str, int]] = {}
        for items, _ in shards:
            for item in items:
                spelling, images = found.get(item["label"], (item["spelling"], 0))
                found[item["label"]] = (spelling, images + item["images"])
        # After the last name that was read from a shard with more items, the counts of all shards are incomplete.
        ends = [items[-1]["label"] for items, has_more in shards if has_more]
        names = sorted(name for name in found if not ends or name <= min(ends))
        last = names[limit - 1] if len(names) > limit else min(ends, default=None)
        page = [found[name] for name in names[:limit] if found[name][1] > 0]
        return LabelPage(page, label_cursor(kind, prefix, last), sum(len(items) for items, _ in shards))

    def _shards(self, kind: str, prefix: str, after: str | None, limit: int) -> list[tuple[list[dict[str, Any]], bool]]:
        """Read the next counters of a kind, at most `limit` from each shard."""
        shards = map(str, range(SHARDS))
        return list(self._pool.map(lambda shard: self._shard(kind, shard, prefix, after, limit), shards))

    def _shard(
        self, kind: str, shard: str, prefix: str, after: str | None, limit: int
    ) -> tuple[list[dict[str, Any]], bool]:
        """Read the next counters of one shard. Returns the items, and True if the shard has more."""
        values = {":shard": count_partition(kind, shard), **({":prefix": prefix} if prefix else {})}
        start = {"ExclusiveStartKey": count_key(term_key(kind, after), shard)} if after else {}
        answer = self.dynamodb.query(
            TableName=self.counts,
            KeyConditionExpression="#shard = :shard" + (" AND begins_with(#label, :prefix)" if prefix else ""),
            ExpressionAttributeNames={"#shard": "shard", **({"#label": "label"} if prefix else {})},
            ExpressionAttributeValues=to_attributes(values),
            Limit=limit,
            **start,  # type: ignore[arg-type]
        )
        return [from_attributes(item) for item in answer["Items"]], "LastEvaluatedKey" in answer


def _too_many_words(query: SearchQuery) -> ApiError:
    prefixes = [kind_and_name(prefix)[1] for clause in query.clauses for prefix in clause.prefixes]
    beginnings = " and ".join(f"{prefix}*" for prefix in prefixes)
    return bad_request(
        f"text has {beginnings}, and more than {MAX_DRIVERS} words begin like this; write more letters, or add a label "
        "or a whole word to the search"
    )
