"""A circuit breaker for one receiver. While the receiver is down, it gets only occasional test calls (probes).

All workers share the receiver's state. While the breaker is closed, all workers call. It opens after FAILURES in a row,
or when the receiver asks for a pause. Then no worker calls until `retry_at`. After that one worker at a time may probe
with one document. An answer closes the breaker. A failure opens it for twice as long.

A worker that had an answer in the last seconds makes calls in parallel. Failures among these calls are not counted,
because the receiver answers other calls. After such a failure, and at the worker's start, the worker makes one call at
a time. It counts failures until it gets an answer. So few calls are made during an outage, and occasional failures do
not open the breaker.
"""

import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Protocol

from integration.runtime.webhooks.receiver_answers import Answer

FAILURES = 5
"""The number of consecutive failures, of all workers together, that opens the breaker."""

FIRST_PROBE_SECONDS = 5
LAST_PROBE_SECONDS = 60
LEASE_SECONDS = 20
"""The time after which another worker may probe. It is a little longer than the time limit of a call."""

PROBED_SECONDS = 2
"""The time that a message waits while another worker probes."""

CACHE_SECONDS = 5
"""The time for which a worker uses the state that it read. A closed breaker costs one read in this time."""

SURE_SECONDS = 5
"""The time after an answer in which a worker makes the calls of its batch in parallel."""


class PausedError(Exception):
    """The receiver must not be called for `seconds`."""

    def __init__(self, reason: str, seconds: float) -> None:
        super().__init__(reason)
        self.seconds = seconds


@dataclass(frozen=True, kw_only=True)
class State:
    """The state of a receiver. Times are seconds since 1970. The breaker is closed if `retry_at` is None."""

    failures: int = 0
    retry_at: float | None = None
    interval: int = FIRST_PROBE_SECONDS
    probe_until: float | None = None


class Store(Protocol):
    """Shares the state between workers. Every change is one write, and returns the new state."""

    def read(self) -> State:
        """Return the state as of the last write."""

    def failed(self) -> State:
        """Count a failure, and return the new state."""

    def open(self, *, retry_at: float, interval: int, seen: float | None) -> tuple[bool, State]:
        """Open the breaker unless another worker changed it since we read it. Returns (opened, state)."""

    def probe(self, *, now: float, until: float) -> tuple[bool, State]:
        """Claim the probe if it is due and no other worker holds it. Returns (claimed, state)."""

    def close(self, *, seen: float | None) -> tuple[bool, State]:
        """Forget the state unless another worker changed it since we read it. Returns (closed, state)."""


class Breaker:
    """The breaker of one worker. Threads may share it.

    When this worker changes the state, it calls `changed` with True if the breaker opened, and with the reason.
    """

    def __init__(
        self, store: Store, *, changed: Callable[[bool, str], None], clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._changed = changed
        self._clock = clock
        self._state = State()
        self._fresh_until = 0.0
        self._sure_until = 0.0
        self._alone = threading.Lock()

    def call(self, send: Callable[[], Answer], *, until: float) -> Answer:
        """Send if the receiver may be called now, and if `until` (seconds since 1970) has not passed.

        Raises:
            PausedError: the receiver must not be called now.
        """
        while True:
            sure = self._is_sure()
            with nullcontext() if sure else self._alone:
                if self._is_sure() == sure:  # else it changed while this thread waited
                    return self._send(send, until, counts=not sure)

    def _is_sure(self) -> bool:
        return self._clock() < self._sure_until

    def _send(self, send: Callable[[], Answer], until: float, *, counts: bool) -> Answer:
        seen = self._admit(until)
        answer = send()
        if answer.verdict == "again":
            self._sure_until = 0
            if counts or seen is not None or answer.pause is not None:
                self._failed(answer, seen)
        else:
            self._sure_until = self._clock() + SURE_SECONDS
            self._answered(seen)
        return answer

    def _admit(self, until: float) -> float | None:
        """Return None for a call that may be made, or `retry_at` for a probe. Raises PausedError otherwise."""
        now = self._clock()
        if now > until:
            raise PausedError("this invocation has no time left", 0)
        if now >= self._fresh_until:
            self._fresh_until = now + CACHE_SECONDS  # one thread reads
            self._know(self._store.read())
        if self._state.retry_at is None:
            return None
        claimed = False
        if now >= self._state.retry_at:
            claimed, state = self._store.probe(now=now, until=now + LEASE_SECONDS)
            self._know(state)
        retry_at = self._state.retry_at
        if claimed or retry_at is None:
            return retry_at
        if now < retry_at:
            raise PausedError("the receiver is down or wants a pause", retry_at - now)
        raise PausedError("the receiver is being probed", PROBED_SECONDS)

    def _answered(self, seen: float | None) -> None:
        # A call from before a pause may be answered during the pause. Only a probe may end the pause.
        if seen is not None or (self._state.failures and self._state.retry_at is None):
            closed, state = self._store.close(seen=seen)
            self._know(state)
            if closed and seen is not None:
                self._changed(False, "the receiver answers again")

    def _failed(self, answer: Answer, seen: float | None) -> None:
        state = self._store.failed()
        if answer.pause is not None:
            wait, interval = max(1, answer.pause), FIRST_PROBE_SECONDS
        elif seen is not None:  # this was the probe
            wait = interval = min(2 * state.interval, LAST_PROBE_SECONDS)
        elif state.failures >= FAILURES and state.retry_at is None:
            wait = interval = FIRST_PROBE_SECONDS
        else:
            self._know(state)
            return
        opened, state = self._store.open(retry_at=self._clock() + wait, interval=interval, seen=seen)
        self._know(state)
        if opened:
            self._changed(True, f"{answer}; no call for {wait} s")

    def _know(self, state: State) -> None:
        self._state = state
        # An open breaker cannot change before `retry_at`, so it is not read earlier.
        self._fresh_until = max(self._clock() + CACHE_SECONDS, state.retry_at or 0)
