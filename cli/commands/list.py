"""`sightline list`: the newest images."""

from cli.api_client import CallError, entries
from cli.images import show_images
from cli.options import JsonOption, LimitOption, TargetOption, open_target
from cli.output import failing_on, show_list


def command(limit: LimitOption = 20, as_json: JsonOption = False, target: TargetOption = None) -> None:
    """List images, newest first."""
    with failing_on(CallError):
        found = open_target(target)
        show_list(
            entries(found, found.labels_url, {}, limit + 1),
            limit,
            as_json=as_json,
            show=show_images,
            nothing="there are no images yet",
        )
