"""A line of the monthly bill."""

import math
from dataclasses import dataclass

from cli.cost.list_prices import FREE_TIER

GB = 1_000_000_000
STORAGE = "storage, from then on"
BACKUPS = "backups, from then on"
ABILITY_STORAGE = "abilities, from then on"
GROWING = {STORAGE, BACKUPS, ABILITY_STORAGE}
"""Lines for stored data. Each month's pictures cost this again in every later month."""


@dataclass(frozen=True)
class Line:
    """A line of the monthly bill; `cost` is in US dollars."""

    service: str
    item: str
    count: float
    unit: str
    cost: float

    @property
    def free_tier_cost(self) -> float:
        """The cost after the free tier, if nothing else in the account uses the free tier."""
        free = min(self.count, FREE_TIER.get((self.service, self.unit), 0))
        return self.cost * (1 - free / self.count)


def write_units(size_bytes: float) -> int:
    """Return the number of write units that DynamoDB charges for an item of this size."""
    return math.ceil(size_bytes / 1024)
