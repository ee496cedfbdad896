"""`sightline usage`: calls to Rekognition, and their cost."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.table import Table

from cli.api_client import CallError, call
from cli.options import JsonOption, TargetOption, open_target
from cli.output import failing_on, out
from cli.target import TargetName

NOT_BILLED = "Nothing was billed: this system runs on your machine. AWS would have billed these amounts."


def command(
    month: Annotated[
        str | None, typer.Option(help="A month, such as 2026-11. Default: this month and the last 31 days.")
    ] = None,
    as_json: JsonOption = False,
    target: TargetOption = None,
) -> None:
    """Show calls to Rekognition and their cost. Each picture is paid for once; stored answers save further calls."""
    found = open_target(target)
    with failing_on(CallError):
        usage = call(found, "GET", f"{found.labels_url}/usage", query={"month": month}).json()
    if as_json:
        out.print_json(data=usage)
    else:
        show(usage, billed=found.name is TargetName.AWS)


def show(usage: dict[str, Any], *, billed: bool) -> None:
    """Print the month with the shares of labels and abilities, and each day that has calls or saved calls."""
    table = Table("", "calls", "cost", "calls saved", "saved", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    days = [day for day in usage["days"] if day["calls"] or day["cache_hits"]]
    for name, line in [(usage["month"], usage), *_shares(usage), *((day["day"], day) for day in days)]:
        cost, saved = f"${line['cost_usd']:,.3f}", f"${line['saved_usd']:,.3f}"
        table.add_row(name, f"{line['calls']:,}", cost, f"{line['cache_hits']:,}", saved)
    out.print(table)
    if not billed:
        out.print(NOT_BILLED)
    if usage["budget_usd"] is not None:
        out.print(f"budget: ${usage['budget_usd']:,} a month")
    if usage["paused"]:
        out.print("[yellow]pictures wait[/yellow] until next month, or until you deploy a larger monthly_budget_usd")


def _shares(usage: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the share of labels and of each ability in a month. Without abilities, yield nothing."""
    if abilities := usage.get("abilities"):
        counts = ("calls", "cache_hits", "cost_usd", "saved_usd")
        yield "  labels", {name: usage[name] - sum(each[name] for each in abilities.values()) for name in counts}
        for name, share in abilities.items():
            yield f"  {name}", share
