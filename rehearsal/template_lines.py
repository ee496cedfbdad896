"""Writes the templates of a tree as lines that can be compared: `python -P template_lines.py OUTPUT`.

PYTHONPATH names the tree. The program synthesizes the combinations of settings that the tree itself defines.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app import build_app
from rehearsal.combinations import COMBINATIONS, context

HASH = re.compile(r"\b[0-9a-f]{64}\b")


def main(output: Path) -> None:
    """Write the lines of each combination as JSON."""
    lines = {name: list(template_lines(context(name))) for name in COMBINATIONS}
    output.write_text(json.dumps(lines))


def template_lines(settings: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each value in the templates of one combination: the stack, the path and the value."""
    assembly = build_app({**settings, "aws:cdk:disable-asset-staging": True}).synth()
    for stack in assembly.stacks:
        for path, value in flat(stack.template):
            yield f"{stack.stack_name} {'.'.join(path)} = {HASH.sub('<asset hash>', value)}"


def flat(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield each value within a JSON document, with its path."""
    if isinstance(value, dict) and value:
        for name, child in value.items():
            yield from flat(child, (*path, name))
    elif isinstance(value, list) and value:
        for number, child in enumerate(value):
            yield from flat(child, (*path, str(number)))
    else:
        yield path, json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
