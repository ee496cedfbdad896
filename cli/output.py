"""Printing: results go to stdout, everything else to stderr. No name or id is cut off."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from common.runtime.visible_text import visible

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def fail(error: Exception | str) -> NoReturn:
    """Print an error and end with exit code 1."""
    text = "\n".join(map(visible, str(error).splitlines()))
    err.print("[red]✗[/red]", escape(text), emoji=False)
    raise typer.Exit(1)


@contextmanager
def failing_on(*kinds: type[Exception]) -> Iterator[None]:
    """If an error of these kinds occurs, print one line and end."""
    try:
        yield
    except kinds as error:
        fail(error)


def confirmed(question: str) -> bool:
    """Ask a question on stderr. Returns True for yes; no is the default.

    Raises:
        typer.Abort: nobody answers.
    """
    return typer.confirm(question, err=True)


def progress_bar() -> Progress:
    """Create a progress display, which only a terminal shows."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=err, transient=True, disable=not err.is_terminal)


def say(line: str) -> None:
    """Print a line to stdout. It may contain other people's text, so line ends and markup in it have no effect."""
    out.print(visible(line), markup=False, emoji=False)


def show_entry(fields: Sequence[str], title: str, *details: str) -> None:
    """Print one entry of a list.

    A terminal gets the title and indented details. The terminal wraps long lines, so a copied line is complete. A pipe
    gets one line with tabs between the fields, for grep and cut.
    """
    if not out.is_terminal:
        out.file.write("\t".join(map(visible, fields)) + "\n")  # print would turn tabs into spaces
        return
    out.print(f"[bold]{escape(visible(title))}[/bold]", emoji=False)
    for detail in details:
        say(f"  {detail}")


def minute(time: str) -> str:
    """Return an API's timestamp without seconds, such as 2026-11-20 09:30."""
    return time[:16].replace("T", " ")


def plural(count: int, noun: str) -> str:
    """Return a number with its noun, such as "1 message" or "2,000 messages"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
