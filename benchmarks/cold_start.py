"""Measure the import time of each Lambda function, and of a bare boto3 client for comparison: `make bench-cold-start`.

The benchmark synthesizes the stacks with wheels for this machine and this Python. The templates name the functions,
the code and the layers. Each import runs in a fresh process that sees only Lambda's modules: the code, the layers,
the standard library, boto3 and its dependencies. Imports alternate with `import boto3; boto3.client("s3")`; the results
are medians. The start of Python itself is not counted, because it is the same for all functions. Prints JSON.

`as_deployed` measures the imports as on Lambda: the modules of boto3 are compiled, and the modules of code and layers
only if they are deployed compiled. `compiled` measures the imports with all modules compiled.
"""

import argparse
import compileall
import io
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).resolve().parents[1]
RUNTIME = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3")
"""The packages that are part of Lambda's Python."""

BASE_LINE = 'import boto3; boto3.client("s3")'
PROGRAM = """\
import sys, time
sys.path[:] = {path!r}
started = time.perf_counter()
{statement}
print(time.perf_counter() - started)
"""
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
}
HEAVIEST = 6


@dataclass(frozen=True, kw_only=True)
class Function:
    """A synthesized function: the folders of its code and layers, and the services that call it."""

    name: str
    kind: Literal["queue", "api"]
    module: str
    code: Path
    layers: tuple[Path, ...]
    environment: dict[str, str]

    @property
    def statement(self) -> str:
        """Return the statement that imports the handler, as Lambda does when it starts a worker."""
        return f"import {self.module}"

    def path(self) -> list[Path]:
        """Return the folders that Python searches before Lambda's own modules: /var/task, then /opt/python."""
        return [self.code, *(layer / "python" for layer in self.layers)]


def synthesized(folder: Path) -> list[Function]:
    """Synthesize the three stacks for this machine, and put the assets into the folder. Returns the functions."""
    os.environ["CDK_OUTDIR"] = str(folder)
    os.environ.setdefault("JSII_NODE", str(Path(sys.executable).parent / "node"))
    from app import build_app  # noqa: PLC0415 - starts jsii, which then reads both

    context = json.loads((ROOT / "cdk.json").read_text())["context"] | {
        "architecture": "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64",
        "python_version": f"{sys.version_info.major}.{sys.version_info.minor}",
        "layer_platform": "host",
    }
    stacks = build_app(context).synth().stacks
    return [
        function
        for stack in stacks
        for function in functions(stack.template, assets(folder, folder / f"{stack.id}.assets.json"))
    ]


def assets(folder: Path, manifest: Path) -> dict[str, Path]:
    """Return the folders of the stack's assets, by their names in the template."""
    return {
        destination["objectKey"]: folder / entry["source"]["path"]
        for entry in json.loads(manifest.read_text())["files"].values()
        for destination in entry["destinations"].values()
    }


def functions(template: Mapping[str, Any], located: Mapping[str, Path]) -> list[Function]:
    """Return the functions that `python_function` added to a template. CDK's own functions are left out."""
    resources = template["Resources"]
    of_queues = {
        resource["Properties"]["FunctionName"]["Ref"]
        for resource in resources.values()
        if resource["Type"] == "AWS::Lambda::EventSourceMapping"
    }
    found = []
    for logical_id, resource in resources.items():
        properties = resource.get("Properties", {})
        variables = properties.get("Environment", {}).get("Variables", {})
        if resource["Type"] != "AWS::Lambda::Function" or "POWERTOOLS_SERVICE_NAME" not in variables:
            continue
        layers = [resources[layer["Ref"]]["Properties"]["Content"]["S3Key"] for layer in properties["Layers"]]
        found.append(
            Function(
                name=variables["POWERTOOLS_SERVICE_NAME"],
                kind="queue" if logical_id in of_queues else "api",
                module=properties["Handler"].rpartition(".")[0],
                code=located[properties["Code"]["S3Key"]],
                layers=tuple(located[layer] for layer in layers),
                environment={
                    name: value if isinstance(value, str) else "a reference" for name, value in variables.items()
                },
            )
        )
    return found


