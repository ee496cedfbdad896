"""Count Rekognition's calls in the table `Usage`, and refuse calls that exceed the month's budget.

The table has one item for each month, in UTC, with a counter for each day. One conditional write counts a call or finds
that the budget is used up. Even after a failure, the count is never lower than the number of billed calls.
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

from common.prices import calls_for, cost_of, share_of
from common.runtime.abilities import ABILITIES
from common.runtime.aws_clients import client
from common.runtime.dynamodb_items import from_attributes, to_attributes
from common.runtime.message_batch import RetryLaterError
from common.runtime.timestamps import now

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_rekognition import RekognitionClient

logger = Logger()

OVER_BUDGET_SECONDS = 30
"""The time for which a message stays hidden if the budget is used up. `enforce_budget` stops the queue within a
minute."""

PAUSE = "pause"
"""The key of the item that exists while `enforce_budget` has stopped the upload queue."""

WITHOUT_RETRIES = Config(retries={"total_max_attempts": 1})


class OverBudgetError(RetryLaterError):
    """The month's budget pays for no further call."""

    def __init__(self) -> None:
        super().__init__("the month's budget is used up", OVER_BUDGET_SECONDS)


@dataclass(frozen=True)
class AbilityUsage:
    """One ability's share of the calls and stored answers, and the same share of their US dollars."""

    calls: int
    cache_hits: int
    cost_usd: float
    saved_usd: float


@dataclass(frozen=True)
class Day:
    """Counts of one day, such as 2026-11-21: calls, cached answers, US dollars spent and saved.

    The counts are of labels and all abilities together. `abilities` contains the share of each ability that was used.
    """

    day: str
    calls: int
    cache_hits: int
    cost_usd: float
    saved_usd: float
    abilities: dict[str, AbilityUsage] = field(default_factory=dict)


@dataclass(frozen=True)
class Month:
    """Counts of one month, such as 2026-11, and of each of its days up to today. `abilities` as in Day."""

    month: str
    calls: int
    cache_hits: int
    cost_usd: float
    saved_usd: float
    days: tuple[Day, ...]
    abilities: dict[str, AbilityUsage] = field(default_factory=dict)


