"""Collect the files of a Lambda function's package: the handler, and the modules of the stack that the handler
imports."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAYERS = "common"
"""The Python package that layers contain. Functions import it from their layers."""


class PackageError(RuntimeError):
    """A handler imports a module that its package cannot contain. The message names both."""


def package_files(handler_module: str) -> list[Path]:
    """Return the files of one function's package, sorted, relative to the repository's root.

    `handler_module` is a module's full name, such as `recognition.runtime.list_images`. The package holds that module,
    every module of the same stack that it imports directly or indirectly, and the data files with the name of one of
    these modules (`list_images.openapi.json`). Modules of `common` come from layers.

    Raises:
        PackageError: a module imports code of another stack, or code that no function may contain.
    """
    stack = handler_module.partition(".")[0]
    found = {Path(stack) / "__init__.py"}
    waiting, seen = [handler_module], set()
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        source = _source(module)
        found.update(path.relative_to(ROOT) for path in source.parent.glob(f"{source.stem}.*"))
        for imported in _own_imports(source):
            if imported.startswith(f"{LAYERS}."):
                continue
            if not imported.startswith(f"{stack}.runtime."):
                raise PackageError(f"{module} imports {imported}; a function may import {LAYERS} and {stack}.runtime")
            waiting.append(imported)
    return sorted(found)


def _source(module: str) -> Path:
    source = ROOT.joinpath(*module.split(".")).with_suffix(".py")
    if not source.is_file():
        raise PackageError(f"there is no module {module}")
    return source


def _own_imports(source: Path) -> Iterator[str]:
    """Yield the full names of the repository's modules that a file imports."""
    for module, imported in _import_statements(source.read_bytes()):
        names = [f"{module}.{name}" for name in imported] if module else imported
        yield from (name for name in (each if _is_module(each) else module for each in names) if _is_module(name))


@cache
def _import_statements(source: bytes) -> list[tuple[str, list[str]]]:
    """Return each import of a file as (module or "", imported names).

    Results are kept, because functions share most files.
    """
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.append(("", [alias.name for alias in node.names]))
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append((node.module, [alias.name for alias in node.names]))
    return found


def _is_module(name: str) -> bool:
    return ROOT.joinpath(*name.split(".")).with_suffix(".py").is_file()
