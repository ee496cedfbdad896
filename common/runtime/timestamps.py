"""Times as text: UTC with milliseconds, such as `2026-11-20T09:30:00.123Z`. As text they sort by time."""

from datetime import UTC, datetime, timedelta


def timestamp(moment: datetime) -> str:
    """Return a time as text. The time must have a zone."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def now() -> str:
    """Return the current time as text."""
    return timestamp(datetime.now(UTC))


def moment(text: str) -> datetime:
    """Return the time in a text of this form.

    Raises:
        ValueError: the text is not such a time.
    """
    return datetime.fromisoformat(text)


def next_timestamp(text: str) -> str:
    """Return the time one millisecond after the time in a text."""
    return timestamp(moment(text) + timedelta(milliseconds=1))
