"""The table of `sightline usage`."""

import io
from typing import Any

import pytest
from rich.console import Console

from cli.commands import usage


def printed(document: dict[str, Any], monkeypatch: pytest.MonkeyPatch, *, billed: bool) -> str:
    text = io.StringIO()
    monkeypatch.setattr(usage, "out", Console(file=text, width=80))
    usage.show(document, billed=billed)
    return text.getvalue()


def test_days_without_calls_are_left_out_and_waiting_pictures_are_mentioned(monkeypatch: pytest.MonkeyPatch) -> None:
    def line(calls: int, hits: int) -> dict[str, float]:
        return {"calls": calls, "cache_hits": hits, "cost_usd": calls / 1000, "saved_usd": hits / 1000}

    days = [{"day": "2026-11-21", **line(1234, 0)}, {"day": "2026-11-20", **line(0, 0)}]
    month = {"month": "2026-11", **line(1234, 5), "budget_usd": 1.234, "paused": True, "days": days}
    text = printed(month, monkeypatch, billed=True)
    assert "2026-11-21  1,234  $1.234" in text
    assert "billed" not in text
    assert "2026-11-20" not in text
    assert "pictures wait" in text
    assert "budget: $1.234 a month" in text


def test_a_local_system_bills_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    line = {"calls": 1, "cache_hits": 0, "cost_usd": 0.001, "saved_usd": 0.0}
    month: dict[str, Any] = {"month": "2026-11", **line, "budget_usd": None, "paused": False, "days": []}
    assert "Nothing was billed: this system runs on your machine." in printed(month, monkeypatch, billed=False)


def test_a_month_is_broken_down_by_ability(monkeypatch: pytest.MonkeyPatch) -> None:
    abilities = {
        "text": {"calls": 2, "cache_hits": 1, "cost_usd": 0.002, "saved_usd": 0.001},
        "faces": {"calls": 1, "cache_hits": 0, "cost_usd": 0.001, "saved_usd": 0.0},
    }
    total = {"calls": 5, "cache_hits": 3, "cost_usd": 0.005, "saved_usd": 0.003}
    month: dict[str, Any] = {
        "month": "2026-11",
        **total,
        "abilities": abilities,
        "budget_usd": None,
        "paused": False,
        "days": [],
    }
    rows = [line.split() for line in printed(month, monkeypatch, billed=True).splitlines()]
    assert rows[1:] == [
        ["2026-11", "5", "$0.005", "3", "$0.003"],
        ["labels", "2", "$0.002", "2", "$0.002"],
        ["text", "2", "$0.002", "1", "$0.001"],
        ["faces", "1", "$0.001", "0", "$0.000"],
    ]
