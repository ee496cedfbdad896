"""Measure the local Rekognition: pictures a second, memory, start time and the cost of each engine. Prints JSON.

The benchmark runs the server with its default engines. 1, 2 and 4 clients on the same machine send real photographs
with boto3. Then each engine, including the one for text, looks at the same photographs alone in one thread.
The benchmark fails if the server is slower, or needs more memory, than its limits allow.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the server does, and also before numpy is loaded
os.environ.setdefault("OMP_NUM_THREADS", "1")

import boto3
import psutil

from local.rekognition.engines.text import TextEngine
from local.rekognition.pictures import Picture
from local.rekognition.sight import default_engines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.rekognition.engine import Engine

PROJECT = Path(__file__).parents[1]
CLIENTS = (1, 2, 4)

MIN_IMAGES_PER_SECOND = 12
"""The limit on two cores, with the number of clients that gives the best result."""

MAX_RSS_MB = 350
MAX_READY_SECONDS = 2


def photographs() -> list[bytes]:
    """Return the photographs in scikit-image and scikit-learn, as files."""
    folders = {"skimage": "data", "sklearn": "datasets/images"}
    specs = {package: find_spec(package) for package in folders}
    roots = [Path(spec.origin).parent / folders[name] for name, spec in specs.items() if spec and spec.origin]
    return [file.read_bytes() for root in roots for file in sorted(root.iterdir()) if file.suffix in (".jpg", ".png")]


@contextmanager
def running() -> Iterator[tuple[str, psutil.Process, float]]:
    """Run the server on a free port. Yields its address, its process, and the seconds until it was ready."""
    command = [sys.executable, "-m", "local.rekognition", "--port", "0"]
    started = time.perf_counter()
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 - own module
        try:
            line = server.stdout.readline() if server.stdout else ""
            ready = time.perf_counter() - started
            yield next(word for word in line.split() if word.startswith("http")), psutil.Process(server.pid), ready
        finally:
            server.terminate()


def measure(url: str, server: psutil.Process, pictures: list[bytes], *, clients: int, seconds: float) -> dict[str, Any]:
    """Return pictures a second, latency and cost. Each client sends its next picture when it has an answer."""
    session = boto3.Session("test", "test", region_name="us-east-1")
    rekognition = session.client("rekognition", endpoint_url=url)
    for picture in pictures:
        rekognition.detect_labels(Image={"Bytes": picture})
    turns = itertools.count()
    before, started = sum(server.cpu_times()[:2]), time.perf_counter()

    def send(_: int) -> list[float]:
        took = []
        while (now := time.perf_counter()) < started + seconds:
            rekognition.detect_labels(Image={"Bytes": pictures[next(turns) % len(pictures)]})
            took.append(time.perf_counter() - now)
        return took

    with ThreadPoolExecutor(clients) as pool:
        latencies = [one for many in pool.map(send, range(clients)) for one in many]
    elapsed, cpu = time.perf_counter() - started, sum(server.cpu_times()[:2]) - before
    return {
        "clients": clients,
        "images_per_second": round(len(latencies) / elapsed, 1),
        "p50_ms": round(1000 * statistics.median(latencies)),
        "p95_ms": round(1000 * statistics.quantiles(latencies, n=20)[-1]),
        "server_cpu_ms_per_image": round(1000 * cpu / len(latencies)),
        "server_rss_mb": round(server.memory_info().rss / 2**20),
    }


def cost(engine: Engine, pictures: list[Picture]) -> dict[str, Any]:
    """Return the time of an engine's first picture, its CPU time for a later one, and the memory that it adds."""
    process = psutil.Process()
    before, started = process.memory_info().rss, time.perf_counter()
    engine.look(pictures[0])
    first, times = time.perf_counter() - started, []
    for picture in pictures:
        began = time.thread_time()
        engine.look(picture)
        times.append(time.thread_time() - began)
    return {
        "engine": engine.name,
        "first_look_seconds": round(first, 2),
        "cpu_ms_median": round(1000 * statistics.median(times)),
        "cpu_ms_mean": round(1000 * statistics.mean(times)),
        "rss_mb_added": round((process.memory_info().rss - before) / 2**20),
    }


def missed_limits(found: dict[str, Any]) -> list[str]:
    """Return a sentence for each limit that the server does not keep."""
    best = max(run["images_per_second"] for run in found["runs"])
    largest = max(run["server_rss_mb"] for run in found["runs"])
    ready = found["ready_seconds"]
    limits = {
        f"the server answers {best} images per second; the limit is at least {MIN_IMAGES_PER_SECOND}": best
        >= MIN_IMAGES_PER_SECOND,
        f"the server uses {largest} MB RSS; the limit is at most {MAX_RSS_MB}": largest <= MAX_RSS_MB,
        f"the server is ready after {ready} s; the limit is at most {MAX_READY_SECONDS}": ready <= MAX_READY_SECONDS,
    }
    return [limit for limit, is_kept in limits.items() if not is_kept]


def main() -> int:
    """Measure the server, then each engine, and print the results. Returns 1 if a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=10, help="for each number of clients")
    seconds = parser.parse_args().seconds
    files = photographs()
    with running() as (url, server, ready):
        runs = [measure(url, server, files, clients=clients, seconds=seconds) for clients in CLIENTS]
    pictures = [Picture(file) for file in files]
    for picture in pictures:
        picture.pixels()
    engines = [cost(engine, pictures) for engine in [*default_engines(), TextEngine()]]
    machine = {"cores": psutil.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    found = {"photographs": len(files), "ready_seconds": round(ready, 2), "runs": runs, "engines": engines}
    print(json.dumps({"benchmark": "local rekognition", **machine, **found}, indent=2))
    missed = missed_limits(found)
    for limit in missed:
        print(f"error: {limit}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
