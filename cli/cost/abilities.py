"""Estimates what the abilities add to the monthly bill.

The estimate is a maximum: it assumes a call of each ability for every picture, because it cannot know how many pictures
ask for the ability or have one of its prefixes. The figures about findings are assumptions.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cli.cost.line import ABILITY_STORAGE, GB, Line, write_units
from cli.cost.list_prices import DYNAMODB_BACKUP_GB_MONTH, DYNAMODB_GB_MONTH, DYNAMODB_WRITE_UNIT, METRIC_MONTH
from common.prices import cost_of, share_of
from common.runtime.abilities import ABILITIES

if TYPE_CHECKING:
    from common.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Findings:
    """The size of an ability's findings in a picture: bytes in the record and the stored answer, names in the index."""

    record_bytes: int
    answer_bytes: int
    names: int


FINDINGS = {
    "text": Findings(record_bytes=6000, answer_bytes=3000, names=10),  # ten words in four lines
    "moderation": Findings(record_bytes=400, answer_bytes=400, names=2),
    "faces": Findings(record_bytes=2500, answer_bytes=1000, names=0),  # a face with its landmarks
    "celebrities": Findings(record_bytes=400, answer_bytes=1000, names=1),
}
METRICS = 2
"""The number of metrics of each ability: one counts calls, one counts failures."""


def rekognition(images: int, settings: "Settings") -> Iterator[Line]:
    """Yield the cost of each operation's calls. Operations share the price tiers, so each call costs the average."""
    enabled = settings.ability_options
    calls = images * (1 + len(enabled))
    share = float(share_of(cost_of(calls), images, calls))
    yield Line("Rekognition", "DetectLabels, new contents", images, "calls", share)
    for name, options in enabled.items():
        extent = "new contents" if options["when"] == "always" else "at most"
        yield Line("Rekognition", f"{ABILITIES[name].operation}, {extent}", images, "calls", share)


def other_services(images: int, settings: "Settings") -> Iterator[Line]:
    """Yield the cost of the data and metrics that are stored for the abilities."""
    for name in settings.ability_options:
        found = FINDINGS[name]
        writes = {
            f"{name}: paid answer, usage": 2 + write_units(found.answer_bytes),  # claimed, counted, stored
            f"{name}: in the record": write_units(found.record_bytes),
            f"{name}: {found.names} names in the index": 2 * 2 * found.names,  # entries and counts, in a transaction
        }
        for item, units in writes.items():
            if units:
                yield Line("DynamoDB", item, units * images, "write units", units * images * DYNAMODB_WRITE_UNIT)
    enabled = [FINDINGS[name] for name in settings.ability_options]
    if enabled:
        stored = images * sum(found.answer_bytes + found.record_bytes for found in enabled) / GB
        price = DYNAMODB_GB_MONTH + DYNAMODB_BACKUP_GB_MONTH
        yield Line("DynamoDB", ABILITY_STORAGE, stored, "GB months", stored * price)
        metrics = METRICS * len(enabled)
        yield Line("CloudWatch", "metrics of abilities", metrics, "metrics", metrics * METRIC_MONTH)


def calls_per_second(settings: "Settings") -> float:
    """Return the rate of the slowest operation, which limits the rate of pictures."""
    rates: list[float] = [options["calls_per_second"] for options in settings.ability_options.values()]
    return min([settings.calls_per_second, *rates])
