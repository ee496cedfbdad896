"""The embedded cloud for the benchmarks. Its Rekognition gives the same labels to every picture."""

import io
import json
import os
import platform
import random
import re
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import psutil
import requests
from PIL import Image

from cli.queues import work_queues
from cli.target import local_target
from local.cloud import Cloud
from local.endpoints import Endpoints
from local.errors import CloudError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

T = TypeVar("T")

LATENCY_MS = 250
PATIENCE_SECONDS = 30
"""The run fails after this time without progress."""

# Photographs in installed packages, each large enough for many different crops.
PHOTOGRAPHS = {
    "skimage": (
        "data",
        ["astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg", "hubble_deep_field.jpg"],
    ),
    "sklearn": ("datasets/images", ["china.jpg", "flower.jpg"]),
    "matplotlib": ("mpl-data/sample_data", ["grace_hopper.jpg"]),
}
SIDE = 224


class BenchmarkError(RuntimeError):
    """A measurement is incomplete. The message says what is missing."""


class BlindCloud(Cloud):
    """An embedded cloud with a Rekognition that does not analyse pictures. Benchmarks measure the rest."""

    def model_options(self) -> list[str]:
        """Return the options of the blind engine."""
        return ["--engine", "blind"]


def set_latency(endpoints: Endpoints) -> None:
    """Let Rekognition take a quarter of a second for each call."""
    address = f"{endpoints.rekognition}/rehearsal"
    requests.post(address, json={"latency_ms": LATENCY_MS}, timeout=PATIENCE_SECONDS).raise_for_status()


def photographs() -> list[Image.Image]:
    """Return real photographs from installed packages."""
    found = []
    for package, (folder, names) in PHOTOGRAPHS.items():
        spec = find_spec(package)  # importing them takes seconds
        if spec is None or spec.origin is None:
            raise BenchmarkError(f"{package} is not installed; `make setup` installs it")
        for name in names:
            with Image.open(Path(spec.origin).parent / folder / name) as image:
                found.append(image.convert("RGB"))
    return found


def pictures(count: int) -> list[bytes]:
    """Return `count` different small JPEGs. They are crops of the photographs, and the same in each run."""
    sources, chance = photographs(), random.Random(0)  # noqa: S311 - the same each time is the point
    made: dict[bytes, None] = {}
    while len(made) < count:
        image = sources[len(made) % len(sources)]
        left, top = (chance.randrange(side - SIDE + 1) for side in image.size)
        file = io.BytesIO()
        image.crop((left, top, left + SIDE, top + SIDE)).save(file, "JPEG", quality=85)
        made[file.getvalue()] = None
    return list(made)


def wait_for_empty_queues(endpoints: Endpoints, *, seconds: float) -> None:
    """Wait until all work queues are empty and no message is in flight.

    Raises:
        BenchmarkError: some messages are still in the queues after `seconds`, or have become dead letters.
    """
    target, deadline = local_target(vars(endpoints)), time.monotonic() + seconds
    sqs: SQSClient = target.client("sqs")
    queues = [queue.url for queue in work_queues(target)]
    while waiting := sum(_depth(sqs, queue) for queue in queues):
        if time.monotonic() > deadline:
            raise BenchmarkError(f"{waiting} messages are still in the queues")
        time.sleep(0.2)
    if dead := [queue.name for queue in work_queues(target) if queue.dead_letters]:
        raise BenchmarkError(f"there are dead letters of {' and '.join(dead)}")


def _depth(sqs: "SQSClient", queue_url: str) -> int:
    names: list[QueueAttributeNameType] = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    return sum(map(int, sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"].values()))


def billed_ms(lines: Iterable[str]) -> list[int]:
    """Return each invocation's billed time, from Lambda's REPORT lines.

    Raises:
        BenchmarkError: the log has no REPORT lines.
    """
    billed = [int(found[1]) for line in lines if (found := re.match(r"REPORT .*\bBilled Duration: (\d+) ms", line))]
    if not billed:
        raise BenchmarkError("the function's log has no REPORT lines")
    return billed


def in_blind_cloud(measure: Callable[[BlindCloud], T]) -> T:
    """Measure in a new cloud in a temporary folder. Afterwards stop everything that was started.

    Raises:
        SystemExit: the measurement failed. The message says why.
    """
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, stopped)
    with tempfile.TemporaryDirectory(prefix="sightline-bench-") as folder:
        cloud = BlindCloud(Path(folder), say=lambda text: print(text, file=sys.stderr, flush=True))
        try:
            return measure(cloud)
        except (BenchmarkError, CloudError) as error:
            sys.exit(f"error: {error}")
        finally:
            cloud.down()


def print_report(benchmark: str, figures: dict[str, Any]) -> None:
    """Print the figures of a benchmark, and facts about this machine, as JSON."""
    machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    print(json.dumps({"benchmark": benchmark, **machine, **figures}, indent=2))


def stopped(number: int, _: object) -> None:
    """End all child processes and the processes that these started. Ending only `cdk` would leave its children."""
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    sys.exit(128 + number)
