"""Finds the images that lack results of enabled abilities, and calculates the cost of the missing calls."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from botocore.exceptions import ClientError

from cli.record_differences import batches
from cli.s3_notifications import CREATED, next_sequencer, notification
from common.prices import cost_of
from common.runtime.abilities.asked import asked_by
from common.runtime.abilities.enabled import EnabledAbility

READERS = 8
HEADS_PER_BATCH = 200


@dataclass(frozen=True)
class IncompleteImage:
    """A recognised image, and the enabled abilities that have no result in its record."""

    image: str
    size: int | None
    sequencer: str
    lacking: tuple[str, ...]

    def notification(self, bucket: str) -> str:
        """Return the S3 notification that makes the worker ask for the abilities."""
        return notification(
            bucket,
            self.image,
            CREATED,
            datetime.now(UTC),
            sequencer=next_sequencer(self.sequencer),
            size=self.size,
            abilities=self.lacking,
        )


@dataclass(frozen=True)
class AbilityBacklog:
    """Compares the table of records with the enabled abilities. With `again`, all results count as lacking."""

    s3: Any
    dynamodb: Any
    bucket: str
    records_table: str
    enabled: Mapping[str, EnabledAbility]
    again: bool = False

    def images(self, advance: Callable[[int], None]) -> Iterator[IncompleteImage]:
        """Yield the images that lack an ability, if the setting or the image's upload asks for the ability.

        An ability also counts as lacking if it was refused for a reason that may not be the picture.
        `advance` is called with the number of records that were read.
        """
        with ThreadPoolExecutor(READERS) as pool:
            for batch in batches(self._recognized(advance), HEADS_PER_BATCH):
                yield from (image for image in pool.map(self._wanted, batch) if image.lacking)

    def _recognized(self, advance: Callable[[int], None]) -> Iterator[IncompleteImage]:
        from common.runtime.dynamodb_items import from_attributes

        names = {f"#{index}": name for index, name in enumerate(self.enabled)}
        results = [f"abilities.{alias}.{member}" for alias in names for member in ("#status", "failure")]
        pages = self.dynamodb.get_paginator("scan").paginate(
            TableName=self.records_table,
            ProjectionExpression=", ".join(["image", "#size", "sequencer", "#status", *results]),
            FilterExpression="#status = :recognized",
            ExpressionAttributeNames={"#size": "size", "#status": "status", **names},
            ExpressionAttributeValues={":recognized": {"S": "RECOGNIZED"}},
        )
        for page in pages:
            advance(page["ScannedCount"])
            for item in map(from_attributes, page["Items"]):
                lacking = tuple(name for name in self.enabled if self._lacks(item.get("abilities", {}).get(name), name))
                if lacking:
                    yield IncompleteImage(item["image"], item.get("size"), item["sequencer"], lacking)

    def _lacks(self, result: dict[str, Any] | None, name: str) -> bool:
        if not result or self.again:
            return True
        return (result.get("failure") or {}).get("code") in self.enabled[name].ability.refusals

    def _wanted(self, image: IncompleteImage) -> IncompleteImage:
        """Return the image with only the abilities that the setting or the image's upload asks for."""
        by_name = {name for name in image.lacking if self.enabled[name].is_wanted(image.image, ())}
        wanted = by_name if by_name == {*image.lacking} else by_name | self._asked(image.image)
        lacking = tuple(name for name in image.lacking if name in wanted)
        return IncompleteImage(image.image, image.size, image.sequencer, lacking)

    def _asked(self, image: str) -> frozenset[str]:
        try:
            metadata = self.s3.head_object(Bucket=self.bucket, Key=image)["Metadata"]
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != HTTPStatus.NOT_FOUND:
                raise
            return frozenset()
        return asked_by(metadata)


@dataclass(frozen=True)
class BacklogSize:
    """The number of pictures of a backlog, and the calls of each ability."""

    pictures: int
    calls: Mapping[str, int]

    @classmethod
    def of(cls, images: Iterable[IncompleteImage]) -> "BacklogSize":
        """Count the images."""
        pictures, calls = 0, Counter[str]()
        for image in images:
            pictures += 1
            calls.update(image.lacking)
        return cls(pictures, calls)

    def dollars(self, calls_this_month: int) -> Decimal:
        """Return the highest possible cost, in US dollars. A picture with a stored answer costs nothing."""
        return cost_of(calls_this_month + sum(self.calls.values())) - cost_of(calls_this_month)

    def hours(self, calls_per_second: Mapping[str, float]) -> float:
        """Return the hours that the slowest ability needs at its rate of calls."""
        return max((calls / calls_per_second[name] for name, calls in self.calls.items()), default=0) / 3600
