"""Limits the time of calls that have no time limit."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

T = TypeVar("T")


class DeadlineError(Exception):
    """A call did not end in time."""


def call_within(seconds: float, function: Callable[[], T], *, name: str) -> T:
    """Return the result of `function`. It runs in a thread with this name.

    A socket's timeout limits the time between two bytes, and not the time of a whole answer. Looking up a name has no
    limit at all. So a server that sends its headers one by one could keep us busy for hours.

    Raises:
        DeadlineError: the time is over. The thread runs on until `function` ends.
        BaseException: `function` raised it.
    """
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(function())
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            outcome.set_exception(error)

    # This is not an executor, because Python waits for an executor's threads when it ends.
    threading.Thread(target=run, name=name, daemon=True).start()
    wait([outcome], timeout=seconds)
    if not outcome.done():
        raise DeadlineError
    return outcome.result()
