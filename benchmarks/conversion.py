"""What it takes to convert a picture that Rekognition does not take: `make bench-conversion`.

One picture of soft shapes per format and size, each converted by `to_jpeg.py` in a process of its own, as the worker
does it. Prints JSON: seconds, the process's peak memory in MB, the bytes in and out.
"""

import argparse
import json
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pillow_heif
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = ROOT / "common" / "imaging" / "conversion_process.py"
SAVING: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 85},
    "JPEG progressive": {"quality": 85, "progressive": True, "subsampling": 0},
    "PNG": {"compress_level": 1},
    "WEBP": {"quality": 60, "method": 0},
    "AVIF": {"quality": 50, "speed": 10},
    "HEIF": {"quality": 50, "preset": "ultrafast"},
    "GIF": {},
    "TIFF": {},
    "BMP": {},
}


def write(megapixels: float, name: str, path: Path) -> None:
    """Write a picture, four to three, the same each time."""
    pillow_heif.register_heif_opener()
    small = Image.frombytes("RGB", (80, 60), random.Random(1).randbytes(80 * 60 * 3))  # noqa: S311 - no secret
    width = round((megapixels * 1e6 * 4 / 3) ** 0.5)
    image = small.resize((width, round(megapixels * 1e6 / width)), Image.Resampling.BICUBIC)
    image.save(path, name.partition(" ")[0], **SAVING[name])


def measured(path: Path, form: str = "recognition") -> dict[str, Any]:
    """Convert one file to one of the forms of `to_jpeg`.

    Raises:
        RuntimeError: the conversion failed.
    """
    with path.open("rb") as file:
        started = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, str(PROGRAM), str(10**9), form],
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PYTHONPATH": str(PROGRAM.parent)},
        )
        assert process.stdout  # noqa: S101 - as asked for
        assert process.stderr  # noqa: S101
        jpeg, complaint = process.stdout.read(), process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{path.name}: {complaint.decode()}")
    unit = 1024 if sys.platform == "linux" else 1024 * 1024  # of ru_maxrss
    peak = round(usage.ru_maxrss / unit)
    return {"seconds": round(seconds, 2), "peak_mb": peak, "bytes": path.stat().st_size, "jpeg_bytes": len(jpeg)}


def main() -> None:
    """Measure every format at every size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megapixels", type=float, nargs="+", default=[12, 60])
    parser.add_argument("--form", default="recognition", help="recognition, display or thumbnail")
    options = parser.parse_args()
    apart = multiprocessing.get_context("spawn")  # a process's peak starts with what its parent has
    results: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture"
        for name in SAVING:
            for size in options.megapixels:
                writer = apart.Process(target=write, args=(size, name, path))
                writer.start()
                writer.join()
                results.setdefault(name, {})[f"{size:g} megapixels"] = measured(path, options.form)
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
