"""A checkout as its users have it: its folders, and what `make` does before anything is installed."""

import json

from tests.conftest import ROOT

STATE = ROOT / ".local"
"""Where the embedded cloud keeps its state by default; jsii unpacks its JavaScript below."""


def test_no_package_json_makes_es_modules_of_the_files_that_jsii_unpacks() -> None:
    """Node takes a `.js` file for what the nearest package.json above it declares, and jsii's are CommonJS."""
    above = [STATE / "tmp", STATE, ROOT]
    packages = [folder / "package.json" for folder in above if (folder / "package.json").is_file()]
    assert packages, "without one, a package.json above the checkout decides"
    assert [str(file) for file in packages if json.loads(file.read_text()).get("type") == "module"] == []
