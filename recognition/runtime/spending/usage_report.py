"""Show what Rekognition cost: the answer of `GET /usage`."""

import dataclasses
from typing import Any

from common.runtime.request_parameters import Parameter, matching
from recognition.runtime.spending.monthly_usage import Day, Month, UsageTable

REPORT_DAYS = 31
MONTH_PATTERN = r"20[0-9]{2}-(0[1-9]|1[0-2])"


MONTH = Parameter(
    name="month",
    about="The month, in UTC. Without it, this month and the last 31 days.",
    takes="a month, as in 2026-11",
    schema={"type": "string", "pattern": f"^{MONTH_PATTERN}$"},
    read=matching(MONTH_PATTERN),
)


def usage_report(usage: UsageTable, month: str | None) -> dict[str, Any]:
    """Return the counts of a month and of its days, newest first.

    Without a month, returns the counts of this month and the last REPORT_DAYS days.
    """
    counts = usage.month(month) if month else usage.this_month()
    days = counts.days if month else (usage.last_month().days + counts.days)[-REPORT_DAYS:]
    return {
        **_document(counts),
        "budget_usd": float(usage.budget) if usage.budget else None,
        "paused": usage.is_paused(),
        "days": [_document(day) for day in reversed(days)],
    }


def _document(counts: Month | Day) -> dict[str, Any]:
    """Return counts as a document. It has `abilities` only if there are any."""
    left_out = set() if counts.abilities else {"abilities"}
    return {name: value for name, value in dataclasses.asdict(counts).items() if name not in left_out}
