import threading
import time

import pytest

from common.runtime import caches


def test_a_cached_result_is_kept_until_all_caches_are_cleared() -> None:
    calls: list[int] = []

    @caches.cached
    def read() -> int:
        calls.append(1)
        return len(calls)

    assert [read(), read()] == [1, 1]
    caches.clear_all()
    assert read() == 2


def test_only_the_latest_results_are_kept_where_their_number_is_limited() -> None:
    calls: list[int] = []

    @caches.cached_up_to(2)
    def double(number: int) -> int:
        calls.append(number)
        return 2 * number

    assert [double(number) for number in (1, 2, 2, 3, 1)] == [2, 4, 4, 6, 2]
    assert calls == [1, 2, 3, 1]
    caches.clear_all()
    double(1)
    assert calls == [1, 2, 3, 1, 1]


def test_a_timed_result_is_read_again_after_its_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    calls: list[int] = []

    @caches.cached_for(60)
    def read() -> int:
        calls.append(1)
        return len(calls)

    assert [read(), read()] == [1, 1]
    now = 59.9
    assert read() == 1
    now = 60.0
    assert read() == 2
    read.clear()
    assert read() == 3
    caches.clear_all()
    assert read() == 4


def test_an_error_is_not_kept() -> None:
    failures = [ValueError("once")]

    @caches.cached_for(60)
    def read() -> str:
        if failures:
            raise failures.pop()
        return "value"

    with pytest.raises(ValueError, match="once"):
        read()
    assert read() == "value"


def test_threads_that_need_a_timed_result_read_it_once() -> None:
    calls: list[int] = []

    @caches.cached_for(60)
    def read() -> int:
        calls.append(1)
        time.sleep(0.05)
        return len(calls)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls == [1]
