"""Caches for values that a worker keeps between invocations: clients, settings, addresses.

Every cache is registered here, so that a test can begin with empty caches, like a new worker.
"""

import threading
import time
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_clear_functions: list[Callable[[], None]] = []


def cached(function: Callable[P, T]) -> Callable[P, T]:
    """Keep each result of the function until the worker ends."""
    wrapped: Callable[P, T] = _registered(cache(function))
    return wrapped


def cached_up_to(max_results: int) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Keep at most `max_results` results. The least recently used result is dropped first."""

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        wrapped: Callable[P, T] = _registered(lru_cache(maxsize=max_results)(function))
        return wrapped

    return decorate


class TimedCache(Generic[T]):
    """A function without parameters that keeps its result for some seconds. One thread at a time calls the function."""

    def __init__(self, function: Callable[[], T], seconds: float) -> None:
        self._function = function
        self._seconds = seconds
        self._lock = threading.Lock()
        self._result: tuple[T, float] | None = None

    def __call__(self) -> T:
        """Return the kept result, or call the function."""
        with self._lock:
            if self._result is None or time.monotonic() >= self._result[1]:
                self._result = (self._function(), time.monotonic() + self._seconds)
            return self._result[0]

    def clear(self) -> None:
        """Forget the result, so that the next call reads it again."""
        self._result = None


def cached_for(seconds: float) -> Callable[[Callable[[], T]], TimedCache[T]]:
    """Keep the result of the function for some seconds. Exceptions are not kept."""

    def decorate(function: Callable[[], T]) -> TimedCache[T]:
        timed = TimedCache(function, seconds)
        _clear_functions.append(timed.clear)
        return timed

    return decorate


def _registered(wrapped: Any) -> Any:  # typeshed's type for `cache` has lost the parameters
    _clear_functions.append(wrapped.cache_clear)
    return wrapped


def clear_all() -> None:
    """Forget all kept values. A test then begins like a new worker."""
    for clear in _clear_functions:
        clear()
