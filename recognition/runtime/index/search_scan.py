"""Read index entries until the next page of a search is certain."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from common.runtime.dynamodb_items import from_attributes, to_attributes
from recognition.runtime.index.index_entries import last_rank, rank
from recognition.runtime.index.search_cursors import SearchPosition
from recognition.runtime.index.search_query import SearchQuery, filter_expression

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MAX_READ = 2_000
"""The largest number of entries that are read for one page."""

BLOCK = 1_500
"""The number of entries in a block. Within a block the order of hits is exact. The rest of MAX_READ is for entries that
workers write into the block between two pages."""


@dataclass(frozen=True)
class SearchHit:
    """An image that fits the search. The hit has the image's entry, the rank of this entry among the entries of its
    term, and the rank and confidence of the image in the search."""

    item: dict[str, Any]
    entry_rank: str
    rank: str
    confidence: int


@dataclass
class EntryReader:
    """Reads the entries of one term. Entries with the highest confidence come first."""

    dynamodb: "DynamoDBClient"
    table: str
    key: str
    filter: tuple[str, dict[str, str], dict[str, Any]]
    reached: str | None
    """The rank of the last entry that was read."""
    end: str
    exhausted: bool = False
    items_read: int = 0

    def read(self, limit: int) -> list[dict[str, Any]]:
        """Read the next `limit` entries. Returns the entries that fit the query."""
        condition, names, values = self.filter
        more: dict[str, Any] = {"FilterExpression": condition} if condition else {}
        if self.reached:
            more["ExclusiveStartKey"] = to_attributes({"label": self.key, "rank": self.reached})
        answer = self.dynamodb.query(
            TableName=self.table,
            KeyConditionExpression="#label = :label AND #rank <= :end",
            ExpressionAttributeNames={"#label": "label", "#rank": "rank", **names},
            ExpressionAttributeValues=to_attributes({":label": self.key, ":end": self.end, **values}),
            Limit=limit,
            **more,
        )
        self.items_read += answer["ScannedCount"]
        last = answer.get("LastEvaluatedKey")
        self.exhausted = last is None
        if last:
            self.reached = last["rank"]["S"]
        return [from_attributes(item) for item in answer["Items"]]


@dataclass
class SearchScan:
    """Reads the entries for one page of a search: the entries of all terms in the clause that drives the search.

    The entries of a term are sorted by their confidence for this term. A hit is certain if it does not rank after the
    last entry that was read, because all unread entries rank after that entry. A search with several clauses may need
    more than BLOCK entries to find a certain hit. Then the scan ends with this block. Pages show the hits of the block
    in the order of their ranks, and the next block begins after it.
    """

    query: SearchQuery
    position: SearchPosition
    readers: list[EntryReader]
    hits: list[SearchHit] = field(default_factory=list)

    @classmethod
    def begin(
        cls,
        dynamodb: "DynamoDBClient",
        table: str,
        query: SearchQuery,
        position: SearchPosition,
        drivers: Sequence[str],
    ) -> "SearchScan":
        """Create a new scan of the terms `drivers`."""
        end = last_rank(query.min_confidence)
        if position.end:
            end = min(end, position.end)
        condition = filter_expression(query, position.clause)
        readers = [EntryReader(dynamodb, table, key, condition, position.start, end) for key in drivers]
        return cls(query, position, readers)

    @property
    def items_read(self) -> int:
        """The number of entries that were read."""
        return sum(reader.items_read for reader in self.readers)

    @property
    def frontier(self) -> str | None:
        """The rank up to which the entries of all terms were read. None if no term has more entries."""
        return min((reader.reached or "" for reader in self._open_readers()), default=None)

    @property
    def left(self) -> int:
        """The number of entries that the scan may still read."""
        return (MAX_READ if self.position.end else BLOCK) - self.items_read

    @property
    def is_block(self) -> bool:
        """True if the scan ended with a full block. The block contains the entries up to the frontier."""
        return self.left <= 0 and (len(self.readers) == 1 or len(self.query.clauses) > 1)

    def certain(self) -> list[SearchHit]:
        """Return the hits that no unread entry can precede, best first."""
        frontier = self.frontier
        certain = self.hits
        if frontier is not None:
            is_block = self.is_block
            certain = [hit for hit in self.hits if (hit.entry_rank if is_block else hit.rank) <= frontier]
        return sorted(certain, key=lambda hit: hit.rank)

    def run(self, limit: int) -> None:
        """Read until `limit` hits are certain, the scan has reached its limit, or there are no more entries."""
        size, largest = limit // len(self.readers) + 1, BLOCK // len(self.readers)
        while self._open_readers() and self.left > 0 and len(self.certain()) < limit:
            reader = min(self._open_readers(), key=lambda reader: reader.reached or "")
            part = min(size, self.left)
            hits = list(self._hits(reader.key, reader.read(part)))
            # If most entries of several terms are hits, a larger part would read further than necessary. The hits of
            # several clauses may stay uncertain for long.
            if len(self.readers) == 1 or len(self.query.clauses) > 1 or 2 * len(hits) < part:
                size = min(2 * size, largest)
            self.hits += hits

    def next_position(self, page: list[SearchHit]) -> SearchPosition | None:
        """Return the position after a page of certain hits, or None if the search is complete."""
        shown = {hit.rank for hit in page}
        first = min((hit.entry_rank for hit in self.hits if hit.rank not in shown), default=None)
        frontier = self.frontier
        if first is None or (frontier is not None and first > frontier):
            start = frontier or self.position.end
            return SearchPosition(clause=self.position.clause, start=start) if start else None
        return SearchPosition(
            clause=self.position.clause,
            start=max((hit.entry_rank for hit in page if hit.entry_rank < first), default=self.position.start),
            after=page[-1].rank if page else self.position.after,
            end=self.position.end or (frontier if self.is_block else None),
        )

    def _open_readers(self) -> list[EntryReader]:
        return [reader for reader in self.readers if not reader.exhausted]

    def _hits(self, key: str, items: list[dict[str, Any]]) -> Iterator[SearchHit]:
        for item in items:
            confidence = self._confidence(key, item["confidences"])
            if confidence is None:
                continue
            hit = SearchHit(item, item["rank"], rank(confidence, item["image_id"]), confidence)
            if self.position.after is None or hit.rank > self.position.after:
                yield hit

    def _confidence(self, key: str, confidences: dict[str, int]) -> int | None:
        """Return an image's confidence in the search, from its entry under the term `key`.

        Returns None if the image does not fit the search, or if its entry under another term is used instead.
        """
        surest = max((reader.key for reader in self.readers), key=lambda each: confidences.get(each, -1))
        if key != surest:
            return None
        others = [clause for number, clause in enumerate(self.query.clauses) if number != self.position.clause]
        lowest = min([confidences[key], *(clause.confidence(confidences) for clause in others)])
        return lowest if lowest >= self.query.min_confidence else None
