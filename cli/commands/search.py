"""`sightline search`: images by their labels."""

from typing import Annotated

import typer

from cli.images import show_images
from cli.lists import print_list
from cli.options import JsonOption, LimitOption, TargetOption, open_target


def command(
    *,
    labels: Annotated[list[str], typer.Argument(help="Labels, parents or aliases; case does not matter.")],
    any_of: Annotated[bool, typer.Option("--any", help="Images with one of the labels, not only with all.")] = False,
    exclude: Annotated[
        list[str] | None, typer.Option(help="A label that images must not have; may be repeated.")
    ] = None,
    min_confidence: Annotated[float, typer.Option(min=0, max=100, help="For each label, in per cent.")] = 0,
    since: Annotated[
        str | None, typer.Option("--from", help="Uploaded at or after this date or time, such as 2026-11-20.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", help="Uploaded at or before this; a date includes its whole day.")
    ] = None,
    limit: LimitOption = 20,
    as_json: JsonOption = False,
    target: TargetOption = None,
) -> None:
    """Find images by their labels, best first.

    For example: sightline search dog beach --min-confidence 90
    """
    query = {
        "label": labels,
        "match": "any" if any_of else "all",
        "exclude": exclude or [],
        "min_confidence": f"{min_confidence:.4f}",
        **{name: value for name, value in (("from", since), ("to", until)) if value},
    }
    found = open_target(target)
    print_list(
        found,
        f"{found.labels_url}/search",
        query,
        limit=limit,
        as_json=as_json,
        show=show_images,
        nothing="no image was found",
    )
