"""Documents name files and tests that exist, and docs/security.md settings and targets that exist."""

import re
from functools import cache
from pathlib import Path

import pytest

from common.settings import Settings
from tests.conftest import ROOT
from tests.unit.test_docs import DOCUMENTS

SECURITY = (ROOT / "docs" / "security.md").read_text()


@cache
def named_tests() -> frozenset[str]:
    sources = "".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    return frozenset(re.findall(r"def (test_\w+)\(", sources))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_files_that_a_document_names_exist(document: Path) -> None:
    """Paths are relative to the repository."""
    for path in re.findall(r"`((?:[\w.-]+/)+[\w-]+\.(?:py|xsd|csv|yml|txt))`", document.read_text()):
        assert (ROOT / path).is_file(), f"{document.name} names {path}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_tests_that_a_document_names_exist(document: Path) -> None:
    """A name may be cut with `…`."""
    for test, cut in re.findall(r"`(test_\w+)(…?)`", document.read_text()):
        found = [name for name in named_tests() if name == test or (cut and name.startswith(test))]
        assert found, f"{document.name} names {test}"


def test_the_settings_and_targets_of_the_security_page_exist() -> None:
    targets = re.findall(r"`make ([\w-]+)`", SECURITY)
    settings = re.findall(r"`(api_\w+|log_\w+)`", SECURITY)
    assert all([targets, settings])
    assert [target for target in targets if f"\n{target}: " not in (ROOT / "Makefile").read_text()] == []
    assert set(settings) <= {*Settings.model_fields, "api_key"}
