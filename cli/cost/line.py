"""A line of the monthly bill."""

import math
from dataclasses import dataclass

from cli.cost.list_prices import FREE_TIER

GB = 1_000_000_000
STORAGE = "storage, from then on"
BACKUPS = "backups, from then on"
ABILITY_STORAGE = "abilities, from then on"
GROWING = {STORAGE, BACKUPS, ABILITY_STORAGE}
"""Lines that cost the same again in each later month."""


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
        """The cost if nothing else in the account uses the free tier."""
        free = min(self.count, FREE_TIER.get((self.service, self.unit), 0))
        return self.cost * (1 - free / self.count)


def write_units(size_bytes: float) -> int:
    """Return the write units of an item of this size."""
    return math.ceil(size_bytes / 1024)
