"""Amazon Rekognition's prices, for functions and programs.

They are the prices of DetectLabels (https://aws.amazon.com/rekognition/pricing/). Each month, in UTC, begins with the
first tier.
"""

from decimal import Decimal

MILLION = 1_000_000
REGION = "us-east-1"
"""The Region of these prices."""
TIERS = (
    (1 * MILLION, Decimal("0.0010")),
    (5 * MILLION, Decimal("0.0008")),
    (None, Decimal("0.0006")),
)
"""Tiers of a month: the number of calls at the tier's end (None: no end), and the price of a call in US dollars. AWS
charges less from 35 million calls on. There this counts too much, so a budget is kept as well."""


def cost_of(calls: int) -> Decimal:
    """Return the cost of `calls` calls in one month, in US dollars."""
    cost, counted = Decimal(0), 0
    for end, price in TIERS:
        of_tier = (calls if end is None else min(calls, end)) - counted
        cost += of_tier * price
        counted += of_tier
    return cost


def calls_for(budget: Decimal | float) -> int:
    """Return the number of calls in one month that a budget in US dollars pays for."""
    left, counted = Decimal(str(budget)), 0
    for end, price in TIERS:
        affordable = int(left / price)
        of_tier = affordable if end is None else min(affordable, end - counted)
        left -= of_tier * price
        counted += of_tier
        if counted != end:
            break
    return counted
