"""NOTICE, as the tests read it."""

import re

from tests.conftest import ROOT


def notice() -> dict[str, dict[str, str]]:
    """Return the licence of each package and library, by the heading of its list."""
    found: dict[str, dict[str, str]] = {}
    heading = ""
    for line in (ROOT / "NOTICE").read_text().splitlines():
        if line.endswith(":"):
            heading = line.removesuffix(":")
        elif entry := re.fullmatch(r"  (\S+) {2,}(\S+(?: AND \S+)*) {2,}(http\S+?)(, .+)?", line):
            found.setdefault(heading, {})[entry[1]] = entry[2]
        else:
            assert not line.startswith(" "), f"NOTICE: {line!r} is no name, licence and address"
    return found
