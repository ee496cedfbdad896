"""A circuit breaker for one receiver: while it is down it is probed, not hammered.

The receiver's state is shared by all workers. Closed, everybody calls. After FAILURES in a row, or when the receiver
asks for a pause, it opens: nobody calls until `retry_at`. Then one worker at a time may probe with one document; an
answer closes it, a failure opens it for twice as long.

A worker that has had an answer in the last seconds calls side by side. Failures among such calls say little of a
receiver that answers others, and are not counted; but after one, as at its start, a worker calls one by one, and
counts, until it has an answer again. So an outage meets few calls, and failing now and then opens nothing.
"""

import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Protocol

from integration.runtime.webhooks.receiver_answers import Answer

FAILURES = 5
"""In a row, of all workers together."""

FIRST_PROBE_SECONDS = 5
LAST_PROBE_SECONDS = 60
LEASE_SECONDS = 20
"""How long a probe may take, a little over a call's own limit; then another worker may probe."""

PROBED_SECONDS = 2
"""How long to wait while somebody else probes."""

CACHE_SECONDS = 5
"""How long a worker goes by what it last read: at most so often a closed breaker costs a read."""

SURE_SECONDS = 5
"""How long after an answer a worker calls side by side, for all of its batch at once."""


class PausedError(Exception):
    """The receiver is not to be called now; `seconds` is how long not."""

    def __init__(self, reason: str, seconds: float) -> None:
        super().__init__(reason)
        self.seconds = seconds


@dataclass(frozen=True, kw_only=True)
class State:
    """What is known of a receiver. Times are seconds since 1970; closed means that `retry_at` is None."""

    failures: int = 0
    retry_at: float | None = None
    interval: int = FIRST_PROBE_SECONDS
    probe_until: float | None = None


class Store(Protocol):
    """Where the state is shared. Every change is one write, and answers with the state that came of it."""

    def read(self) -> State:
        """The state as of the last write."""

    def failed(self) -> State:
        """Count a failure."""

    def open(self, *, retry_at: float, interval: int, seen: float | None) -> tuple[bool, State]:
        """Open until then, unless somebody else has moved `retry_at` from what was seen; whether it was done."""

    def probe(self, *, now: float, until: float) -> tuple[bool, State]:
        """Claim the probe, unless it is not yet time or another worker holds it; whether it was done."""

    def close(self, *, seen: float | None) -> tuple[bool, State]:
        """Forget everything, unless somebody else has moved `retry_at` from what was seen; whether it was done."""


class Breaker:
    """One worker's view of it. Threads may share it.

    `changed` is told of each change that this worker made: open or not, and why.
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
        """Send, if the receiver may be called now, and it is not later than `until`, in seconds since 1970.

        Raises:
            PausedError: it may not.
        """
        while True:
            sure = self._is_sure()
            with nullcontext() if sure else self._alone:
                if self._is_sure() == sure:  # else it changed while this one waited for its turn
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
        """Return if a call may be made: None, or for a probe the `retry_at` that has come."""
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
        # What was sent before a pause was asked for may be answered after it, and must not end it: only a probe does.
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
        # An open breaker is not read again before its time, as only then anything can change.
        self._fresh_until = max(self._clock() + CACHE_SECONDS, state.retry_at or 0)
