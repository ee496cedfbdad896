"""Turns the functions' log lines into entries for people."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cli.queues import read_object

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

PLATFORM_TEXT = re.compile(r"(INIT_START|START|END|REPORT) ")
"""The beginning of Lambda's own lines if its log format is text. The embedded cloud uses this format."""

UNSUCCESSFUL = re.compile(r"\bStatus: (error|timeout)\b")

HIDDEN_FIELDS = {
    *("level", "message", "correlation_id", "timestamp", "location", "service", "sampling_rate", "xray_trace_id"),
    *("cold_start", "function_name", "function_memory_size", "function_arn", "function_request_id", "requestId"),
    *("stack", "exception", "stackTrace", "stack_trace"),
}
"""Members of a log line that are shown elsewhere, or not at all."""


@dataclass(frozen=True)
class LogEntry:
    """One log line of a function. A line without a level is not JSON, because the runtime or a library wrote it."""

    time: datetime
    function: str
    level: str | None
    message: str
    correlation_id: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    stack: str = ""

    def is_at_least(self, level: str) -> bool:
        """Return True if the line is at least as severe as a level. Returns True for every line without a level."""
        return self.level not in LEVELS or LEVELS.index(self.level) >= LEVELS.index(level)


def read_entry(function: str, milliseconds: int, text: str) -> LogEntry | None:
    """Read a line of CloudWatch Logs. Returns None for metrics and for Lambda's reports of successful invocations."""
    time = datetime.fromtimestamp(milliseconds / 1000, UTC)
    document = read_object(text)
    if "_aws" in document:
        return None
    if PLATFORM_TEXT.match(text) or str(document.get("type", "")).startswith("platform."):
        status = _failed_status(text, document)
        return LogEntry(time, function, "ERROR", f"Lambda ended the invocation: {status}") if status else None
    if not document:
        return LogEntry(time, function, None, text.rstrip("\n"))
    return LogEntry(
        time,
        function,
        str(document["level"]).upper() if "level" in document else None,
        str(document.get("message", "")),
        _text(document.get("correlation_id")),
        {name: value for name, value in document.items() if name not in HIDDEN_FIELDS},
        _stack(document),
    )


def _failed_status(text: str, document: Mapping[str, Any]) -> str | None:
    """Return the status if the text is Lambda's report of a failed invocation."""
    if not document:
        found = UNSUCCESSFUL.search(text)
        return found[1] if found else None
    record = document.get("record")
    if document["type"] != "platform.report" or not isinstance(record, dict) or record.get("status") == "success":
        return None
    return str(record.get("status"))


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _stack(document: Mapping[str, Any]) -> str:
    """Return the traceback. Our functions, Powertools or Lambda's runtime may have written it."""
    for name in ("stack", "exception", "stackTrace"):
        if found := document.get(name):
            return "".join(map(str, found)) if isinstance(found, list) else str(found)
    return ""
