"""Finding images by their labels, from the index: what is read for a page does not grow with the table."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from common.runtime.dynamodb_items import from_attributes, get_items, to_attributes
from recognition.runtime.index.index_entries import SHARDS, count_key, last_rank, rank

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MAX_READ = 2_000
"""How many entries are read for one page at the most."""

BLOCK = 1_500
"""How many of them make a block, within which the order is exact; the rest is room for what comes into it later."""

SHARDS_AT_ONCE = 8


@dataclass(frozen=True, kw_only=True)
class Search:
    """What is asked. Names are folded, confidences in the index's units, times as the records have them.

    `since` and `until` are inclusive and exclusive bounds of `uploaded_at`.
    """

    labels: tuple[str, ...]
    match: Literal["all", "any"]
    exclude: tuple[str, ...] = ()
    min_confidence: int = 0
    since: str | None = None
    until: str | None = None


@dataclass(frozen=True, kw_only=True)
class Position:
    """Where a search goes on: after the entry `start` in the list of the `driver`s' entries.

    Of those up to `end` the ones up to the rank `after` were shown.
    """

    drivers: tuple[str, ...]
    start: str | None = None
    after: str | None = None
    end: str | None = None


@dataclass(frozen=True)
class Match:
    """An image that was found: its entry, where that stands, and where it stands in the answer."""

    item: dict[str, Any]
    stands: str
    rank: str
    confidence: int


@dataclass(frozen=True)
class SearchPage:
    """Part of an answer; `read` counts the items that were read for it."""

    matches: list[Match]
    following: Position | None
    read: int


@dataclass
class Reader:
    """Reads the entries of one name, the surest first, a part at a time."""

    dynamodb: "DynamoDBClient"
    table: str
    name: str
    search: Search
    reached: str | None
    """The last entry that was read."""
    end: str
    exhausted: bool = False
    read: int = 0

    def take(self, limit: int) -> list[dict[str, Any]]:
        """The next entries that fit what is asked, out of so many."""
        condition, names, values = conditions(self.search, self.name)
        answer = self.dynamodb.query(
            TableName=self.table,
            KeyConditionExpression="#label = :label AND #rank <= :end",
            ExpressionAttributeNames={"#label": "label", "#rank": "rank", **names},
            ExpressionAttributeValues=to_attributes({":label": self.name, ":end": self.end, **values}),
            Limit=limit,
            **({"FilterExpression": condition} if condition else {}),  # type: ignore[arg-type]
            **(
                {"ExclusiveStartKey": to_attributes({"label": self.name, "rank": self.reached})}  # type: ignore[arg-type]
                if self.reached
                else {}
            ),
        )
        self.read += answer["ScannedCount"]
        last = answer.get("LastEvaluatedKey")
        self.exhausted = last is None
        if last:
            self.reached = last["rank"]["S"]
        return [from_attributes(item) for item in answer["Items"]]


def conditions(search: Search, name: str) -> tuple[str, dict[str, str], dict[str, Any]]:
    """What DynamoDB is to leave out by itself, so that only what fits is sent: expression, names and values.

    The confidence of `name` itself is the range of its keys.
    """
    parts: list[str] = []
    names: dict[str, str] = {}
    values: dict[str, Any] = {}
    for number, label in enumerate(search.labels if search.match == "all" else ()):
        if label != name:
            names[f"#with{number}"] = label
            values[":least"] = search.min_confidence
            parts.append(f"confidences.#with{number} >= :least")
    for number, label in enumerate(search.exclude):
        names[f"#without{number}"] = label
        parts.append(f"attribute_not_exists(confidences.#without{number})")
    for comparison, name_of, moment in ((">=", ":since", search.since), ("<", ":until", search.until)):
        if moment:
            values[name_of] = moment
            parts.append(f"uploaded_at {comparison} {name_of}")
    return " AND ".join(parts), names, values


@dataclass(frozen=True)
class LabelSearch:
    """The index and its counts, as the API reads them."""

    dynamodb: "DynamoDBClient"
    index: str
    counts: str
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(SHARDS_AT_ONCE))

    def begin(self, search: Search) -> tuple[Position, int]:
        """Where a search begins, and how many items were read to know it: all labels' entries for any of them; for all
        of them those of the label with the fewest images."""
        labels = tuple(dict.fromkeys(search.labels))
        if search.match == "any" or len(labels) == 1:
            return Position(drivers=labels), 0
        counted = self.images(labels)
        return Position(drivers=(min(labels, key=lambda label: counted.get(label, 0)),)), SHARDS * len(labels)

    def page(self, search: Search, position: Position, *, limit: int) -> SearchPage:
        """At most `limit` images, best first: by the lowest asked confidence for all, the highest for any.

        The entries of a name are in the order of its own confidence. So those read are sorted by their rank, and one
        may be shown as soon as its rank is not beyond the last entry read: what is not read yet ranks lower. For all of
        several labels that may take more than BLOCK entries; then that block is shown in its order, and the next one
        begins behind it. Entries that were read and not shown are read again for the next page.
        """
        end = last_rank(search.min_confidence)
        if position.end:
            end = min(end, position.end)
        readers = [Reader(self.dynamodb, self.index, name, search, position.start, end) for name in position.drivers]
        most = MAX_READ if position.end else BLOCK
        size, largest = limit // len(readers) + 1, BLOCK // len(readers)
        found: list[Match] = []
        while True:
            open_readers = [reader for reader in readers if not reader.exhausted]
            left = most - sum(reader.read for reader in readers)
            frontier = min((reader.reached or "" for reader in open_readers), default=None)
            shown = sum(frontier is None or match.rank <= frontier for match in found)
            if not open_readers or left <= 0 or shown >= limit:
                break
            reader = min(open_readers, key=lambda reader: reader.reached or "")
            part = min(size, left)
            items = reader.take(part)
            if len(readers) == 1 or 2 * len(items) < part:  # else the other lists would be read further than needed
                size = min(2 * size, largest)
            found += self._matches(search, reader.name, items, position)
        found.sort(key=lambda match: match.rank)
        in_block = left <= 0 and len(readers) == 1
        sure = len(found) if frontier is None or in_block else shown
        page, rest = found[: min(limit, sure)], found[min(limit, sure) :]
        read = sum(reader.read for reader in readers)
        return SearchPage(page, _following(position, page, rest, frontier, in_block), read)

    def _matches(self, search: Search, name: str, items: list[dict[str, Any]], position: Position) -> Iterator[Match]:
        for item in items:
            confidences = item["confidences"]
            if search.match == "any":
                # Found under several of the names, an image counts once: under the one that is surest.
                if name != max(position.drivers, key=lambda label: confidences.get(label, -1)):
                    continue
                confidence = confidences[name]
            else:
                confidence = min(confidences[label] for label in search.labels)
            found = Match(item, item["rank"], rank(confidence, item["image_id"]), confidence)
            if position.after is None or found.rank > position.after:
                yield found

    def images(self, labels: tuple[str, ...]) -> dict[str, int]:
        """How many images each of the folded names has."""
        keys = [count_key(label, str(shard)) for label in labels for shard in range(SHARDS)]
        counted: dict[str, int] = {}
        for item in get_items(self.dynamodb, self.counts, keys):
            counted[item["label"]["S"]] = counted.get(item["label"]["S"], 0) + int(item["images"]["N"])
        return counted

    def labels(self, prefix: str, *, limit: int, after: str | None) -> tuple[list[tuple[str, int]], str | None, int]:
        """The next `limit` names that begin so, with their numbers of images; where to go on; items read.

        Names whose images are all gone are left out, so a page may be short.
        """
        shards = list(self._pool.map(lambda shard: self._shard(shard, prefix, limit, after), map(str, range(SHARDS))))
        counted: dict[str, tuple[str, int]] = {}
        for items, _ in shards:
            for item in items:
                spelling, images = counted.get(item["label"], (item["spelling"], 0))
                counted[item["label"]] = (spelling, images + item["images"])
        # Beyond the shard that was read the least far, other shards' counts are not complete.
        ends = [items[-1]["label"] for items, more in shards if more]
        names = sorted(name for name in counted if not ends or name <= min(ends))
        read = sum(len(items) for items, _ in shards)
        following = names[limit - 1] if len(names) > limit else (min(ends) if ends else None)
        return [counted[name] for name in names[:limit] if counted[name][1] > 0], following, read

    def _shard(self, shard: str, prefix: str, limit: int, after: str | None) -> tuple[list[dict[str, Any]], bool]:
        """The next names of one shard, and whether there are more."""
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


def _following(
    position: Position, page: list[Match], rest: list[Match], frontier: str | None, in_block: bool
) -> Position | None:
    """Where the next page begins, when this one showed `page` and left `rest`, and `frontier` was the last entry read
    (None: there are no more)."""
    first = min((match.stands for match in rest), default=None)
    if first is None or (frontier is not None and not in_block and first > frontier):
        start = frontier or position.end
        return Position(drivers=position.drivers, start=start) if start else None
    start = max((match.stands for match in page if match.stands < first), default=position.start)
    end = position.end or (frontier if in_block else None)
    return Position(drivers=position.drivers, start=start, after=page[-1].rank if page else position.after, end=end)
