"""The descriptions of the APIs and docs/api.md agree with the code."""

import json
from pathlib import Path

import pytest
from openapi_spec_validator import validate

from common.openapi import descriptions, files

DESCRIPTIONS = descriptions()
FILES = files()


@pytest.mark.parametrize("path", DESCRIPTIONS, ids=lambda path: path.name)
def test_a_description_is_valid(path: Path) -> None:
    validate(json.loads(DESCRIPTIONS[path]))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_is_what_make_openapi_would_write(path: Path) -> None:
    assert path.read_text() == FILES[path], "run `make openapi`"
