from concurrent.futures import ThreadPoolExecutor

import pytest

from recognition.runtime.spending import token_bucket


class Clock:
    """A clock that a test sets."""

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
    monkeypatch.setattr(token_bucket, "time", made)
    return made


def test_beyond_a_quarter_of_a_second_calls_are_spread_evenly_whatever_the_thread(clock: Clock) -> None:
    bucket = token_bucket.TokenBucket(20)
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda _: bucket.take(seconds=60), range(10)))
    assert sorted(clock.slept) == pytest.approx([0, 0, 0, 0, 0, 0, 0.05, 0.1, 0.15, 0.2])


def test_a_long_pause_saves_up_no_more_than_that(clock: Clock) -> None:
    bucket = token_bucket.TokenBucket(20)
    for _ in range(2):
        clock.now += 3600
        clock.slept.clear()
        for _ in range(8):
            bucket.take(seconds=60)
        assert clock.slept == pytest.approx([0, 0, 0, 0, 0, 0, 0.05, 0.1])


def test_a_slow_pace_lets_no_two_calls_through_at_once(clock: Clock) -> None:
    bucket = token_bucket.TokenBucket(2)
    for _ in range(3):
        bucket.take(seconds=60)
    assert clock.slept == pytest.approx([0, 0.25, 0.75])


def test_a_call_whose_turn_comes_too_late_waits_without_taking_the_turn(clock: Clock) -> None:
    bucket = token_bucket.TokenBucket(0.5)
    bucket.take(seconds=1)
    for _ in range(2):
        with pytest.raises(token_bucket.RateError) as told:
            bucket.take(seconds=1)
        assert told.value.seconds == 2
    bucket.take(seconds=2)
    assert clock.slept == pytest.approx([0, 1.75])


def test_a_call_whose_turn_has_come_is_made_however_little_time_is_left(clock: Clock) -> None:
    token_bucket.TokenBucket(0.5).take(seconds=-1)
    assert clock.slept == [0]
