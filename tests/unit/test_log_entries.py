"""Log lines as `sightline logs` shows them."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.log_entries import LogEntry, read_entry

TIME = datetime(2026, 11, 20, 9, 30, 0, 123_000, UTC)
MILLISECONDS = 1_795_167_000_123


def read(line: str | dict[str, Any]) -> LogEntry | None:
    return read_entry("Project", MILLISECONDS, line if isinstance(line, str) else json.dumps(line))


def test_a_line_of_our_functions_has_level_message_id_and_further_fields() -> None:
    stack = "Traceback (most recent call last):\nValueError: no"
    line = {
        "level": "ERROR",
        "location": "failure_handler:99",
        "message": "message failed",
        "timestamp": "2026-11-20 09:30:00,123+0000",
        "service": "Project",
        "function_request_id": "r",
        "correlation_id": "c",
        "image": "a.jpg",
        "tried_seconds": 3,
        "stack": stack,
    }
    fields = {"image": "a.jpg", "tried_seconds": 3}
    assert read(line) == LogEntry(TIME, "Project", "ERROR", "message failed", "c", fields, stack)


def test_an_exception_of_lambdas_runtime_has_its_stack() -> None:
    stack = ["  File a, line 1\n", "    fail()\n"]
    line = {"level": "ERROR", "message": "no", "errorType": "ValueError", "stackTrace": stack, "requestId": "r"}
    assert read(line) == LogEntry(TIME, "Project", "ERROR", "no", None, {"errorType": "ValueError"}, "".join(stack))


@pytest.mark.parametrize("line", ["Traceback (most recent call last):\n", "[1]", '{"a": ', "STARTED", ""])
def test_other_text_is_shown_without_a_level(line: str) -> None:
    assert read(line) == LogEntry(TIME, "Project", None, line.rstrip("\n"))


@pytest.mark.parametrize(
    "line",
    [
        "START RequestId: r Version: $LATEST",
        "END RequestId: r",
        "REPORT RequestId: r\tDuration: 3 ms\tBilled Duration: 3 ms",
        {"type": "platform.start", "record": {"requestId": "r"}},
        {"type": "platform.report", "record": {"status": "success"}},
        {"type": "platform.report", "record": None},
        {"_aws": {"CloudWatchMetrics": []}, "Calls": 1},
    ],
)
def test_metrics_and_reports_of_successful_invocations_are_not_shown(line: str | dict[str, Any]) -> None:
    assert read(line) is None


@pytest.mark.parametrize(
    "line",
    [
        "REPORT RequestId: r\tDuration: 3000.00 ms\tStatus: timeout",
        {"type": "platform.report", "record": {"status": "timeout"}},
    ],
)
def test_a_failed_invocation_is_an_error(line: str | dict[str, Any]) -> None:
    assert read(line) == LogEntry(TIME, "Project", "ERROR", "Lambda ended the invocation: timeout")


@pytest.mark.parametrize(("level", "shown"), [("DEBUG", False), ("WARNING", True), ("CRITICAL", True), (None, True)])
def test_lines_without_a_level_pass_every_level(level: str | None, shown: bool) -> None:
    assert LogEntry(TIME, "Project", level, "").is_at_least("WARNING") is shown


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
NAMES = st.sampled_from(["level", "message", "type", "record", "correlation_id", "stack", "stackTrace", "other"])


@given(st.text() | st.dictionaries(NAMES, JSON).map(json.dumps))
def test_any_line_can_be_read(line: str) -> None:
    entry = read(line)
    assert entry is None or (isinstance(entry.message, str) and isinstance(entry.stack, str))
