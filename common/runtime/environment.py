"""Reads a function's settings from its environment variables."""

import os
from dataclasses import MISSING, fields
from typing import TypeVar

T = TypeVar("T")


def from_environment(kind: type[T]) -> T:
    """Fill a dataclass of text fields from the variables named like the fields, in capitals.

    A variable may be missing if its field has a default.

    Raises:
        KeyError: a variable is missing, because of an error in the deployment.
    """
    needed = [field for field in fields(kind) if field.default is MISSING or field.name.upper() in os.environ]  # type: ignore[arg-type]
    return kind(**{field.name: os.environ[field.name.upper()] for field in needed})
