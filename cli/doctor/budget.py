"""Examines the budget's schedule, and explains a queue that the budget has paused."""

from collections.abc import Iterator
from decimal import Decimal

from cli.doctor.deployment import Deployment
from cli.doctor.finding import Finding, good, problem
from recognition.runtime.spending.monthly_usage import UsageTable


def check_budget(deployment: Deployment) -> Iterator[Finding]:
    """Report whether the budget is checked once a minute."""
    events, rule = deployment.client("events"), deployment.physical_id("AWS::Events::Rule", "BudgetSchedule")
    try:
        state = events.describe_rule(Name=rule)["State"]
    except events.exceptions.ResourceNotFoundException:
        yield problem(f"the rule {rule} is gone, so a pause of the budget would not end", "deploy again: `make deploy`")
        return
    if state == "DISABLED":
        yield problem(
            f"the rule {rule} is disabled, so a pause of the budget would not end",
            f"aws events enable-rule --name {rule}",
        )
    else:
        yield good("checked once a minute")


def paused_by_budget(deployment: Deployment, mapping: str, stopped: str) -> Finding | None:
    """Return the finding for an event source mapping that the budget has stopped. Returns None for other mappings.

    The finding begins with the sentence that `stopped` contains.
    """
    for function in deployment.functions:
        if function.variables.get("EVENT_SOURCE_MAPPING") == mapping:
            dynamodb = deployment.client("dynamodb")
            budget = Decimal(function.variables["MONTHLY_BUDGET_USD"])
            usage = UsageTable(function.variables["USAGE_TABLE"], budget, dynamodb, without_retries=dynamodb)
            if usage.is_paused():
                is_over = usage.max_calls is None or usage.this_month().calls < usage.max_calls
                return _pause(stopped, is_over=is_over)
    return None


def _pause(stopped: str, *, is_over: bool) -> Finding:
    if is_over:
        return problem(
            f"{stopped}: the budget's pause should have ended",
            "check again in two minutes; then see the logs of the function Budget, which should end it",
        )
    return problem(
        f"{stopped}: this month's budget is used up",
        "`make deploy` with a larger monthly_budget_usd in cdk.json, or wait for the end of the month; pictures wait",
    )
