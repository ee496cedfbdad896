"""`sightline cost`: estimates the monthly cost of pictures, and of an idle deployment."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from cli import account
from cli.checkout import CDK_JSON
from cli.cost import abilities
from cli.cost.amounts import AmountError, read_count, read_size
from cli.cost.bill import bill, idle_bill
from cli.cost.line import GROWING, Line
from cli.cost.list_prices import FREE_TIER
from cli.output import failing_on, out, plural
from common.prices import REGION

if TYPE_CHECKING:
    from common.settings import Settings

MIN_WITHOUT_DECIMALS = 100


def command(
    images: Annotated[str, typer.Option(help="Number of pictures a month, such as 250000 or 1e6.")] = "1e6",
    size: Annotated[str, typer.Option(help="Size of a picture, such as 300kB or 1.5MB.")] = "300kB",
    context: Annotated[
        list[str] | None, typer.Option("--context", "-c", help="A setting, name=value, as for `cdk deploy`.")
    ] = None,
) -> None:
    """Estimate the monthly cost.

    Prints the cost of pictures and of an idle deployment. The settings are those of this checkout's cdk.json. The
    Region is that of `make deploy`.
    """
    from botocore.exceptions import BotoCoreError

    from cli.deployed_settings import settings_in_force
    from common.setting_types import SettingsError

    with failing_on(AmountError, SettingsError, BotoCoreError):
        settings = settings_in_force(CDK_JSON, context or [])
        region, _ = account.region(settings.region)
        show(read_count(images), read_size(size), settings.model_copy(update={"region": region}))


def show(images: int, image_bytes: int, settings: "Settings") -> None:
    """Print the estimate. `settings` name the Region."""
    lines = bill(images, image_bytes, settings)
    total = sum(line.cost for line in lines)
    size = f"{_number(image_bytes / 1000)} kB"
    out.print(f"{plural(images, 'picture')} of {size} a month, list prices of {REGION}")
    out.print(_table(lines))
    out.print(f"\nTotal: ${total:,.2f} a month, ${total / images:.6f} a picture")
    growing = sum(line.cost for line in lines if line.item in GROWING)
    out.print(f"Stored data add up: after a year, they cost ${12 * growing:,.2f} a month")
    rate = abilities.calls_per_second(settings)
    hours = _number(images / rate / 3600)
    out.print(f"Recognition takes {hours} hours at {rate:g} calls a second in {settings.region}")
    _show_idle(settings)
    if settings.region != REGION:
        out.print(f"\nThese are the prices of {REGION}; {settings.region} has others")


def _table(lines: Sequence[Line]) -> Table:
    table = Table("", "", "a month", "", "US $", box=None, pad_edge=False)
    for column in (2, 4):
        table.columns[column].justify = "right"
    service = ""
    for line in lines:
        first = "" if line.service == service else line.service
        table.add_row(first, line.item, _number(line.count), line.unit, f"{line.cost:,.2f}")
        service = line.service
    return table


def _show_idle(settings: "Settings") -> None:
    lines = idle_bill(settings)
    listed, paid = sum(line.cost for line in lines), sum(line.free_tier_cost for line in lines)
    out.print(f"\nIdle, without pictures: ${listed:.2f} a month at list prices, ${paid:.2f} with the free tier")
    table = Table("", "", "a month", "", "US $", "free tier", box=None, pad_edge=False)
    for column in (2, 4, 5):
        table.columns[column].justify = "right"
    for line in lines:
        costs = f"{line.cost:.2f}", f"{line.free_tier_cost:.2f}"
        table.add_row(line.service, line.item, _number(line.count), line.unit, *costs)
    out.print(table)
    out.print("The monthly free tier is for the whole account, including everything else in it:")
    for service in dict.fromkeys(service for service, _ in FREE_TIER):
        free = (f"{count:,} {unit}" for (owner, unit), count in FREE_TIER.items() if owner == service)
        out.print(f"  {service}: {', '.join(free)}")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= MIN_WITHOUT_DECIMALS else f"{value:,.3g}"
