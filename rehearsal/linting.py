"""Lint templates with cfn-lint, while the next combinations are synthesized."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rehearsal.findings import Finding, Templates


class Lint:
    """A run of cfn-lint over the templates of some combinations of settings."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="rehearsal-")
        self._combinations: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None

    def add(self, combination: str, templates: Templates) -> None:
        """Add the templates of a combination."""
        folder = Path(self._folder.name) / str(len(self._combinations))
        folder.mkdir()
        self._combinations.append(combination)
        for stack, template in templates.items():
            (folder / f"{stack}.json").write_text(json.dumps(template))

    def begin(self) -> None:
        """Start cfn-lint."""
        files = sorted(map(str, Path(self._folder.name).glob("*/*.json")))
        command = [str(Path(sys.executable).with_name("cfn-lint")), "--format", "json", "--", *files]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603 - our own command

    def end(self) -> list[tuple[str, Finding]]:
        """Wait for cfn-lint. Returns (combination, finding) for each error and each warning.

        Raises:
            RuntimeError: cfn-lint failed.
        """
        if self._process is None:
            raise TypeError("cfn-lint was not started")
        output, _ = self._process.communicate()
        self._folder.cleanup()
        try:
            matches = json.loads(output)
        except ValueError as error:
            raise RuntimeError(f"cfn-lint ended with {self._process.returncode}") from error
        return [
            (
                self._combinations[int(Path(match["Filename"]).parent.name)],
                Finding(
                    rule=match["Rule"]["Id"],
                    place=_place(Path(match["Filename"]).stem, match["Location"]["Path"] or []),
                    message=match["Message"],
                    fix=match["Rule"]["Source"],
                ),
            )
            for match in matches
        ]


def _place(stack: str, path: Sequence[str | int]) -> str:
    """Return `stack/logical id` of the resource or output in a match."""
    return "/".join([stack, *map(str, path[1:2])])
