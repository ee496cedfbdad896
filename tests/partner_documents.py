"""Reads the documents that the third party gets, by their schema."""

from functools import cache
from pathlib import Path
from typing import Any

import xmlschema

INTEGRATION = Path(__file__).parents[1] / "integration"


@cache
def _schema(file: str) -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(INTEGRATION / file)


def read(document: bytes | str) -> dict[str, Any]:
    """Return a document of schema 1 as a dictionary. Fails if the schema does not accept it."""
    return _read(document, "recognition.xsd")


def read_2(document: bytes | str) -> dict[str, Any]:
    """Return a document of schema 2 as a dictionary. Fails if the schema does not accept it."""
    return _read(document, "recognition2.xsd")


def _read(document: bytes | str, file: str) -> dict[str, Any]:
    text = document.decode() if isinstance(document, bytes) else document
    content: Any = _schema(file).to_dict(text)
    return dict(content)