def copy_runtime(folder: Path) -> Path:
    """Copy Lambda's own packages and compile them, as on Lambda."""
    for name in RUNTIME:
        spec = find_spec(name)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(name)
        origin = Path(spec.origin)
        if origin.name == "__init__.py":
            shutil.copytree(origin.parent, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            folder.mkdir(exist_ok=True)
            shutil.copy(origin, folder)
    compileall.compile_dir(folder, quiet=1)
    return folder


def standard_library() -> list[Path]:
    """Return the module path of a Python without site packages."""
    return [Path(entry) for entry in _python(["-c", "import sys; print(*sys.path, sep='\\n')"], {}).splitlines()]


def _python(options: Sequence[str], environment: Mapping[str, str], *, errors: bool = False) -> str:
    """Run a fresh Python without site packages, user folder or current directory. It writes no compiled modules."""
    done = subprocess.run(  # noqa: S603 - this Python
        [sys.executable, "-I", "-S", "-B", *options], env=dict(environment), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stderr if errors else done.stdout


class Lambda:
    """Imports functions as Lambda does."""

    def __init__(self, runtime: Path) -> None:
        self._behind = [*standard_library(), runtime]

    def milliseconds(self, statement: str, path: Sequence[Path], environment: Mapping[str, str]) -> float:
        """Return the seconds that the statement takes in a fresh process."""
        return 1000 * float(_python(["-c", self._program(statement, path)], {**ENVIRONMENT, **environment}))

    def heaviest(self, function: Function) -> dict[str, float]:
        """Return the packages with the slowest modules, in ms.

        The measurement slows the imports down, so only the proportions of these times are meaningful.
        """
        program = self._program(function.statement, function.path())
        lines = _python(
            ["-X", "importtime", "-c", program], {**ENVIRONMENT, **function.environment}, errors=True
        ).splitlines()
        return {name: round(own / 1000, 1) for name, own in own_microseconds(lines).most_common(HEAVIEST)}

    def _program(self, statement: str, path: Sequence[Path]) -> str:
        return PROGRAM.format(path=[str(entry) for entry in [*path, *self._behind]], statement=statement)


def own_microseconds(lines: Iterable[str]) -> Counter[str]:
    """Read the output of `-X importtime`. Returns the time that each top-level package spends in its own modules."""
    packages: Counter[str] = Counter()
    for line in lines:
        own, _, module = (part.strip() for part in line.removeprefix("import time:").split("|"))
        if own.isdecimal():  # any other line is the heading
            packages[module.partition(".")[0]] += int(own)
    return packages


def sizes(folders: Sequence[Path]) -> dict[str, float]:
    """Return the megabytes that Lambda counts: each folder zipped, and all files."""
    zipped = unzipped = 0
    for folder in folders:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
            for file in filter(Path.is_file, folder.rglob("*")):
                target.write(file, file.relative_to(folder))
                unzipped += file.stat().st_size
        zipped += len(archive.getvalue())
    return {"zipped_mb": round(zipped / 2**20, 2), "unzipped_mb": round(unzipped / 2**20, 2)}


def measure(runner: Lambda, found: Sequence[Function], rounds: int) -> tuple[float, dict[str, float]]:
    """Return the median times of the base line and of each function, in ms.

    The measurements alternate, so a busy moment affects all of them.
    """
    base: list[float] = []
    times: dict[str, list[float]] = {function.name: [] for function in found}
    for _ in range(rounds):
        for function in found:
            base.append(runner.milliseconds(BASE_LINE, [], {}))
            taken = runner.milliseconds(function.statement, function.path(), function.environment)
            times[function.name].append(taken)
    return statistics.median(base), {name: statistics.median(taken) for name, taken in times.items()}


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    if rounds < 1:
        parser.error("--rounds must be 1 or more")
    with tempfile.TemporaryDirectory(prefix="sightline-bench-") as name:
        found = synthesized(Path(name) / "cdk.out")
        runner = Lambda(copy_runtime(Path(name) / "runtime"))
        rows: dict[str, dict[str, Any]] = {
            function.name: {
                "kind": function.kind,
                "module": function.module,
                **sizes([function.code, *function.layers]),
                "heaviest_ms": runner.heaviest(function),
            }
            for function in found
        }
        base_lines = {}
        for way in ("as_deployed", "compiled"):
            if way == "compiled":
                compileall.compile_dir(Path(name) / "cdk.out", quiet=1)
            base, times = measure(runner, found, rounds)
            base_lines[way] = round(base, 1)
            for function, taken in times.items():
                rows[function][way] = {"ms": round(taken, 1), "to_base_line": round(taken / base, 2)}
    machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    figures = {"rounds": rounds, "base_line": BASE_LINE, "base_line_ms": base_lines, "functions": rows}
    print(json.dumps({"benchmark": "cold start", **machine, **figures}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
