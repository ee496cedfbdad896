"""Take files as they are. The face networks need no conversion."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def build(files: Sequence[Path], folder: Path) -> None:
    """Copy files into a folder."""
    for file in files:
        shutil.copy(file, folder)
