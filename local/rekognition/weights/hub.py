"""Fetch D-FINE-N, a better detector, from a model hub: `make model`.

The network was trained on COCO: 80 classes with boxes, 3.8 million parameters, Apache-2.0. No package
registry has it. The files are pinned by revision and SHA-256.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import requests
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from local.rekognition.weights.store import MODELS, WeightsError

if TYPE_CHECKING:
    from collections.abc import Mapping

HUB = "https://huggingface.co"
REPOSITORY = "onnx-community/dfine_n_coco-ONNX"
REVISION = "380d2839c327efaf65dd0fe0c2c10ab7fadd5473"
PINS = {  # the small files first, to find out if the hub answers
    "config.json": "a5c7533f3b72be6bb102b93e1b34ca3643af4e0590408a7881543cbb0aa80c4c",
    "preprocessor_config.json": "cd38cd59999e7a95d68e487fbe5132df3d4e5c32a0836add57e6126ba0c4eaf1",
    "onnx/model.onnx": "0f684f409618ee8a822410e754a29caa817d1aa16283ce89cad936d0a48e2f35",
}
DIRECTORY = MODELS / REPOSITORY.rpartition("/")[2]

STALL_SECONDS = 10.0
"""A download is stopped if no byte arrives for this long."""


def fetch_model(directory: Path = DIRECTORY, pins: Mapping[str, str] = PINS) -> None:
    """Fetch the files that are missing. The variable HF_ENDPOINT names another hub, as for Hugging Face's tools.

    Raises:
        WeightsError: a file cannot be fetched, or is not the pinned one; nothing is kept.
    """
    missing = [name for name, pin in pins.items() if _sha256(directory / name) != pin]
    if not missing:
        return
    root = os.environ.get("HF_ENDPOINT", HUB).rstrip("/")
    directory.parent.mkdir(parents=True, exist_ok=True)
    # The file is written into the file system of its final place, so that the move is atomic.
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".new-") as scratch, _progress() as progress:
        for name in missing:
            _download(f"{root}/{REPOSITORY}/resolve/{REVISION}/{name}", Path(scratch, name), progress)
            if _sha256(Path(scratch, name)) != pins[name]:
                raise WeightsError(f"the fetched {name} is not the pinned one; nothing was kept")
        for name in missing:
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            Path(scratch, name).replace(directory / name)


def _sha256(file: Path) -> str | None:
    if not file.is_file():
        return None
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _progress() -> Progress:
    return Progress(
        TextColumn("Fetching {task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )


def _download(url: str, file: Path, progress: Progress) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with requests.get(url, stream=True, timeout=STALL_SECONDS) as response, file.open("wb") as target:
            response.raise_for_status()
            task = progress.add_task(file.name, total=int(response.headers.get("content-length", 0)) or None)
            for block in response.iter_content(1 << 16):
                target.write(block)
                progress.advance(task, len(block))
    except requests.HTTPError as error:
        raise WeightsError(f"{url}: {error.response.status_code} {error.response.reason}") from error
    except requests.RequestException as error:
        raise WeightsError(f"{url} cannot be fetched: the hub does not answer") from error


def main() -> int:
    """Fetch the model and print the command that uses it. Returns 1 if it cannot be fetched."""
    try:
        fetch_model()
    except WeightsError as error:
        print(f"error: {error}. By hand: put {', '.join(PINS)} of {HUB}/{REPOSITORY} into {DIRECTORY}", file=sys.stderr)
        return 1
    print(f"Use it with: make local MODEL_DIR={os.path.relpath(DIRECTORY)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
