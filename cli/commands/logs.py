"""`sightline logs`: shows the new log lines of all functions, or the lines of the last minutes."""

import json
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.text import Text

from cli.functions import Function, UnknownFunctionError, choose_functions, deployed_functions
from cli.log_entries import LogEntry
from cli.log_reader import LogReader
from cli.options import TargetOption, open_target
from cli.output import err, failing_on, out, plural
from common.runtime.correlation_ids import well_formed
from common.runtime.visible_text import visible

POLL_SECONDS = 1.0
LEVEL_STYLES = {"DEBUG": "dim", "INFO": "green", "WARNING": "yellow", "ERROR": "red", "CRITICAL": "bold red"}
COLORS = ("cyan", "magenta", "blue", "bright_cyan", "bright_magenta", "bright_blue", "bright_green", "bright_yellow")
NONE = "-"


class Level(StrEnum):
    """The levels of the option `--level`."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


LevelOption = Annotated[
    Level,
    typer.Option(
        metavar="<level>", case_sensitive=False, help="Only this level or above: debug, info, warning or error."
    ),
]


class CorrelationIdError(ValueError):
    """A text is not a correlation id."""


def command(
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Print the last minutes and end. Default: follow until Ctrl-C.")
    ] = None,
    correlation_id: Annotated[
        str | None, typer.Option(help="Only lines about this upload: the request_id of its answer.")
    ] = None,
    function: Annotated[
        list[str] | None, typer.Option(help="Only this function, such as ImageRecognition; may be repeated.")
    ] = None,
    level: LevelOption = Level.DEBUG,
    target: TargetOption = None,
) -> None:
    """Show the functions' logs, and follow them.

    Each line has its time (UTC), function, level, correlation id, message and further fields.
    """
    with failing_on(CorrelationIdError, UnknownFunctionError, BotoCoreError, ClientError):
        if correlation_id is not None and not well_formed(correlation_id):
            raise CorrelationIdError(f"{correlation_id!r} is not a correlation id; `sightline show` prints an image's")
        found = open_target(target)
        functions = choose_functions(deployed_functions(found), function or [])
        pattern = f'"{correlation_id}"' if correlation_id else ""
        start = datetime.now(UTC) - timedelta(minutes=minutes or 0)
        reader = LogReader(found.client("logs"), functions, start, pattern)
        colors = {each.name: COLORS[number % len(COLORS)] for number, each in enumerate(functions)}

        def show_new() -> None:
            for entry in reader.read_new():
                if entry.is_at_least(level.upper()) and correlation_id in {None, entry.correlation_id}:
                    show(entry, colors)

        if minutes is None:
            _follow(functions, show_new)
        else:
            show_new()


def _follow(functions: Sequence[Function], show_new: Callable[[], None]) -> None:
    """Show new lines until Ctrl-C."""
    err.print(f"[dim]following {plural(len(functions), 'function')}; Ctrl-C ends this[/dim]")
    try:
        while True:
            show_new()
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        err.print()


def show(entry: LogEntry, colors: Mapping[str, str]) -> None:
    """Print a log line, in the colours of the functions. A pipe gets it without colours and with the date."""
    width = max(map(len, colors))
    moment = entry.time.isoformat(timespec="milliseconds").removesuffix("+00:00")
    out.print(
        Text.assemble(
            (moment.partition("T")[2] if out.is_terminal else f"{moment}Z", "dim"),
            (f" {entry.function:{width}}", colors[entry.function]),
            (f" {entry.level or NONE:7}", LEVEL_STYLES.get(entry.level or "", "")),
            (f" {visible(entry.correlation_id or NONE)}", _id_color(entry.correlation_id)),
            f" {visible(entry.message)}",
            ("".join(f" {name}={_value(value)}" for name, value in entry.fields.items()), "dim"),
        )
    )
    for line in entry.stack.splitlines():
        out.print(Text(f"    {visible(line)}", "dim"))


def _id_color(correlation_id: str | None) -> str:
    """Return the colour for an id. The same id always gets the same colour."""
    return COLORS[zlib.crc32(correlation_id.encode()) % len(COLORS)] if correlation_id else "dim"


def _value(value: Any) -> str:
    text = (
        value
        if isinstance(value, str) and value and not set(value) & set(' "=')
        else json.dumps(value, ensure_ascii=False)
    )
    return visible(text)
