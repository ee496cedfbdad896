"""`sightline search`: images by labels, texts and names."""

from typing import Annotated

import typer

from cli.images import show_images
from cli.lists import print_list
from cli.options import JsonOption, LimitOption, TargetOption, open_target

Names = list[str] | None

LabelsArgument = Annotated[Names, typer.Argument(help="Labels, parents or aliases; case does not matter.")]
TextOption = Annotated[
    Names, typer.Option(help="A word in the picture, or the beginning of a word, such as INV*; may be repeated.")
]
CelebrityOption = Annotated[Names, typer.Option(help="A celebrity's whole name; may be repeated.")]
ModerationOption = Annotated[Names, typer.Option(help="A moderation label or its parent; may be repeated.")]
ExcludeOption = Annotated[Names, typer.Option(help="A label that images must not have; may be repeated.")]
SinceOption = Annotated[
    str | None, typer.Option("--from", help="Uploaded at or after this date or time, such as 2026-11-20.")
]
UntilOption = Annotated[
    str | None, typer.Option("--to", help="Uploaded at or before this; a date includes its whole day.")
]


def command(
    *,
    labels: LabelsArgument = None,
    text: TextOption = None,
    celebrity: CelebrityOption = None,
    moderation: ModerationOption = None,
    any_of: Annotated[
        bool, typer.Option("--any", help="Find images with one of the terms, not only images with all terms.")
    ] = False,
    exclude: ExcludeOption = None,
    min_confidence: Annotated[
        float, typer.Option(min=0, max=100, help="The lowest confidence of each term, in per cent.")
    ] = 0,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: LimitOption = 20,
    as_json: JsonOption = False,
    target: TargetOption = None,
) -> None:
    """Find images by labels, texts and names, best first.

    For example: sightline search dog beach --min-confidence 90, or: sightline search --text invoice --text '2026*'
    """
    names = {"label": labels, "text": text, "celebrity": celebrity, "moderation": moderation, "exclude": exclude}
    query = {
        **{name: values or [] for name, values in names.items()},
        "match": "any" if any_of else "all",
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
