from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.prices import GROUPS, calls_for, cost_of, share_of
from common.runtime.abilities import ABILITIES

CALLS = st.one_of(st.integers(0, 40_000_000), st.sampled_from([999_999, 1_000_000, 1_000_001, 5_000_000, 5_000_001]))


@pytest.mark.parametrize(
    ("calls", "dollars"),
    [
        (0, "0"),
        (1, "0.001"),
        (1_000_000, "1000"),
        (1_000_001, "1000.0008"),
        (5_000_000, "4200"),
        (35_000_000, "22200"),
    ],
)
def test_a_month_costs_what_the_tiers_say(calls: int, dollars: str) -> None:
    assert cost_of(calls) == Decimal(dollars)


@given(CALLS)
def test_each_call_costs_something_and_none_more_than_the_one_before(calls: int) -> None:
    this, before = cost_of(calls + 2) - cost_of(calls + 1), cost_of(calls + 1) - cost_of(calls)
    assert 0 < this <= before


@given(st.one_of(st.decimals(0, 30_000, places=4), CALLS.map(cost_of)))
def test_a_budget_pays_for_as_many_calls_as_fit_into_it(budget: Decimal) -> None:
    calls = calls_for(budget)
    assert cost_of(calls) <= budget < cost_of(calls + 1)


def test_a_decimal_budget_is_exact() -> None:
    """In binary 0.1 is a little more, and 0.3 a little less."""
    assert (calls_for(0.1), calls_for(0.3), calls_for(0)) == (100, 300, 0)


def test_all_operations_share_the_tiers_of_one_group() -> None:
    """One counter of all calls holds the budget, which is right only within one group."""
    assert GROUPS.keys() == {"DetectLabels"} | {each.operation for each in ABILITIES.values()}
    assert len(set(GROUPS.values())) == 1


def test_shares_of_a_month_add_up_to_its_cost() -> None:
    cost = cost_of(2_000_000)
    assert share_of(cost, 500_000, 2_000_000) + share_of(cost, 1_500_000, 2_000_000) == cost == Decimal(1800)
    assert share_of(Decimal(0), 0, 0) == 0
