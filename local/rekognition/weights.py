"""Gets the weights that are too large for the repository: `python -m local.rekognition.weights`.

The two face networks come from inside the mediapipe 0.10.21 wheel on PyPI, the last release that
carries them. Only data is taken from it, so the wheel of one platform serves every machine. The
object detector comes from the Hugging Face hub. Everything is pinned by SHA-256.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MODELS = Path(__file__).parents[2] / ".build" / "models"

FACE_DETECTOR = "face_detection_short_range.tflite"
FACE_LANDMARKS = "face_landmark.tflite"

WHEEL = "mediapipe==0.10.21"
WHEEL_TAGS = ("--python-platform", "x86_64-manylinux_2_28", "--python-version", "3.12")
WHEEL_FILES = {
    FACE_DETECTOR: "mediapipe/modules/face_detection/face_detection_short_range.tflite",
    FACE_LANDMARKS: "mediapipe/modules/face_landmark/face_landmark.tflite",
    "LICENSE": "mediapipe-0.10.21.dist-info/LICENSE",
}
FACE_PINS = {
    FACE_DETECTOR: "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
    FACE_LANDMARKS: "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
    "LICENSE": "8707eef0533987efc5b155d64761eeb6e20793f50b9bd1a68dad1cf4719d0ed8",
}

# D-FINE-N trained on COCO: 80 classes with boxes, 3.8 million parameters, Apache-2.0.
HUB = "https://huggingface.co"
REPOSITORY = "onnx-community/dfine_n_coco-ONNX"
REVISION = "380d2839c327efaf65dd0fe0c2c10ab7fadd5473"
MODEL_PINS = {  # the small ones first: they tell whether the hub answers
    "config.json": "a5c7533f3b72be6bb102b93e1b34ca3643af4e0590408a7881543cbb0aa80c4c",
    "preprocessor_config.json": "cd38cd59999e7a95d68e487fbe5132df3d4e5c32a0836add57e6126ba0c4eaf1",
    "onnx/model.onnx": "0f684f409618ee8a822410e754a29caa817d1aa16283ce89cad936d0a48e2f35",
}
DEFAULT_MODEL = MODELS / REPOSITORY.rpartition("/")[2]

HUB_PATIENCE = 3.0
"""Seconds that a hub which does not answer may cost, all in all."""

STALL = 10.0
"""Seconds without a byte after which a download under way is given up."""


class WeightsError(RuntimeError):
    """Weights could not be had, or are not what they should be."""


def ensure_face_weights(directory: Path = MODELS / "faces") -> Path:
    """The directory with the face networks and their licence; fetches them from PyPI if they are not there.

    Raises:
        WeightsError: PyPI cannot be reached, or a file's SHA-256 is not the pinned one.
    """
    if missing := _missing(directory, FACE_PINS):
        with _replacing(directory, missing) as scratch:
            _unpack_wheel(scratch)
    return directory


def ensure_default_model(report: Callable[[str], object] = print, directory: Path = DEFAULT_MODEL) -> Path | None:
    """The directory with the default model; fetches it if it is not there.

    None if it cannot be had, whatever the reason; then `report` gets one line that says why and how
    to bring it by hand. A hub that does not answer costs HUB_PATIENCE at most. The hub's address is
    HF_ENDPOINT, as for Hugging Face's own tools.
    """
    missing = _missing(directory, MODEL_PINS)
    if not missing:
        return directory
    root = os.environ.get("HF_ENDPOINT", HUB).rstrip("/")
    try:
        with _replacing(directory, missing) as scratch, _progress() as progress:
            for name in missing:
                _download(f"{root}/{REPOSITORY}/resolve/{REVISION}/{name}", scratch / name, progress)
    except (WeightsError, requests.RequestException) as error:
        report(
            f"No object model: {error}. Faces and codes are seen all the same. By hand: put {', '.join(MODEL_PINS)} "
            f"of {HUB}/{REPOSITORY} into {directory}, or set MODEL_DIR to the directory of another ONNX model."
        )
        return None
    return directory


def _missing(directory: Path, pins: Mapping[str, str]) -> dict[str, str]:
    """The files that are not there, or not the pinned ones."""
    return {name: sha for name, sha in pins.items() if _sha256(directory / name) != sha}


def _sha256(file: Path) -> str | None:
    if not file.is_file():
        return None
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def _replacing(directory: Path, pins: Mapping[str, str]) -> Iterator[Path]:
    """An empty directory for new files, which take their places only if all of them are the pinned ones.

    Raises:
        WeightsError: one is not.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    # Beside their destination, so that a rename is atomic and two starts at once do no harm.
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".fetch-") as name:
        scratch = Path(name)
        yield scratch
        for file in _missing(scratch, pins):
            raise WeightsError(f"the {file} that came is not the pinned one; nothing was kept")
        for file in pins:
            (directory / file).parent.mkdir(parents=True, exist_ok=True)
            (scratch / file).replace(directory / file)


def _unpack_wheel(scratch: Path) -> None:
    """Lets uv fetch the wheel, which also knows the user's package index, proxy and cache."""
    with tempfile.TemporaryDirectory(dir=scratch) as target:
        uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", sys.executable]
        only_this = ["--no-deps", "--only-binary", ":all:", *WHEEL_TAGS, "--target", target, WHEEL]
        done = subprocess.run([*uv, *only_this], capture_output=True, text=True, check=False)  # noqa: S603 - fixed words
        if done.returncode:
            why = " ".join(done.stderr.split())
            raise WeightsError(
                f"the face networks come with {WHEEL} from PyPI, which could not be fetched ({why}); "
                "try again with `python -m local.rekognition.weights`"
            )
        for name, member in WHEEL_FILES.items():
            if Path(target, member).is_file():
                Path(target, member).replace(scratch / name)


def _progress() -> Progress:
    words = TextColumn("Fetching the object model: {task.description}")
    return Progress(
        words,
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )


def _download(url: str, file: Path, progress: Progress) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with _opened(url) as response, file.open("wb") as target:
        response.raise_for_status()
        task = progress.add_task(file.name, total=int(response.headers.get("content-length", 0)) or None)
        for block in response.iter_content(1 << 16):
            target.write(block)
            progress.advance(task, len(block))


def _opened(url: str) -> requests.Response:
    """The answer to a GET, its body still to be read.

    Time limits of sockets cover neither the look-up of a name nor several addresses one after the
    other, so a thread does it that may be left behind.
    """
    answers: SimpleQueue[requests.Response | requests.RequestException] = SimpleQueue()

    def get() -> None:
        try:
            answers.put(requests.get(url, stream=True, timeout=STALL))
        except requests.RequestException as error:
            answers.put(error)

    Thread(target=get, daemon=True).start()
    try:
        answer = answers.get(timeout=HUB_PATIENCE)
    except Empty:
        raise WeightsError(f"{urlsplit(url).netloc} does not answer within {HUB_PATIENCE:g} s") from None
    if isinstance(answer, requests.RequestException):
        raise WeightsError(f"{urlsplit(url).netloc} cannot be reached") from answer
    return answer


def main() -> int:
    """Fetches what is missing and says where it is; 1 without the face networks, which the server needs."""
    try:
        print(f"faces: {ensure_face_weights()}")
    except WeightsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if model := ensure_default_model(lambda line: print(line, file=sys.stderr)):
        print(f"objects: {model}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
