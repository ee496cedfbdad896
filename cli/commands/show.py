"""`sightline show`: shows everything that is known about an image."""

from cli.api_client import CallError
from cli.images import read_image, show_image
from cli.options import JsonOption, NameArgument, TargetOption, open_target
from cli.output import failing_on, out


def command(name: NameArgument, as_json: JsonOption = False, target: TargetOption = None) -> None:
    """Show an image's record, its labels and a URL of the picture. The URL works for 5 minutes."""
    with failing_on(CallError):
        record = read_image(open_target(target), name)
    if as_json:
        out.print_json(data=record)
    else:
        show_image(record)
