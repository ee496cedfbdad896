"""Functions and files stay short enough to be read at once."""

import ast
import subprocess
from pathlib import Path

from tests.conftest import ROOT

MAX_FUNCTION_LINES = 40
MAX_FILE_LINES = 400

WRITTEN = {".py", ".ts", ".tsx", ".css", ".sh", ".md", ".yml", ".toml"}
"""Suffixes of files that are written by hand."""

GENERATED = {"docs/api.md"}

LONG_FUNCTIONS = {
    "app.py:build_app": "composes the stacks",
    "api/infrastructure.py:APIStack.__init__": "declares a stack's resources",
    "benchmarks/soak/sampling.py:plot": "declares a plot",
    "common/infrastructure/apis.py:json_api": "declares an API",
    "common/infrastructure/functions.py:python_function": "declares a function",
    "integration/infrastructure.py:IntegrationStack.__init__": "declares a stack's resources",
    "integration/infrastructure.py:IntegrationStack._receiver": "declares a receiver's resources",
    "recognition/features/label_index.py:LabelIndex.__init__": "declares a feature's resources",
    "recognition/features/list_api.py:ListApi.__init__": "declares an API and its function",
    "recognition/features/recognition_worker.py:RecognitionWorker.__init__": "declares a function and its grants",
    "recognition/infrastructure.py:RekognitionStack.__init__": "declares a stack's features",
    "tests/local/onnx_models.py:spot_detector": "declares a network",
}
"""Functions that only declare things, and what they declare."""


def _written_files() -> list[Path]:
    names = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines()
    return [Path(name) for name in names if Path(name).suffix in WRITTEN and name not in GENERATED]


def _functions(tree: ast.AST, owner: str = "") -> list[tuple[str, int]]:
    """Return all functions with their number of lines. Methods begin with their class."""
    found = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            found += _functions(node, f"{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno
            found.append((f"{owner}{node.name}", node.end_lineno - node.lineno + 1))
            found += _functions(node, f"{owner}{node.name}.")
        else:
            found += _functions(node, owner)
    return found


def test_no_function_is_longer_than_40_lines_unless_it_only_declares_things() -> None:
    long_functions = {
        f"{file}:{name}": lines
        for file in _written_files()
        if file.suffix == ".py"
        for name, lines in _functions(ast.parse((ROOT / file).read_text()))
        if lines > MAX_FUNCTION_LINES
    }
    assert {name: lines for name, lines in long_functions.items() if name not in LONG_FUNCTIONS} == {}
    assert LONG_FUNCTIONS.keys() - long_functions.keys() == set(), "these are short by now"


def test_no_file_is_longer_than_400_lines() -> None:
    long_files = {file: len((ROOT / file).read_text().splitlines()) for file in _written_files()}
    assert {str(file): lines for file, lines in long_files.items() if lines > MAX_FILE_LINES} == {}
