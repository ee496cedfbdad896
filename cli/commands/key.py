"""`sightline key`: the API key, for scripts."""

from cli.options import TargetOption, open_target
from cli.output import fail, out


def command(target: TargetOption = None) -> None:
    """Print the API key. Nothing else goes to stdout."""
    found = open_target(target)
    if not found.api_key:
        fail("no API key is accepted; if the setting `auth` is api_key, `sightline rotate-key` creates one")
    out.print(found.api_key, markup=False)
