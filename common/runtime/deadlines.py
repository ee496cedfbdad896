"""Limits the time of calls that have no limit of their own."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

T = TypeVar("T")


class DeadlineError(Exception):
    """A call did not end in time."""


def call_within(seconds: float, function: Callable[[], T], *, name: str) -> T:
    """Return the result of `function`, which runs in a thread of this name.

    Sockets time out between two bytes, never over a whole answer, and looking up a name has no limit at all. A server
    that sends its headers one by one could keep us busy for hours.

    Raises:
        DeadlineError: the time is over. The thread runs on until `function` ends.
        BaseException: whatever `function` raises.
    """
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(function())
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            outcome.set_exception(error)

    # Not an executor: Python waits for its threads when it ends.
    threading.Thread(target=run, name=name, daemon=True).start()
    wait([outcome], timeout=seconds)
    if not outcome.done():
        raise DeadlineError
    return outcome.result()
