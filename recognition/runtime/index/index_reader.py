"""Search the label index and list its labels. The cost of a page does not grow with the table."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from common.runtime.dynamodb_items import from_attributes, get_items, to_attributes
from recognition.runtime.index.index_entries import SHARDS, count_key
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


@dataclass(frozen=True)
class SearchPage:
    """One page of a search. `items_read` counts the items that were read for it."""

    hits: list[SearchHit]
    cursor: str | None
    items_read: int


@dataclass(frozen=True)
class LabelPage:
    """One page of the list of labels: labels in Rekognition's spelling with their numbers of images."""

    labels: list[tuple[str, int]]
    cursor: str | None
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

        Their rank is the lowest confidence of the labels for `all`, and the highest for `any`.

        Raises:
            ApiError: 400, the cursor is not one of ours, or belongs to another search.
        """
        items_read = 0
        if cursor is None:
            position, items_read = self._begin(query)
        else:
            position = search_position(cursor, query)
        scan = SearchScan.begin(self.dynamodb, self.index, query, position)
        scan.run(limit)
        hits = scan.certain()[:limit]
        return SearchPage(hits, search_cursor(query, scan.next_position(hits)), items_read + scan.items_read)

    def _begin(self, query: SearchQuery) -> tuple[SearchPosition, int]:
        """Return the first position of a search, and the number of items that were read to choose it.

        A search for any label reads the entries of all labels. A search for all labels reads those of the rarest one.
        """
        labels = tuple(dict.fromkeys(query.labels))
        if query.match == "any" or len(labels) == 1:
            return SearchPosition(drivers=labels), 0
        images = self.count_images(labels)
        rarest = min(labels, key=lambda label: images.get(label, 0))
        return SearchPosition(drivers=(rarest,)), SHARDS * len(labels)

    def count_images(self, labels: Sequence[str]) -> dict[str, int]:
        """Count the images of each folded label."""
        keys = [count_key(label, str(shard)) for label in labels for shard in range(SHARDS)]
        images: dict[str, int] = {}
        for item in get_items(self.dynamodb, self.counts, keys):
            images[item["label"]["S"]] = images.get(item["label"]["S"], 0) + int(item["images"]["N"])
        return images

    def labels(self, prefix: str, cursor: str | None, limit: int) -> LabelPage:
        """List the next `limit` labels that begin with a prefix.

        A label without images is left out, so a page may be short.

        Raises:
            ApiError: 400, the cursor is not one of ours, or belongs to another prefix.
        """
        after = last_label(cursor, prefix)
        shards = list(self._pool.map(lambda shard: self._shard(shard, prefix, after, limit), map(str, range(SHARDS))))
        found: dict[str, tuple[str, int]] = {}
        for items, _ in shards:
            for item in items:
                spelling, images = found.get(item["label"], (item["spelling"], 0))
                found[item["label"]] = (spelling, images + item["images"])
        # Behind the end of a shard that has more items, the counts of the other shards are incomplete.
        ends = [items[-1]["label"] for items, has_more in shards if has_more]
        names = sorted(name for name in found if not ends or name <= min(ends))
        last = names[limit - 1] if len(names) > limit else min(ends, default=None)
        page = [found[name] for name in names[:limit] if found[name][1] > 0]
        return LabelPage(page, label_cursor(prefix, last), sum(len(items) for items, _ in shards))

    def _shard(self, shard: str, prefix: str, after: str | None, limit: int) -> tuple[list[dict[str, Any]], bool]:
        """Read the next labels of one shard. Returns its items, and True if it has more."""
        values = {":shard": shard, **({":prefix": prefix} if prefix else {})}
        answer = self.dynamodb.query(
            TableName=self.counts,
            KeyConditionExpression="#shard = :shard" + (" AND begins_with(#label, :prefix)" if prefix else ""),
            ExpressionAttributeNames={"#shard": "shard", **({"#label": "label"} if prefix else {})},
            ExpressionAttributeValues=to_attributes(values),
            Limit=limit,
            **({"ExclusiveStartKey": count_key(after, shard)} if after else {}),  # type: ignore[arg-type]
        )
        return [from_attributes(item) for item in answer["Items"]], "LastEvaluatedKey" in answer
