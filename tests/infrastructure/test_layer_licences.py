"""Every package in the layers comes with its licence, and NOTICE lists it."""

import re
from pathlib import Path

import pytest

from common.infrastructure.layers import IMAGING, RUNTIME, build_page_layer, build_python_layer
from common.settings import Settings
from recognition.features.gallery_page import PAGE
from tests.notice import notice


@pytest.mark.parametrize("folder", [RUNTIME, IMAGING], ids=lambda folder: folder.name)
def test_each_package_in_a_layer_comes_with_its_licences_text(folder: Path) -> None:
    packages = list(build_python_layer(folder, Settings()).glob("python/*.dist-info"))
    assert packages
    for package in packages:
        texts = [
            file for file in package.rglob("*") if file.is_file() and re.match("licen[cs]e", file.name, re.IGNORECASE)
        ]
        assert texts, f"{package.name} has no licence's text"


def test_the_notice_lists_the_libraries_in_the_wheels() -> None:
    listed = {name for section, names in notice().items() if section.startswith("Libraries") for name in names}
    libraries = list(build_python_layer(IMAGING, Settings()).glob("python/*.libs/*.so*"))
    assert libraries
    missing = {re.split("[-.]", file.name)[0] for file in libraries} - listed
    assert not missing, f"NOTICE lacks {', '.join(sorted(missing))}: add name, licence and address"


def test_the_page_comes_with_the_licences_of_its_packages() -> None:
    text = (build_page_layer(PAGE, "gallery_page") / "python/gallery_page/licenses.txt").read_text()
    found = dict(re.findall(r"^## (\S+) - \S+ \((.+)\)$", text, re.MULTILINE))
    assert found == notice()["Gallery's layer, the packages in the page"]
    assert text.count("Permission is hereby granted") == len(found)
