"""Prints the lists that the APIs return."""

from collections.abc import Callable, Mapping
from typing import Any

from cli.api_client import CallError, entries
from cli.output import err, failing_on, out
from cli.target import Target


def print_list(
    target: Target,
    url: str,
    query: Mapping[str, Any],
    *,
    limit: int,
    as_json: bool,
    show: Callable[[list[dict[str, Any]]], None],
    nothing: str,
) -> None:
    """Read the first `limit` entries of a list and print them. Say on stderr if there are more, or none.

    Raises:
        typer.Exit: the list could not be read.
    """
    with failing_on(CallError):
        found = entries(target, url, query, limit + 1)
    if as_json:
        out.print_json(data=found[:limit])
    else:
        show(found[:limit])
    if len(found) > limit:
        err.print(f"the list has more than {limit} entries; --limit shows more")
    elif not found and not as_json:
        err.print(nothing)
