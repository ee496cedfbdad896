"""A function's settings, out of its environment variables."""

import os
from dataclasses import fields
from typing import TypeVar

T = TypeVar("T")


def from_environment(kind: type[T]) -> T:
    """Fill a dataclass of text fields from the variables named like them, in capitals.

    Raises:
        KeyError: a variable is missing, which is a fault of the deployment.
    """
    return kind(**{field.name: os.environ[field.name.upper()] for field in fields(kind)})  # type: ignore[arg-type]
