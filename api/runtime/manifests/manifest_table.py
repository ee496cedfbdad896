"""Store the progress of manifests and the outcomes of their lines: one item per line, so a repetition changes
nothing."""

import time
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from api.runtime.manifests.manifest_lines import Rejection
from api.runtime.manifests.manifest_pieces import Position
from common.runtime.timestamps import now

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Outcome = Literal["rejected", "stored", "unchanged", "failed"]

KEPT_SECONDS = 30 * 24 * 3600
HEADER = 0
MAX_WRITES = 25  # DynamoDB's limit for BatchWriteItem


@dataclass(frozen=True)
class Manifest:
    """One version of an object in the manifest bucket."""

    key: str
    version_id: str

    @property
    def id(self) -> str:
        """The partition key of the manifest's items."""
        return f"{self.key}@{self.version_id}"


@dataclass(frozen=True)
class Progress:
    """The progress of reading a manifest: its position, counts of lines, times (ISO 8601), and the last reader."""

    offset: int
    number: int
    accepted: int
    rejected: int
    started_at: str
    reader: str = ""
    read_at: str | None = None
    finished_at: str | None = None

    @property
    def position(self) -> Position:
        """The position where reading continues."""
        return Position(self.number, self.offset)

    def further(self, end: Position, *, reader: str, accepted: int, rejected: int) -> "Progress":
        """Return the progress after more lines were read."""
        return replace(
            self,
            number=end.number,
            offset=end.offset,
            accepted=self.accepted + accepted,
            rejected=self.rejected + rejected,
            reader=reader,
        )


@dataclass(frozen=True)
class Manifests:
    """The table `Manifests`. Each manifest has one item with its progress (line 0), and one item for each outcome."""

    dynamodb: "DynamoDBClient"
    table: str

    def begin(self, manifest: Manifest) -> Progress:
        """Return the manifest's progress. Store an initial progress if none is stored."""
        first = Progress(offset=0, number=0, accepted=0, rejected=0, started_at=now())
        if self._put_new(manifest, HEADER, _attributes(first)):
            return first
        return self.progress(manifest)

    def progress(self, manifest: Manifest) -> Progress:
        """Return the progress of a manifest whose reading has begun."""
        item = self.dynamodb.get_item(TableName=self.table, Key=_key(manifest, HEADER), ConsistentRead=True)["Item"]
        counts: dict[str, Any] = {name: int(item[name]["N"]) for name in ("offset", "number", "accepted", "rejected")}
        names = ("started_at", "reader", "read_at", "finished_at")
        texts: dict[str, Any] = {name: item[name]["S"] for name in names if name in item}
        return Progress(**counts, **texts)

    def advance(self, manifest: Manifest, before: Progress, after: Progress) -> bool:
        """Save progress. Returns False if another worker saved progress since `before`."""
        try:
            self.dynamodb.put_item(
                TableName=self.table,
                Item=_item(manifest, HEADER, _attributes(after)),
                ConditionExpression="#offset = :offset AND attribute_not_exists(read_at)",
                ExpressionAttributeNames={"#offset": "offset"},
                ExpressionAttributeValues={":offset": {"N": str(before.offset)}},
            )
        except self.dynamodb.exceptions.ConditionalCheckFailedException:
            return self.progress(manifest) == after  # this call was repeated because its first answer was lost
        return True

    def finish(self, manifest: Manifest, progress: Progress) -> None:
        """Save the time of the last outcome."""
        self.dynamodb.put_item(TableName=self.table, Item=_item(manifest, HEADER, _attributes(progress)))

    def reject(self, manifest: Manifest, rejections: Collection[Rejection]) -> None:
        """Store the reasons of rejected lines."""
        requests: list[Any] = [
            {
                "PutRequest": {
                    "Item": _item(
                        manifest, each.number, {"outcome": {"S": "rejected"}, "reason": {"S": _encodable(each.reason)}}
                    )
                }
            }
            for each in rejections
        ]
        while requests:
            answer = self.dynamodb.batch_write_item(RequestItems={self.table: requests[:MAX_WRITES]})
            # Unprocessed items were throttled. botocore does not retry them.
            requests[:MAX_WRITES] = left = answer["UnprocessedItems"].get(self.table, [])
            time.sleep(0.1 if left else 0)

    def has_outcome(self, manifest: Manifest, line: int) -> bool:
        """Return whether the outcome of the line is stored."""
        return "Item" in self.dynamodb.get_item(
            TableName=self.table, Key=_key(manifest, line), ProjectionExpression="line"
        )

    def settle(self, manifest: Manifest, line: int, outcome: Outcome, *, url: str = "", reason: str = "") -> None:
        """Store the outcome of the line, unless the line has an outcome already."""
        details = {name: {"S": _encodable(text)} for name, text in (("url", url), ("reason", reason)) if text}
        self._put_new(manifest, line, {"outcome": {"S": outcome}, **details})

    def count(self, manifest: Manifest, outcome: Outcome | None = None) -> int:
        """Count the lines with this outcome, or with any outcome."""
        return sum(page["Count"] for page in self._pages(manifest, outcome, Select="COUNT"))

    def lines(self, manifest: Manifest, outcome: Outcome) -> Iterator[dict[str, Any]]:
        """Yield the lines with this outcome, in order.

        Each has its number and reason, and its URL if the line was accepted.
        """
        for page in self._pages(manifest, outcome):
            for item in page["Items"]:
                texts = {name: item[name]["S"] for name in ("url", "reason") if name in item}
                yield {"line": int(item["line"]["N"]), **texts}

    def _pages(self, manifest: Manifest, outcome: Outcome | None, **more: Any) -> Iterator[Any]:
        if outcome is not None:
            more["FilterExpression"] = "outcome = :outcome"
        values = {} if outcome is None else {":outcome": {"S": outcome}}
        return iter(
            self.dynamodb.get_paginator("query").paginate(
                TableName=self.table,
                KeyConditionExpression="manifest = :manifest AND line > :header",
                ExpressionAttributeValues={
                    ":manifest": {"S": manifest.id},
                    ":header": {"N": str(HEADER)},
                    **values,
                },
                ConsistentRead=True,
                **more,
            )
        )

    def _put_new(self, manifest: Manifest, line: int, attributes: dict[str, Any]) -> bool:
        try:
            self.dynamodb.put_item(
                TableName=self.table,
                Item=_item(manifest, line, attributes),
                ConditionExpression="attribute_not_exists(line)",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return False
            raise
        return True


def _key(manifest: Manifest, line: int) -> dict[str, Any]:
    return {"manifest": {"S": manifest.id}, "line": {"N": str(line)}}


def _item(manifest: Manifest, line: int, attributes: dict[str, Any]) -> dict[str, Any]:
    expires_at = {"N": str(int(time.time()) + KEPT_SECONDS)}
    return {**_key(manifest, line), **attributes, "expires_at": expires_at}


def _attributes(progress: Progress) -> dict[str, Any]:
    return {
        name: {"N": str(value)} if isinstance(value, int) else {"S": value}
        for name, value in asdict(progress).items()
        if value is not None
    }


def _encodable(text: str) -> str:
    """Replace single halves of surrogate pairs, because UTF-8 cannot encode them."""
    return text.encode(errors="replace").decode()
