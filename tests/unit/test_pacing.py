from concurrent.futures import ThreadPoolExecutor

import pytest

import pacing


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(pacing, "time", made)
    return made


def test_calls_at_once_are_spread_evenly_whatever_the_thread(clock: Clock) -> None:
    pace = pacing.Pace(4)
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda _: pace.wait(), range(10)))
    assert sorted(clock.slept) == pytest.approx([number / 4 for number in range(10)])


def test_a_pause_gives_no_burst_afterwards(clock: Clock) -> None:
    pace = pacing.Pace(4)
    pace.wait()
    clock.now += 60
    pace.wait()
    pace.wait()
    assert clock.slept == pytest.approx([0, 0, 0.25])
