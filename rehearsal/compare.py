"""Compares the templates of a revision with those of the working tree: `make compare-templates BASE=<revision>`.

A refactoring must not change the templates. If the logical id of a table changed, CloudFormation would replace the
table.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rehearsal import template_lines

ROOT = Path(__file__).resolve().parents[1]

SHARED = (".build", "node_modules")
"""Folders that a synth needs and git ignores. The revision uses the folders of the working tree."""

Templates = Mapping[str, Sequence[str]]
"""The lines of the templates, by combination of settings."""


def main(base: str) -> int:
    """Print the differences between the templates, except asset hashes. Returns the exit code: 1 if there are any."""
    with tempfile.TemporaryDirectory() as folder:
        before = synthesized(extracted(base, Path(folder) / "tree"))
        after = synthesized(ROOT)
    found = list(differences(before, after))
    for line in found:
        print(line)
    print(f"{len(before | after)} combinations of settings compared with {base}: ", end="")
    print("the templates are equal apart from asset hashes." if not found else "the templates differ.")
    return 1 if found else 0


def extracted(revision: str, folder: Path) -> Path:
    """Write the files of a revision into a new folder. Returns the folder."""
    folder.mkdir()
    archive = subprocess.run(["git", "archive", revision], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout  # noqa: S603, S607
    subprocess.run(["tar", "-x"], cwd=folder, input=archive, check=True)  # noqa: S607
    for name in SHARED:
        (ROOT / name).mkdir(exist_ok=True)
        (folder / name).symlink_to(ROOT / name)
    return folder


def synthesized(tree: Path) -> dict[str, list[str]]:
    """Synthesize all combinations of a tree in a new process, because both trees have the same module names."""
    with tempfile.NamedTemporaryFile(suffix=".json") as output:
        command = [sys.executable, "-P", "-W", "ignore", template_lines.__file__, output.name]
        subprocess.run(command, cwd=tree, check=True, env={**os.environ, "PYTHONPATH": str(tree)})  # noqa: S603
        lines: dict[str, list[str]] = json.load(output)
        return lines


def differences(before: Templates, after: Templates) -> Iterator[str]:
    """Yield the removed (-) and added (+) lines of each combination, after the name of the combination."""
    changes: dict[tuple[str, ...], list[str]] = defaultdict(list)
    found: dict[str, list[str]] = defaultdict(list)
    for combination in dict.fromkeys([*before, *after]):
        old, new = before.get(combination, []), after.get(combination, [])
        for sign, lines, others in (("-", old, set(new)), ("+", new, set(old))):
            for line in lines:
                if line not in others:
                    found[f"{sign} {line}"].append(combination)
    for line, named in found.items():
        changes[tuple(dict.fromkeys(named))].append(line)
    for combinations, changed in changes.items():
        yield f"With {', '.join(combinations)}:"
        # Lines with the same path are together, the removed line first.
        yield from (
            f"  {line}" for line in sorted(changed, key=lambda line: (line[2:].partition(" = ")[0], line[0] == "+"))
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