@dataclass(frozen=True)
class UsageTable:
    """The table `Usage`. `budget` is in US dollars a month; 0 means no budget."""

    table: str
    budget: Decimal
    dynamodb: "DynamoDBClient" = field(default_factory=lambda: client("dynamodb"))
    without_retries: "DynamoDBClient" = field(default_factory=lambda: client("dynamodb", WITHOUT_RETRIES))
    """The client for counts. It does not repeat a request after a lost answer, so nothing is counted twice."""

    @property
    def max_calls(self) -> int | None:
        """The number of calls that the budget pays for in a month. None without a budget."""
        return calls_for(self.budget) if self.budget else None

    @contextmanager
    def count_call(self, ability: str | None = None) -> Iterator[None]:
        """Count a call before the `with` block makes it. If the block raises an AWS error, reduce the count again.

        A call for an ability counts for all calls together, and for the share of this ability.

        Raises:
            OverBudgetError: the budget is used up. The call is not counted, and the block does not run. ClientError,
                BotoCoreError: the call could not be counted and the block does not run, or the block's own error.
        """
        moment = _now()
        try:
            self._add(self.dynamodb, moment, "calls", 1, ability=ability, limit=self.max_calls)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            raise OverBudgetError from error
        try:
            yield
        except (BotoCoreError, ClientError):
            self._add_once(moment, "calls", -1, ability=ability)
            raise

    def count_unanswered(
        self, rekognition: "RekognitionClient", operation: str = "DetectLabels", ability: str | None = None
    ) -> "RekognitionClient":
        """Count each request of an operation that gets no answer, because AWS may bill it. Returns the client."""

        def after_a_request(caught_exception: Exception | None = None, **_: Any) -> None:
            if isinstance(caught_exception, HTTPClientError):  # other errors, such as ConnectTimeoutError, send nothing
                self._add_once(_now(), "calls", 1, ability=ability)

        rekognition.meta.events.register(f"needs-retry.rekognition.{operation}", after_a_request)
        return rekognition

    def count_cache_hit(self, ability: str | None = None) -> None:
        """Count an answer that cost nothing."""
        self._add_once(_now(), "hits", 1, ability=ability)

    def month(self, month: str) -> Month:
        """Read the counts of a month, such as 2026-11."""
        return month_from_item(month, self._item(month), today=f"{_now():%Y-%m-%d}")

    def this_month(self) -> Month:
        """Read the counts of this month."""
        return self.month(f"{_now():%Y-%m}")

    def last_month(self) -> Month:
        """Read the counts of the month before this one."""
        return self.month(f"{_now().replace(day=1) - timedelta(days=1):%Y-%m}")

    def is_paused(self) -> bool:
        """Return True if `enforce_budget` has stopped the upload queue."""
        return bool(self._item(PAUSE))

    def mark_paused(self) -> None:
        """Record that `enforce_budget` stops the queue."""
        self.dynamodb.put_item(TableName=self.table, Item=to_attributes({"period": PAUSE, "since": now()}))

    def unmark_paused(self) -> None:
        """Record that the queue is read again."""
        self.dynamodb.delete_item(TableName=self.table, Key={"period": {"S": PAUSE}})

    def _item(self, period: str) -> dict[str, Any]:
        answer = self.dynamodb.get_item(TableName=self.table, Key={"period": {"S": period}}, ConsistentRead=True)
        return from_attributes(answer.get("Item", {}))

    def _add(
        self,
        dynamodb: "DynamoDBClient",
        moment: datetime,
        counter: str,
        number: int,
        *,
        ability: str | None,
        limit: int | None = None,
    ) -> None:
        names = [counter, f"{counter}_{ability}"] if ability else [counter]
        names += [f"{name}_{moment:%d}" for name in names]
        condition: Any = {"ConditionExpression": "attribute_not_exists(#0) OR #0 < :limit"}
        dynamodb.update_item(
            TableName=self.table,
            Key={"period": {"S": f"{moment:%Y-%m}"}},
            UpdateExpression="ADD " + ", ".join(f"#{index} :number" for index in range(len(names))),
            ExpressionAttributeNames={f"#{index}": name for index, name in enumerate(names)},
            ExpressionAttributeValues=to_attributes({":number": number, ":limit": limit}),
            **(condition if limit is not None else {}),
        )

    def _add_once(self, moment: datetime, counter: str, number: int, *, ability: str | None) -> None:
        """Add to a counter. A failure is logged and does not disturb the caller."""
        try:
            self._add(self.without_retries, moment, counter, number, ability=ability)
        except (BotoCoreError, ClientError):
            logger.warning("usage was not counted", extra={"counter": counter, "number": number}, exc_info=True)


def month_from_item(month: str, item: Mapping[str, int], *, today: str) -> Month:
    """Convert a month's item. The price of a day's calls depends on the tier that the month had reached."""
    days = []
    calls = hits = 0
    cost = saved = Decimal(0)
    moment = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    while f"{moment:%Y-%m}" == month and (day := f"{moment:%Y-%m-%d}") <= today:
        day_calls, day_hits = item.get(f"calls_{moment:%d}", 0), item.get(f"hits_{moment:%d}", 0)
        calls, hits = calls + day_calls, hits + day_hits
        cost_before, cost = cost, cost_of(calls)
        saved_before, saved = saved, cost_of(calls + hits) - cost
        spent, not_spent = cost - cost_before, saved - saved_before
        shares = _shares(item, f"_{moment:%d}", spent, not_spent)
        days.append(Day(day, day_calls, day_hits, float(spent), float(not_spent), shares))
        moment += timedelta(days=1)
    return Month(month, calls, hits, float(cost), float(saved), tuple(days), _shares(item, "", cost, saved))


def _shares(item: Mapping[str, int], day: str, cost: Decimal, saved: Decimal) -> dict[str, AbilityUsage]:
    """Return the shares of abilities from the month's item, for a day such as `_21`, or for the whole month.

    `cost` is the price in US dollars of all calls in this time. `saved` is the price of the calls that stored answers
    replaced.
    """
    shares = {}
    for name in ABILITIES:
        calls, hits = item.get(f"calls_{name}{day}"), item.get(f"hits_{name}{day}")
        if calls is not None or hits is not None:
            shares[name] = AbilityUsage(
                calls or 0,
                hits or 0,
                float(share_of(cost, calls or 0, item.get(f"calls{day}", 0))),
                float(share_of(saved, hits or 0, item.get(f"hits{day}", 0))),
            )
    return shares


def _now() -> datetime:
    return datetime.now(UTC)
