"""Examines messages that were tried often without success."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from cli.doctor.deployment import Deployment
from cli.doctor.finding import Finding, good, problem
from cli.functions import Function
from cli.log_entries import LogEntry
from cli.log_reader import LogReader
from cli.output import plural
from cli.queues import consumer, work_queues

MAX_RECEIVES = 5
"""If a picture is the cause of a failure, the failure is recorded before its message is received this often."""

PERIOD = timedelta(minutes=30)
"""The period of log lines to read. It must be longer than 15 minutes, the longest pause between two attempts."""

MAX_REASONS = 3


def check_retries(deployment: Deployment) -> Iterator[Finding]:
    """Report the messages that were received more than MAX_RECEIVES times, by queue and reason."""
    often = 0
    for queue in work_queues(deployment.target):
        function = consumer(deployment.target, queue) if queue.waiting + queue.in_flight else None
        if function is None:
            continue
        reasons = _by_reason(_retried(deployment, function))
        often += len(reasons)
        for reason, entries in sorted(reasons.items(), key=lambda item: -len(item[1]))[:MAX_REASONS]:
            count, image = plural(len(entries), "message"), entries[0].fields.get("image")
            example = f", such as {image}" if image else ""
            yield problem(
                f"{queue.name}: {count} received more than {MAX_RECEIVES} times{example}: {reason}",
                f"`sightline logs --function {function.name} --minutes 30` shows more; messages are tried again, and "
                "become dead letters when they fail too often",
            )
    if not often:
        yield good(f"no message in a queue was received more than {MAX_RECEIVES} times")


def _retried(deployment: Deployment, function: Function) -> list[LogEntry]:
    """Return the last line about each message that was received too often."""
    pattern = f"{{ $.receives > {MAX_RECEIVES} }}"
    reader = LogReader(deployment.client("logs"), [function], datetime.now(UTC) - PERIOD, pattern)
    entries = (entry for entry in reader.read_new() if _receives(entry) > MAX_RECEIVES)
    return list({entry.fields.get("message_id"): entry for entry in entries}.values())


def _receives(entry: LogEntry) -> int:
    receives = entry.fields.get("receives")
    return receives if isinstance(receives, int) else 0


def _by_reason(entries: list[LogEntry]) -> dict[str, list[LogEntry]]:
    reasons: dict[str, list[LogEntry]] = {}
    for entry in entries:
        reasons.setdefault(str(entry.fields.get("reason")), []).append(entry)
    return reasons
