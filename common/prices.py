"""What Amazon Rekognition charges for calls about pictures: the one place that knows, for functions and programs.

The prices of DetectLabels, https://aws.amazon.com/rekognition/pricing/. Each month, in UTC, begins with
the first tier.
"""

from decimal import Decimal

MILLION = 1_000_000
REGION = "us-east-1"
"""Whose prices they are."""
TIERS = (
    (1 * MILLION, Decimal("0.0010")),
    (5 * MILLION, Decimal("0.0008")),
    (None, Decimal("0.0006")),
)
"""Up to how many calls a month (None: all others) a call costs how many US dollars. AWS charges less from 35 million
on; there this counts too much, which keeps to a budget as well."""


def cost_of(calls: int) -> Decimal:
    """What so many calls in one month cost, in US dollars."""
    cost, counted = Decimal(0), 0
    for end, price in TIERS:
        of_tier = (calls if end is None else min(calls, end)) - counted
        cost += of_tier * price
        counted += of_tier
    return cost


def calls_for(budget: Decimal | float) -> int:
    """How many calls in one month are paid with so many US dollars."""
    left, counted = Decimal(str(budget)), 0
    for end, price in TIERS:
        affordable = int(left / price)
        of_tier = affordable if end is None else min(affordable, end - counted)
        left -= of_tier * price
        counted += of_tier
        if counted != end:
            break
    return counted
