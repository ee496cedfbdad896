"""The descriptions that are handed out are those of the code."""

import json
from pathlib import Path

import pytest
from openapi_spec_validator import validate

from common.openapi import descriptions

DESCRIPTIONS = descriptions()


@pytest.mark.parametrize("path", DESCRIPTIONS, ids=lambda path: path.name)
def test_a_description_is_valid_and_what_make_openapi_would_write(path: Path) -> None:
    assert path.read_text() == DESCRIPTIONS[path], "run `make openapi`"
    validate(json.loads(DESCRIPTIONS[path]))
