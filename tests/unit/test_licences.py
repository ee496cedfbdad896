"""LICENSE is the licence that we name, and NOTICE lists what the Lambda layers contain."""

import hashlib
import json
import re
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.notice import notice

APACHE = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
"""SHA-256 of https://www.apache.org/licenses/LICENSE-2.0.txt"""

LAYERS = {
    "common/runtime/requirements.txt": "Common layer, the packages of common/runtime/requirements.txt",
    "common/imaging/requirements.txt": "Imaging layer, the packages of common/imaging/requirements.txt",
}
PAGE = "Gallery's layer, the packages in the page"

WORDS = {
    "Apache-2.0": "Apache License",
    "BSD-3-Clause": "Redistributions in binary form",
    "MIT": "The above copyright notice and this permission notice shall be included",
    "MIT-0": "MIT No Attribution",
    "MIT-CMU": "Permission to use, copy, modify and distribute this software",
    "MPL-2.0": "Mozilla Public License",
    "PSF-2.0": "PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2",
}
"""For each licence, a text that no other licence in NOTICE contains."""


def test_the_licence_is_apaches_whole_and_unchanged() -> None:
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == APACHE


def test_packages_and_readme_name_the_licence() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (project["license"], project["license-files"]) == ("Apache-2.0", ["LICENSE", "NOTICE"])
    assert json.loads((ROOT / "package.json").read_text())["license"] == "Apache-2.0"
    licences = (ROOT / "README.md").read_text().partition("\n## Licences\n")[2]
    assert "Apache License, Version 2.0 ([LICENSE](LICENSE))" in licences
    assert "[NOTICE](NOTICE)" in licences


@pytest.mark.parametrize("requirements", LAYERS)
def test_the_notice_lists_the_packages_of_each_layer(requirements: str) -> None:
    listed = notice()[LAYERS[requirements]].keys()
    packages = set(re.findall(r"^([\w.-]+)==", (ROOT / requirements).read_text(), re.MULTILINE))
    assert packages
    missing, superfluous = sorted(packages - listed), sorted(listed - packages)
    assert not missing, (
        f"NOTICE lacks {', '.join(missing)}: add name, licence and address below {LAYERS[requirements]!r}"
    )
    assert not superfluous, f"NOTICE lists {', '.join(superfluous)}, which {requirements} does not have"


@pytest.mark.parametrize("requirements", LAYERS)
def test_the_notice_names_the_licence_that_each_package_comes_with(requirements: str) -> None:
    for package, licence in notice()[LAYERS[requirements]].items():
        files = [file for file in distribution(package).files or [] if "dist-info" in str(file)]
        texts = [
            Path(str(file.locate())).read_text() for file in files if re.search("licen[cs]e", file.name, re.IGNORECASE)
        ]
        assert any(WORDS[licence] in text for text in texts), f"{package} does not come with the text of {licence}"


def test_the_notice_lists_the_packages_in_the_gallerys_page() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    sources = "".join(file.read_text() for file in (ROOT / "recognition/gallery/src").rglob("*.ts*"))
    waiting = set(re.findall(r'from "(@[\w-]+/[\w-]+|[\w-]+)', sources))
    packages: dict[str, str] = {}
    while waiting:
        package = waiting.pop()
        entry = lock[f"node_modules/{package}"]
        packages[package] = entry["license"]
        waiting |= entry.get("dependencies", {}).keys() - packages.keys()
    assert "preact" in packages
    assert notice()[PAGE] == packages, f"NOTICE, {PAGE}: it has to list {packages}"
