"""`sightline labels`: the labels that can be searched for."""

from typing import Annotated, Any

import typer

from cli.lists import print_list
from cli.options import JsonOption, LimitOption, TargetOption, open_target
from cli.output import say


def command(
    prefix: Annotated[str | None, typer.Option(help="Only labels that begin with this; case does not matter.")] = None,
    limit: LimitOption = 100,
    as_json: JsonOption = False,
    target: TargetOption = None,
) -> None:
    """List labels, with the number of images of each. They are in alphabetical order."""
    found = open_target(target)
    print_list(
        found,
        f"{found.labels_url}/labels",
        {"prefix": prefix},
        limit=limit,
        as_json=as_json,
        show=_show,
        nothing="there are no such labels" if prefix else "there are no labels yet",
    )


def _show(found: list[dict[str, Any]]) -> None:
    for entry in found:
        say(f"{entry['images']:8}  {entry['label']}")
