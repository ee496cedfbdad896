"""Reading what the third party gets, by its schema."""

from pathlib import Path
from typing import Any

import xmlschema

SCHEMA = xmlschema.XMLSchema(Path(__file__).parents[1] / "integration" / "recognition.xsd")


def read(document: bytes | str) -> dict[str, Any]:
    """The document as a dictionary; fails if the schema does not accept it."""
    text = document.decode() if isinstance(document, bytes) else document
    content: Any = SCHEMA.to_dict(text)
    return dict(content)
