"""Keeping to a rate of calls."""

import threading
import time

BURST_SECONDS = 0.25
"""How much of its rate a bucket holds: about what a call takes. With less, a worker could not make up for the time in
which a batch's last answers are waited for; with more, workers that rested would together burst over the quota."""


class Pace:
    """A token bucket: at most `calls_per_second` calls of all threads together, and a quarter of a second's more."""

    def __init__(self, calls_per_second: float) -> None:
        self._interval = 1 / calls_per_second
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        """Return when it is the caller's turn."""
        with self._lock:
            now = time.monotonic()
            turn = max(self._next, now - BURST_SECONDS)
            self._next = turn + self._interval
        time.sleep(max(0.0, turn - now))
