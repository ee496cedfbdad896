"""The table of what was spent: calls to Rekognition, answers that cost nothing, and how many calls a month may have.

One item per month, in UTC, with a counter for each of its days, so that one conditional write counts a call or finds
that there may be none. Whatever fails, no more calls are billed than are counted.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from common.prices import calls_for, cost_of
from common.runtime.aws_clients import client
from common.runtime.dynamodb_items import from_attributes, to_attributes
from common.runtime.message_batch import RetryLaterError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_rekognition import RekognitionClient

logger = Logger()

WAIT_SECONDS = 30
"""How long a message stays hidden while the budget is used up. `enforce_budget` stops the queue within a minute."""

PAUSE = "pause"
"""The key of the item that is there while it is `enforce_budget` that has stopped the reading of the queue."""

ONCE = Config(retries={"total_max_attempts": 1})


class OverBudgetError(RetryLaterError):
    """The month's calls are used up."""

    def __init__(self) -> None:
        super().__init__("the month's budget is used up", WAIT_SECONDS)


@dataclass(frozen=True)
class Day:
    """What was counted on a day, such as 2026-11-21: calls, answers that cost nothing, US dollars spent and saved."""

    day: str
    calls: int
    cache_hits: int
    cost_usd: float
    saved_usd: float


@dataclass(frozen=True)
class Month:
    """What was counted in a month, such as 2026-11, and on each of its days up to today."""

    month: str
    calls: int
    cache_hits: int
    cost_usd: float
    saved_usd: float
    days: tuple[Day, ...]


@dataclass(frozen=True)
class Usage:
    """The table, and a month's budget in US dollars, of which 0 is none."""

    table: str
    budget: Decimal
    dynamodb: "DynamoDBClient" = field(default_factory=lambda: client("dynamodb"))
    once: "DynamoDBClient" = field(default_factory=lambda: client("dynamodb", ONCE))
    """For what must not be counted twice where the first answer was lost."""

    @property
    def most_calls(self) -> int | None:
        """How many calls a month may have, if there is a budget."""
        return calls_for(self.budget) if self.budget else None

    @contextmanager
    def call(self) -> Iterator[None]:
        """Count a call before the block makes it. A refusal that the block raises takes it back.

        Raises:
            OverBudgetError: the month may have no more; nothing is counted, and the block not entered.
            ClientError, BotoCoreError: it could not be counted, and the block is not entered; or the block's own.
        """
        moment = _now()
        try:
            self._add(self.dynamodb, moment, "calls", 1, most=self.most_calls)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            raise OverBudgetError from error
        try:
            yield
        except (BotoCoreError, ClientError):
            self._add_once(moment, "calls", -1)
            raise

    def watch(self, rekognition: "RekognitionClient") -> "RekognitionClient":
        """The client, whose requests without an answer are counted from now on, as each of them may be billed."""
        rekognition.meta.events.register("needs-retry.rekognition.DetectLabels", self._unanswered)
        return rekognition

    def _unanswered(self, caught_exception: Exception | None = None, **_: Any) -> None:
        """Called by botocore after every request."""
        if isinstance(caught_exception, HTTPClientError):  # with others, such as ConnectTimeoutError, nothing was sent
            self._add_once(_now(), "calls", 1)

    def count_cache_hit(self) -> None:
        """Count an answer that cost nothing."""
        self._add_once(_now(), "hits", 1)

    def of(self, month: str) -> Month:
        """What was counted in a month."""
        return counted(month, self._item(month), today=f"{_now():%Y-%m-%d}")

    def of_this_month(self) -> Month:
        """What was counted in this month."""
        return self.of(f"{_now():%Y-%m}")

    def of_last_month(self) -> Month:
        """What was counted in the month before this one."""
        return self.of(f"{_now().replace(day=1) - timedelta(days=1):%Y-%m}")

    def paused(self) -> bool:
        """Whether it is `enforce_budget` that has stopped the reading of the queue."""
        return bool(self._item(PAUSE))

    def mark_paused(self) -> None:
        """Keep in mind that it is."""
        self.dynamodb.put_item(TableName=self.table, Item=to_attributes({"period": PAUSE, "since": f"{_now():%FT%TZ}"}))

    def unmark_paused(self) -> None:
        """Forget it."""
        self.dynamodb.delete_item(TableName=self.table, Key={"period": {"S": PAUSE}})

    def _item(self, period: str) -> dict[str, Any]:
        answer = self.dynamodb.get_item(TableName=self.table, Key={"period": {"S": period}}, ConsistentRead=True)
        return from_attributes(answer.get("Item", {}))

    def _add(
        self, dynamodb: "DynamoDBClient", moment: datetime, counter: str, number: int, *, most: int | None = None
    ) -> None:
        limit: Any = {"ConditionExpression": "attribute_not_exists(#month) OR #month < :most"}
        dynamodb.update_item(
            TableName=self.table,
            Key={"period": {"S": f"{moment:%Y-%m}"}},
            UpdateExpression="ADD #month :number, #day :number",
            ExpressionAttributeNames={"#month": counter, "#day": f"{counter}_{moment:%d}"},
            ExpressionAttributeValues=to_attributes({":number": number, ":most": most}),
            **(limit if most is not None else {}),
        )

    def _add_once(self, moment: datetime, counter: str, number: int) -> None:
        """Count, without harm to what is being done if that fails."""
        try:
            self._add(self.once, moment, counter, number)
        except (BotoCoreError, ClientError):
            logger.warning("usage was not counted", extra={"counter": counter, "number": number}, exc_info=True)


def counted(month: str, item: Mapping[str, int], *, today: str) -> Month:
    """What a month's item holds. A day's price is the one of the month's tier that it fell into."""
    days = []
    calls = hits = 0
    cost = saved = Decimal(0)
    moment = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    while f"{moment:%Y-%m}" == month and (day := f"{moment:%Y-%m-%d}") <= today:
        of_day = item.get(f"calls_{moment:%d}", 0), item.get(f"hits_{moment:%d}", 0)
        calls, hits = calls + of_day[0], hits + of_day[1]
        before, cost = cost, cost_of(calls)
        saved_before, saved = saved, cost_of(calls + hits) - cost
        days.append(Day(day, *of_day, float(cost - before), float(saved - saved_before)))
        moment += timedelta(days=1)
    return Month(month, calls, hits, float(cost), float(saved), tuple(days))


def _now() -> datetime:
    return datetime.now(UTC)
