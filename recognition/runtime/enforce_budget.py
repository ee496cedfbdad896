"""Stop the upload queue while the month's budget is used up, and report the month's cost to CloudWatch. Runs every
minute.

The queue is read again when somebody raises or removes the budget, or when the next month begins. Even without this
function, workers make no call that exceeds the budget. With this function, workers do not receive messages that have
to wait. Messages wait in the queue, for 14 days at most.
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
from recognition.runtime.spending.monthly_usage import UsageTable

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

logger = Logger()


@dataclass(frozen=True)
class Environment:
    """The function's environment variables."""

    usage_table: str
    monthly_budget_usd: str
    event_source_mapping: str
    is_watched: str
    """`true` if alarms or dashboards show the metrics. Each metric costs as much as three alarms."""


@dataclass(frozen=True)
class QueueSwitch:
    """Turns the event source mapping of the upload queue on and off."""

    functions: "LambdaClient"
    mapping: str

    def set(self, usage: UsageTable, *, over_budget: bool) -> None:
        """Turn the queue off if the budget is used up. Otherwise turn it on again if this function turned it off.

        A mark records that this function turned the queue off. A queue that an operator turned off has no mark and
        stays off. The mark is set before the queue is turned off, and removed after the queue is on again. So the next
        run completes an interrupted run.
        """
        state = self.functions.get_event_source_mapping(UUID=self.mapping)["State"]
        if over_budget and state == "Enabled":
            usage.mark_paused()
            self.functions.update_event_source_mapping(UUID=self.mapping, Enabled=False)
            logger.warning("the month's budget is used up: pictures wait")
        elif not over_budget and usage.is_paused():
            if state == "Disabled":
                self.functions.update_event_source_mapping(UUID=self.mapping, Enabled=True)
                logger.info("there is a budget again: waiting pictures are recognised")
            if state in {"Disabled", "Enabled"}:  # every other state is a transition to one of these
                usage.unmark_paused()


@cached
def _environment() -> Environment:
    return from_environment(Environment)


@cached
def _usage() -> UsageTable:
    return UsageTable(_environment().usage_table, Decimal(_environment().monthly_budget_usd))


@cached
def _queue_switch() -> QueueSwitch:
    return QueueSwitch(client("lambda"), _environment().event_source_mapping)


@logger.inject_lambda_context(clear_state=True)
def handler(_event: dict[str, Any], _context: LambdaContext) -> None:
    """Check the budget. Called by Lambda."""
    month, limit = _usage().this_month(), _usage().max_calls
    over_budget = limit is not None and month.calls >= limit
    if _environment().is_watched == "true":
        count("MonthlyCalls", month.calls)
        count("MonthlyCost", month.cost_usd, MetricUnit.NoUnit)
        count("BudgetExceeded", over_budget)
        flush()
    _queue_switch().set(_usage(), over_budget=over_budget)
