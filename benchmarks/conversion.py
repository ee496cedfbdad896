"""Measure the conversion of pictures: `make bench-conversion`.

The benchmark writes a picture of soft shapes for each format and size, and converts it with the decoder service, as
the functions do. It also makes a thumbnail of a small JPEG. Prints JSON: seconds; milliseconds of processor time, with
the warm service and with a new Python process for each picture; the peak memory of the decoding process in MB; the
bytes in and out.
"""

import argparse
import json
import random
import resource
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any, get_args

import pillow_heif
import psutil
from PIL import Image

from common.imaging.decoder import Decoder, FormName

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


SMALL_MEGAPIXELS = 0.05
"""This is a picture of 258 x 194 pixels. Its thumbnail costs little more than the process that makes the thumbnail."""


def write(megapixels: float, name: str, path: Path) -> None:
    """Write a picture with an aspect ratio of 4:3. It is the same in each run."""
    pillow_heif.register_heif_opener()
    small = Image.frombytes("RGB", (80, 60), random.Random(1).randbytes(80 * 60 * 3))  # noqa: S311 - no secret
    width = round((megapixels * 1e6 * 4 / 3) ** 0.5)
    image = small.resize((width, round(megapixels * 1e6 / width)), Image.Resampling.BICUBIC)
    image.save(path, name.partition(" ")[0], **SAVING[name])


def measured(path: Path, *, form: FormName = "recognition", rounds: int = 1) -> dict[str, Any]:
    """Convert one file several times: with a warm decoder service, and with a new service for each conversion."""
    warm = Decoder()
    _convert(warm, path, form)
    seconds, cpu_before = [], _cpu_seconds(warm)
    for _ in range(rounds):
        started = time.perf_counter()
        jpeg = _convert(warm, path, form)
        seconds.append(time.perf_counter() - started)
    cpu_seconds = (
        _cpu_seconds(warm) - cpu_before
    ) / rounds  # the operating system counts processor time in hundredths of a second
    peak = round(warm.last_usage.peak_kilobytes / 1024)
    warm.stop()
    return {
        "seconds": round(median(seconds), 3),
        "cpu_ms": round(1000 * cpu_seconds),
        "cpu_ms_with_a_new_process": round(1000 * median(_cold_cpu_seconds(path, form) for _ in range(rounds))),
        "peak_mb": peak,
        "bytes": path.stat().st_size,
        "jpeg_bytes": len(jpeg),
    }


def _convert(decoder: Decoder, path: Path, form: FormName) -> bytes:
    with path.open("rb") as file:
        return decoder.convert(file, max_pixels=10**9, seconds=60, form=form)


def _cpu_seconds(decoder: Decoder) -> float:
    """Return the processor time of this process, of the service and of the processes that the service forked."""
    times = psutil.Process(decoder.pid).cpu_times()
    return time.process_time() + sum(times[:4])  # user and system time, and those of children that have ended


def _cold_cpu_seconds(path: Path, form: FormName) -> float:
    before = _own_and_ended()
    decoder = Decoder()
    _convert(decoder, path, form)
    decoder.stop()
    return _own_and_ended() - before


def _own_and_ended() -> float:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def main() -> None:
    """Measure every format at every size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megapixels", type=float, nargs="+", default=[12, 60])
    parser.add_argument("--form", choices=get_args(FormName), default="recognition")
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    results: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture"
        for name in SAVING:
            for size in options.megapixels:
                write(size, name, path)
                results.setdefault(name, {})[f"{size:g} megapixels"] = measured(
                    path, form=options.form, rounds=options.rounds
                )
        write(SMALL_MEGAPIXELS, "JPEG", path)
        results["thumbnail of a small JPEG"] = measured(path, form="thumbnail", rounds=max(10, options.rounds))
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
