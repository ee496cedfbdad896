"""Calls for abilities count towards the month's budget, and towards the ability's own share."""

import dataclasses
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest

from recognition.runtime.spending.monthly_usage import OverBudgetError, UsageTable
from recognition.runtime.spending.usage_report import usage_report
from tests.functional.atomic_counts import Atomic


@pytest.fixture
def spending(tables: dict[str, str]) -> Callable[[str], UsageTable]:
    """The table, as a worker with this budget sees it."""
    return lambda dollars: UsageTable(tables["usage"], Decimal(dollars))


def test_fifty_workers_with_several_abilities_make_exactly_the_calls_that_the_budget_pays_for(
    spending: Callable[[str], UsageTable],
) -> None:
    table: Any = Atomic()
    workers = [dataclasses.replace(spending("0.12"), dynamodb=table, without_retries=table) for _ in range(50)]
    together, made = threading.Barrier(50), Counter[str | None]()
    guard = threading.Lock()

    def work(worker: UsageTable) -> None:
        together.wait(60)
        for operation in (None, "text", "faces", "moderation"):
            with suppress(OverBudgetError), worker.count_call(operation), guard:
                made[operation] += 1

    with ThreadPoolExecutor(50) as pool:
        list(pool.map(work, workers))
    month = spending("0").this_month()
    assert (made.total(), month.calls) == (120, 120)
    assert {name: share.calls for name, share in month.abilities.items()} == {
        name: number for name, number in made.items() if name
    }
    assert month.days[-1].abilities == month.abilities


def test_a_months_usage_has_the_shares_of_abilities_that_were_asked(spending: Callable[[str], UsageTable]) -> None:
    worker = spending("0")
    for ability in (None, "text", "text"):
        with worker.count_call(ability):
            pass
    worker.count_cache_hit("faces")
    shown = usage_report(worker, None)
    assert (shown["calls"], shown["cache_hits"]) == (3, 1)
    shares = {
        "text": {"calls": 2, "cache_hits": 0, "cost_usd": 0.002, "saved_usd": 0},
        "faces": {"calls": 0, "cache_hits": 1, "cost_usd": 0, "saved_usd": 0.001},
    }
    assert (shown["abilities"], shown["days"][0]["abilities"]) == (shares, shares)
