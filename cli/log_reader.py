"""Reads the new log lines of several functions again and again. Returns each line once."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from cli.functions import Function
from cli.log_entries import LogEntry, read_entry

LATE = timedelta(seconds=30)
"""CloudWatch Logs may show a line this long after the line's own time."""


class LogReader:
    """Reads lines that were written from `start` on.

    `pattern` is a filter pattern of CloudWatch Logs, so that fewer lines are read. Callers must still filter the lines,
    because the embedded cloud ignores patterns for JSON.
    """

    def __init__(self, logs: Any, functions: Sequence[Function], start: datetime, pattern: str = "") -> None:
        self._logs = logs
        self._functions = functions
        self._start = start
        self._pattern = {"filterPattern": pattern} if pattern else {}
        self._seen: dict[tuple[str, str], int] = {}

    def read_new(self) -> list[LogEntry]:
        """Return the lines that were not returned yet, oldest first.

        Raises:
            BotoCoreError, ClientError: CloudWatch Logs refused a call or did not answer.
        """
        read_at = datetime.now(UTC)
        found = [entry for function in self._functions for entry in self._read(function)]
        self._start = max(self._start, read_at - LATE)
        first = _milliseconds(self._start)
        self._seen = {key: time for key, time in self._seen.items() if time >= first}
        return sorted(found, key=lambda entry: entry.time)

    def _read(self, function: Function) -> list[LogEntry]:
        pages = self._logs.get_paginator("filter_log_events").paginate(
            logGroupName=function.log_group, startTime=_milliseconds(self._start), **self._pattern
        )
        try:
            events = [event for page in pages for event in page["events"]]
        except self._logs.exceptions.ResourceNotFoundException:  # the function has not logged anything yet
            return []
        return [entry for event in events if self._is_new(event) and (entry := _entry(function, event))]

    def _is_new(self, event: dict[str, Any]) -> bool:
        # The embedded cloud gives no ids. In the embedded cloud, a stream holds one invocation.
        key = event["logStreamName"], event.get("eventId") or f"{event['timestamp']} {event['message']}"
        if key in self._seen:
            return False
        self._seen[key] = event["timestamp"]
        return True


def _entry(function: Function, event: dict[str, Any]) -> LogEntry | None:
    return read_entry(function.name, event["timestamp"], event["message"])


def _milliseconds(time: datetime) -> int:
    return int(time.timestamp() * 1000)
