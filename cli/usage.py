"""What was spent, as the List Images Service tells it."""

from typing import Any

from rich.console import Console
from rich.table import Table

from cli.calls import call
from cli.target import Target

NOT_BILLED = "Nothing was billed: this system runs on a laptop. AWS would have billed the amounts above."


def usage(target: Target, month: str | None) -> dict[str, Any]:
    """This month and the last 31 days, or a month such as 2026-11.

    Raises:
        CallError: the service refused the call or did not answer.
    """
    found: dict[str, Any] = call(target, "GET", f"{target.labels}/usage", query={"month": month}).json()
    return found


def show(found: dict[str, Any], out: Console, *, billed: bool) -> None:
    """Print the month, and its days on which something was counted."""
    table = Table("", "calls", "cost", "answers found", "saved", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    counted = [day for day in found["days"] if day["calls"] or day["cache_hits"]]
    for name, line in [(found["month"], found), *((day["day"], day) for day in counted)]:
        cost, saved = f"${line['cost_usd']:,.3f}", f"${line['saved_usd']:,.3f}"
        table.add_row(name, f"{line['calls']:,}", cost, f"{line['cache_hits']:,}", saved)
    out.print(table)
    if not billed:
        out.print(NOT_BILLED)
    if found["budget_usd"] is not None:
        out.print(f"budget: ${found['budget_usd']:,} a month")
    if found["paused"]:
        out.print(
            "[yellow]pictures wait[/yellow] until the month turns, or monthly_budget_usd is raised by a deployment"
        )
