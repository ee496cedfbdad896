"""Amazon Rekognition's prices, for functions and programs.

AWS bills each operation on a picture as one picture of the operation's price group. The operations of a group share the
group's tiers (https://aws.amazon.com/rekognition/pricing/). Each month, in UTC, begins with the first tier.
"""

from decimal import Decimal

MILLION = 1_000_000
REGION = "us-east-1"
"""The Region of these prices."""

GROUP_2 = "Image Group 2"
"""AWS's name for the group of the operations below."""
TIERS = {
    GROUP_2: (
        (1 * MILLION, Decimal("0.0010")),
        (5 * MILLION, Decimal("0.0008")),
        (None, Decimal("0.0006")),
    )
}
"""The tiers of a month for each price group. A tier is the number of calls at its end (None: no end), and the price of
a call in US dollars. Beyond 35 million calls, AWS charges less than this table says, so a budget is not exceeded."""
GROUPS = {
    "DetectLabels": GROUP_2,
    "DetectText": GROUP_2,
    "DetectModerationLabels": GROUP_2,
    "DetectFaces": GROUP_2,
    "RecognizeCelebrities": GROUP_2,
}
"""The price group of each operation. One counter holds the budget over all operations, so they must have one group."""


def cost_of(calls: int) -> Decimal:
    """Return the cost of `calls` calls in one month, in US dollars. The calls may be of different operations."""
    cost, counted = Decimal(0), 0
    for end, price in TIERS[GROUP_2]:
        of_tier = (calls if end is None else min(calls, end)) - counted
        cost += of_tier * price
        counted += of_tier
    return cost


def share_of(cost: Decimal, calls: int, all_calls: int) -> Decimal:
    """Return the part of `cost` that belongs to `calls` calls, in US dollars. `cost` is the cost of the whole month.

    All operations share the tiers, so each call costs the average price of the month.
    """
    return cost * calls / all_calls if all_calls else Decimal(0)


def calls_for(budget: Decimal | float) -> int:
    """Return how many calls a budget in US dollars can pay for in one month."""
    left, counted = Decimal(str(budget)), 0
    for end, price in TIERS[GROUP_2]:
        affordable = int(left / price)
        of_tier = affordable if end is None else min(affordable, end - counted)
        left -= of_tier * price
        counted += of_tier
        if counted != end:
            break
    return counted
