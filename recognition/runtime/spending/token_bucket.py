"""Limit the rate of calls."""

import threading
import time
from math import ceil

from common.runtime.message_batch import RetryLaterError

BURST_SECONDS = 0.25
"""The bucket holds the calls of this many seconds, which is about the duration of one call. A smaller bucket would
not let a worker catch up after it waited for the last answers of a batch. With a larger one, workers that were idle
would together exceed the quota."""


class RateError(RetryLaterError):
    """The turn of a call comes too late for this worker. `seconds` says when it comes."""


class TokenBucket:
    """Admits `calls_per_second` calls of all threads together, and a burst of BURST_SECONDS."""

    def __init__(self, calls_per_second: float) -> None:
        self._interval = 1 / calls_per_second
        self._lock = threading.Lock()
        self._next = 0.0

    def take(self, *, seconds: float) -> None:
        """Sleep until the caller may make one call.

        Raises:
            RateError: the turn comes only after `seconds`. Another call gets it. Without a wait, no call is refused.
        """
        with self._lock:
            now = time.monotonic()
            turn = max(self._next, now - BURST_SECONDS)
            if turn - now > max(0.0, seconds):
                raise RateError("the rate of calls allows no earlier one", ceil(turn - now))
            self._next = turn + self._interval
        time.sleep(max(0.0, turn - now))
