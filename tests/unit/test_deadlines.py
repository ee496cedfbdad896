import threading
import time

import pytest

from common.runtime.deadlines import DeadlineError, call_within


def test_a_result_in_time_is_returned() -> None:
    assert call_within(5, lambda: "answer", name="call") == "answer"
    assert call_within(5, lambda: None, name="call") is None


@pytest.mark.parametrize("error", [ValueError("wrong"), KeyboardInterrupt()])
def test_an_error_is_raised_where_the_caller_waits(error: BaseException) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        call_within(5, fail, name="call")
    assert raised.value is error


def test_a_call_that_does_not_end_is_left_behind() -> None:
    released = threading.Event()
    began = time.monotonic()
    with pytest.raises(DeadlineError):
        call_within(0.05, lambda: released.wait(30), name="left behind")
    assert time.monotonic() - began < 20
    released.set()
    for thread in threading.enumerate():
        if thread.name == "left behind":
            thread.join(20)
            assert not thread.is_alive()
