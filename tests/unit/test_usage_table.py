import io

from rich.console import Console

from cli.usage import show


def test_days_without_a_count_are_left_out_and_waiting_is_said() -> None:
    def line(calls: int, hits: int) -> dict[str, float]:
        return {"calls": calls, "cache_hits": hits, "cost_usd": calls / 1000, "saved_usd": hits / 1000}

    days = [{"day": "2026-11-21", **line(1234, 0)}, {"day": "2026-11-20", **line(0, 0)}]
    printed = io.StringIO()
    found = {"month": "2026-11", **line(1234, 5), "budget_usd": 1.234, "paused": True, "days": days}
    show(found, Console(file=printed, width=80), billed=True)
    text = printed.getvalue()
    assert "2026-11-21  1,234  $1.234" in text
    assert "billed" not in text
    assert "2026-11-20" not in text
    assert "pictures wait" in text
    assert "budget: $1.234 a month" in text


def test_on_a_laptop_nothing_was_billed() -> None:
    printed = io.StringIO()
    line = {"calls": 1, "cache_hits": 0, "cost_usd": 0.001, "saved_usd": 0.0}
    show(
        {"month": "2026-11", **line, "budget_usd": None, "paused": False, "days": []},
        Console(file=printed),
        billed=False,
    )
    assert "Nothing was billed: this system runs on a laptop." in printed.getvalue()
