"""Imports say where a module lives: from the repository's root, without search paths that an editor does not know."""

import ast
import subprocess
import tomllib
from pathlib import Path

from tests.conftest import ROOT

SOURCES = [Path(name) for name in subprocess.check_output(["git", "ls-files", "*.py"], cwd=ROOT, text=True).split("\n")]
OWN = {source.parts[0] for source in SOURCES if len(source.parts) > 1}
ALONE = {Path("benchmarks/workshop/workshop_handler.py")}
"""The code of the compared workshop, which runs by itself."""


def own_imports(source: Path) -> list[str]:
    """Return the full names of the repository's modules that a file imports."""
    names = []
    for node in ast.walk(ast.parse((ROOT / source).read_bytes())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{source}:{node.lineno}: a relative import"
            names.append(node.module or "")
    return [name for name in names if name.partition(".")[0] in OWN]


def is_module(name: str) -> bool:
    module = ROOT.joinpath(*name.split("."))
    return module.with_suffix(".py").is_file() or module.is_dir()


def test_own_imports_resolve_from_the_root() -> None:
    sources = [source for source in SOURCES if source.suffix and source not in ALONE]
    assert [(source, name) for source in sources for name in own_imports(source) if not is_module(name)] == []


def test_no_tool_needs_further_search_paths() -> None:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    assert tools["pytest"]["pythonpath"] == ["."]
    assert not {"mypy_path", "src"} & {*tools["mypy"], *tools["ruff"]}
