"""Keeping under a rate of calls, without bursts."""

import threading
import time


class Pace:
    """At most `calls_per_second` calls of all threads together, evenly spaced.

    A token bucket of one token: with a larger one the workers' first seconds would add up to a burst over the quota.
    """

    def __init__(self, calls_per_second: float) -> None:
        self._interval = 1 / calls_per_second
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        """Return when it is the caller's turn."""
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + self._interval
        time.sleep(turn - now)
