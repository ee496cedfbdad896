"""Measure Lambda's billed time and log bytes for a picture, by function: `make bench-cost`.

Pictures come by URL through the upload API of an embedded cloud in a temporary folder. Its Rekognition does not look at
pictures and takes a quarter of a second for each call. Results are delivered to the partner and mailed. The benchmark
calls the function `Budget` itself. Prints JSON; `sightline cost` estimates with these figures.
"""

import argparse
import re
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from benchmarks.blind_cloud import (
    LATENCY_MS,
    PATIENCE_SECONDS,
    BenchmarkError,
    billed_ms,
    in_blind_cloud,
    pictures,
    print_report,
    set_latency,
    wait_for_empty_queues,
)
from local.cloud import Cloud
from local.endpoints import Endpoints

ANSWER_SECONDS = 120
"""The timeout of a first call. It is long because many workers start at once, on few processors."""
UPLOADERS = 3
"""The number is small because each upload has its own worker, and recognition and deliveries need processors too."""
LOOKS = 30
"""The number of measured calls of `Budget`. The worker is warm, as on AWS, where the function runs every minute."""
WHOLE_WAY = {"GetSaveImage", "ImageRecognition", "Project", "Deliver", "SendEmail", "Thumbnails"}


def measure(cloud: Cloud, endpoints: Endpoints, files: Sequence[bytes], warm_up: int) -> dict[str, Any]:
    """Return the figures by function. The first `warm_up` pictures start the workers and are not measured.

    Raises:
        BenchmarkError: a function, a picture or a log line is missing.
    """
    set_latency(endpoints)
    for number, file in enumerate(files):
        (cloud.photos / f"{number}.jpg").write_bytes(file)
    _send(endpoints, range(warm_up))
    since = int(1000 * time.time())
    _send(endpoints, range(warm_up, len(files)))
    found = {}
    for function in cloud.client("lambda").list_functions(MaxItems=50)["Functions"]:
        name = function.get("Environment", {}).get("Variables", {}).get("POWERTOOLS_SERVICE_NAME")
        if name in WHOLE_WAY:
            found[name] = _figures(cloud, function, since, len(files) - warm_up)
        if name == "Budget":
            found[name] = _looks(cloud, function)
    if missing := WHOLE_WAY - found.keys():
        raise BenchmarkError(f"no deployed function is called {' or '.join(sorted(missing))}")
    return found


def _send(endpoints: Endpoints, numbers: Sequence[int]) -> None:
    """Upload pictures by URL, and wait until the queues are empty."""

    def upload(number: int) -> None:
        parameters = {"url": f"{endpoints.photos}{number}.jpg", "name": f"{number}.jpg"}
        headers = {"x-api-key": endpoints.api_key}
        answer = requests.get(endpoints.upload, params=parameters, headers=headers, timeout=ANSWER_SECONDS)
        if not answer.ok:
            raise BenchmarkError(f"the upload of {number}.jpg was answered with {answer.status_code}: {answer.text}")

    with ThreadPoolExecutor(UPLOADERS) as pool:
        list(pool.map(upload, numbers))
    wait_for_empty_queues(endpoints, seconds=PATIENCE_SECONDS + len(numbers))


def _looks(cloud: Cloud, function: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of one call of `Budget`. The calls that the schedule makes each minute are counted too."""
    functions = cloud.client("lambda")
    functions.invoke(FunctionName=function["FunctionName"])  # the worker starts
    since = int(1000 * time.time())
    for _ in range(LOOKS):
        functions.invoke(FunctionName=function["FunctionName"])
    time.sleep(2)  # for the last lines of its log
    figures = _figures(cloud, function, since, LOOKS)
    return {name.replace("_per_image", "_per_look"): value for name, value in figures.items()}


def _figures(cloud: Cloud, function: dict[str, Any], since: int, count: int) -> dict[str, Any]:
    group = function["LoggingConfig"]["LogGroup"]
    pages = cloud.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group, startTime=since)
    lines = [event["message"] for page in pages for event in page["events"]]
    billed = billed_ms(lines)
    logged = sum(len(line.encode()) for line in lines if not re.match(r"INIT_START ", line))
    return {
        "memory_mb": function["MemorySize"],
        "invocations_per_image": round(len(billed) / count, 3),
        "billed_ms_per_image": round(sum(billed) / count, 1),
        "log_bytes_per_image": round(logged / count),
    }


def main() -> int:
    """Measure, print the figures, and stop everything that was started."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=int, default=300, help="number of measured pictures")
    parser.add_argument(
        "--warm-up",
        type=int,
        default=50,
        metavar="IMAGES",
        help="number of pictures before these that are not measured",
    )
    options = parser.parse_args()
    if min(options.images, options.warm_up) < 1:
        parser.error("--images and --warm-up must be 1 or more")
    files = pictures(options.warm_up + options.images)
    figures = in_blind_cloud(lambda cloud: measure(cloud, cloud.up(), files, options.warm_up))
    print_report("cost", {"images": options.images, "latency_ms": LATENCY_MS, "functions": figures})
    return 0


if __name__ == "__main__":
    sys.exit(main())
