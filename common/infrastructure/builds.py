"""Build the folders of Lambda assets. The same content is built only once."""

import os
import re
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD_FOLDER = ROOT / ".build"


class BuildError(RuntimeError):
    """An asset could not be built. The message is the reason in one line, then the output of the failed command."""


def build_once(folder: Path, fill: Callable[[Path], None]) -> Path:
    """Return `folder`. If it does not exist, `fill` writes its content first.

    Several processes may build the same folder at the same time.
    """
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        new = Path(temporary) / "new"
        fill(new)
        try:
            new.rename(folder)
        except OSError:  # another process was first; it wrote the same content
            if not folder.is_dir():
                raise
    return folder


def run_build_command(command: list[str], *, target: str) -> None:
    """Run a command that builds `target`.

    Raises:
        BuildError: the command failed.
    """
    plain = {**os.environ, "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=ROOT, env=plain, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    if done.returncode:
        printed = (done.stderr or done.stdout).strip()
        raise BuildError(f"{target} could not be built: {_reason(printed)}\n{printed}")


def _reason(printed: str) -> str:
    """Return the line that says why. uv prints a chain of causes, and the last one is the reason."""
    causes = re.findall(r"^ *cause: (.+)", printed, re.MULTILINE)
    return causes[-1] if causes else printed.partition("\n")[0] or "the command printed nothing"
