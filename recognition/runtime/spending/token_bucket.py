"""Limit the rate of calls."""

import threading
import time
from math import ceil

from common.runtime.message_batch import RetryLaterError

BURST_SECONDS = 0.25
"""The bucket holds the calls of this many seconds. This is about the duration of one call. With a smaller bucket, a
worker could not catch up after it waited for the last answers of a batch. With a larger bucket, workers that were idle
would together exceed the quota."""


class RateError(RetryLaterError):
    """A call would have to wait too long for this worker. `seconds` is the time until the call may be made."""


class TokenBucket:
    """Allows `calls_per_second` calls for all threads together, and a burst of BURST_SECONDS."""

    def __init__(self, calls_per_second: float) -> None:
        self._interval = 1 / calls_per_second
        self._lock = threading.Lock()
        self._next = 0.0

    def take(self, *, seconds: float) -> None:
        """Sleep until the caller may make one call.

        Raises:
            RateError: the caller would have to wait longer than `seconds`. Another call may then go first. A call that
                need not wait is never refused.
        """
        with self._lock:
            now = time.monotonic()
            turn = max(self._next, now - BURST_SECONDS)
            if turn - now > max(0.0, seconds):
                raise RateError("the rate of calls allows no earlier call", ceil(turn - now))
            self._next = turn + self._interval
        time.sleep(max(0.0, turn - now))
