"""How long each Lambda function takes to be imported, beside a bare boto3 client: `make bench-cold-start`.

Takes functions, code and layers from the synthesized stacks, with wheels for this machine and this Python. Each
import runs in a fresh process that sees what Lambda has: the code, the layers, the standard library, boto3 and what
boto3 needs; nothing of the environment around it. In turns with `import boto3; boto3.client("s3")`; medians. The
start of Python itself, the same for all, is not counted. Prints JSON.

Lambda's own boto3 comes with compiled modules; code and layers do as far as they hold them when they are deployed.
`as_deployed` is so; `compiled` has all of them compiled, which shows what that would be worth.
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
"""The packages that Lambda's Python brings."""

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
    """A synthesized function: where its code and its layers lie, and who calls it."""

    name: str
    kind: Literal["queue", "api"]
    module: str
    code: Path
    layers: tuple[Path, ...]
    environment: dict[str, str]

    @property
    def statement(self) -> str:
        """What Lambda's init does."""
        return f"import {self.module}"

    def path(self) -> list[Path]:
        """What stands in front of Lambda's own modules: /var/task, then /opt/python."""
        return [self.code, *(layer / "python" for layer in self.layers)]


def synthesized(folder: Path) -> list[Function]:
    """The functions of the three stacks, for this machine, with the assets in the folder."""
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
    """Where the stack's assets lie, by the name that its template gives them."""
    return {
        destination["objectKey"]: folder / entry["source"]["path"]
        for entry in json.loads(manifest.read_text())["files"].values()
        for destination in entry["destinations"].values()
    }


def functions(template: Mapping[str, Any], located: Mapping[str, Path]) -> list[Function]:
    """The functions that `python_function` made, in a template; CDK's own do not count."""
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
    """Lambda's own packages, compiled as they are there."""
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
    """Where a Python without any site finds its modules."""
    return [Path(entry) for entry in _python(["-c", "import sys; print(*sys.path, sep='\\n')"], {}).splitlines()]


def _python(options: Sequence[str], environment: Mapping[str, str], *, errors: bool = False) -> str:
    """What a fresh Python says that sees no site, no user, no current directory, and writes no compiled modules."""
    done = subprocess.run(  # noqa: S603 - this Python
        [sys.executable, "-I", "-S", "-B", *options], env=dict(environment), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stderr if errors else done.stdout


class Lambda:
    """Imports as Lambda does."""

    def __init__(self, runtime: Path) -> None:
        self._behind = [*standard_library(), runtime]

    def milliseconds(self, statement: str, path: Sequence[Path], environment: Mapping[str, str]) -> float:
        """How long the statement takes in a fresh process."""
        return 1000 * float(_python(["-c", self._program(statement, path)], {**ENVIRONMENT, **environment}))

    def heaviest(self, function: Function) -> dict[str, float]:
        """The packages whose own modules take longest, in ms: relative weights, as being watched takes time itself."""
        program = self._program(function.statement, function.path())
        lines = _python(
            ["-X", "importtime", "-c", program], {**ENVIRONMENT, **function.environment}, errors=True
        ).splitlines()
        return {name: round(own / 1000, 1) for name, own in own_microseconds(lines).most_common(HEAVIEST)}

    def _program(self, statement: str, path: Sequence[Path]) -> str:
        return PROGRAM.format(path=[str(entry) for entry in [*path, *self._behind]], statement=statement)


def own_microseconds(lines: Iterable[str]) -> Counter[str]:
    """The time in each top-level package's own modules, out of what `-X importtime` says."""
    packages: Counter[str] = Counter()
    for line in lines:
        own, _, module = (part.strip() for part in line.removeprefix("import time:").split("|"))
        if own.isdecimal():  # else it is the heading
            packages[module.partition(".")[0]] += int(own)
    return packages


def sizes(folders: Sequence[Path]) -> dict[str, float]:
    """Megabytes as Lambda counts them: each folder zipped, and all files."""
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
    """The medians of the base line and of each function, in ms; by turns, so that a busy moment meets them all."""
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
        parser.error("--rounds takes 1 or more")
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
