"""Signals and the terminal of `make local`."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StoppedError(BaseException):
    """A signal asks the program to stop. `except Exception` does not catch this error."""

    def __init__(self, number: int) -> None:
        self.number = number


def raise_on_signals() -> None:
    """Raise StoppedError on the first signal to stop, and ignore further ones."""

    def stop(number: int, _: Any) -> None:
        for each in STOPS:
            signal.signal(each, signal.SIG_IGN)
        if number == signal.SIGHUP:  # the terminal is gone, so printing would fail
            nowhere = os.open(os.devnull, os.O_RDWR)
            for stream in (sys.stdout, sys.stderr):
                os.dup2(nowhere, stream.fileno())
        raise StoppedError(number)

    for each in STOPS:
        # A shell makes its background commands ignore Ctrl-C, but Ctrl-C must end `run`.
        if each == signal.SIGINT or signal.getsignal(each) != signal.SIG_IGN:
            signal.signal(each, stop)


@contextmanager
def own_terminal() -> Iterator[None]:
    """Handle Ctrl-C instead of make, which would end with an error. Ignore Ctrl-Z, which make would not notice."""
    before = os.getpgrp()
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
        is_makes = os.tcgetpgrp(terminal) == before != os.getpid()
    except OSError:  # there is no terminal
        is_makes = False
    if not is_makes:
        yield
        return
    # Without this, the process is stopped when it gives the terminal back.
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    os.setpgid(0, 0)
    os.tcsetpgrp(terminal, os.getpid())
    try:
        yield
    finally:
        with suppress(OSError):  # the terminal was closed
            os.tcsetpgrp(terminal, before)
