"""Reads the documents that the third party gets, by their schema."""

from pathlib import Path
from typing import Any

import xmlschema

SCHEMA = xmlschema.XMLSchema(Path(__file__).parents[1] / "integration" / "recognition.xsd")


def read(document: bytes | str) -> dict[str, Any]:
    """Return the document as a dictionary. Fails if the schema does not accept it."""
    text = document.decode() if isinstance(document, bytes) else document
    content: Any = SCHEMA.to_dict(text)
    return dict(content)
