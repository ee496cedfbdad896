"""`sightline labels`: the labels and names that can be searched for."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from cli.lists import print_list
from cli.options import JsonOption, LimitOption, TargetOption, open_target
from cli.output import say


class Kind(StrEnum):
    """The kinds of names that a search can use."""

    LABEL = "label"
    TEXT = "text"
    CELEBRITY = "celebrity"
    MODERATION = "moderation"


def command(
    prefix: Annotated[str | None, typer.Option(help="Only labels that begin with this; case does not matter.")] = None,
    kind: Annotated[Kind, typer.Option(help="Labels, or words, celebrities or moderation labels.")] = Kind.LABEL,
    limit: LimitOption = 100,
    as_json: JsonOption = False,
    target: TargetOption = None,
) -> None:
    """List labels or other names, with the number of images of each. They are in alphabetical order."""
    found = open_target(target)
    print_list(
        found,
        f"{found.labels_url}/labels",
        {"kind": kind.value, "prefix": prefix},
        limit=limit,
        as_json=as_json,
        show=_show,
        nothing="no label or name begins with this prefix" if prefix else "there are no labels or names yet",
    )


def _show(found: list[dict[str, Any]]) -> None:
    for entry in found:
        say(f"{entry['images']:8}  {entry['label']}")
