"""`sightline labels`: the labels that can be searched for."""

from typing import Annotated, Any

import typer

from cli.api_client import CallError, entries
from cli.options import JsonOption, LimitOption, TargetOption, open_target
from cli.output import failing_on, say, show_list


def command(
    prefix: Annotated[str | None, typer.Option(help="Only labels that begin with this; case does not matter.")] = None,
    limit: LimitOption = 100,
    as_json: JsonOption = False,
    target: TargetOption = None,
) -> None:
    """List labels with their numbers of images. They are in alphabetical order."""
    with failing_on(CallError):
        found = open_target(target)
        show_list(
            entries(found, f"{found.labels_url}/labels", {"prefix": prefix}, limit + 1),
            limit,
            as_json=as_json,
            show=_show,
            nothing="there are no such labels" if prefix else "there are no labels yet",
        )


def _show(found: list[dict[str, Any]]) -> None:
    for entry in found:
        say(f"{entry['images']:8}  {entry['label']}")
