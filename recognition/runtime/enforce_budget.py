"""Once a minute: stops the reading of the upload queue when the month's budget is used up, and has it go on when the
budget was raised or removed, or the month has turned. What is spent is told to CloudWatch.

The workers make no call beyond the budget without this; it saves them from being handed, again and again, what they may
not ask about. Messages wait in the queue, for 14 days at most.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from common.runtime.aws_clients import client
from common.runtime.caches import cached
from common.runtime.environment import from_environment
from common.runtime.metrics import count, flush
from recognition.runtime.spending.monthly_usage import Usage

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

logger = Logger()


@dataclass(frozen=True)
class Environment:
    """The function's variables."""

    usage_table: str
    monthly_budget_usd: str
    event_source_mapping: str
    is_watched: str
    """`true` if alarms or dashboards show the metrics: each costs as much as three alarms."""


@dataclass(frozen=True)
class Valve:
    """The event source mapping by which the upload queue is read."""

    functions: "LambdaClient"
    mapping: str

    def set(self, usage: Usage, *, over: bool) -> None:
        """Close it if the budget is used up; else open it, if it was closed here.

        What an operator has closed by hand stays closed: there is no mark. The mark is there before the valve is
        closed and until it is open, so that a run which ends in between is made good by the next one.
        """
        state = self.functions.get_event_source_mapping(UUID=self.mapping)["State"]
        if over and state == "Enabled":
            usage.mark_paused()
            self.functions.update_event_source_mapping(UUID=self.mapping, Enabled=False)
            logger.warning("the month's budget is used up: pictures wait")
        elif not over and usage.paused():
            if state == "Disabled":
                self.functions.update_event_source_mapping(UUID=self.mapping, Enabled=True)
                logger.info("there is a budget again: waiting pictures are recognised")
            if state in {"Disabled", "Enabled"}:  # all others are on their way to one of these
                usage.unmark_paused()


@cached
def _environment() -> Environment:
    return from_environment(Environment)


@cached
def _usage() -> Usage:
    return Usage(_environment().usage_table, Decimal(_environment().monthly_budget_usd))


@cached
def _valve() -> Valve:
    return Valve(client("lambda"), _environment().event_source_mapping)


@logger.inject_lambda_context(clear_state=True)
def handler(_event: dict[str, Any], _context: LambdaContext) -> None:
    """Lambda's entry."""
    month, most = _usage().of_this_month(), _usage().most_calls
    over = most is not None and month.calls >= most
    if _environment().is_watched == "true":
        count("MonthlyCalls", month.calls)
        count("MonthlyCost", month.cost_usd, MetricUnit.NoUnit)
        count("BudgetExceeded", over)
        flush()
    _valve().set(_usage(), over=over)
