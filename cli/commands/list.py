"""`sightline list`: the newest images."""

from cli.images import show_images
from cli.lists import print_list
from cli.options import JsonOption, LimitOption, TargetOption, open_target


def command(limit: LimitOption = 20, as_json: JsonOption = False, target: TargetOption = None) -> None:
    """List images, newest first."""
    found = open_target(target)
    print_list(
        found,
        found.labels_url,
        {},
        limit=limit,
        as_json=as_json,
        show=show_images,
        nothing="there are no images yet",
    )
