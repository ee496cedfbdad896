"""Compare our pipeline with the public workshop's, on the same pictures and machine: `make bench-pipeline`.

Both run in one embedded cloud in a temporary folder. Its Rekognition does not look at pictures and takes a quarter of a
second for each call. The workshop's handler runs first, with its own bucket, topic, queue, table and event source
mapping; then the deployed RekognitionStack. Memory, timeout, batch size and concurrency are ours in both. Our pipeline
also delivers every result to the partner; the workshop's does not. Prints JSON.
"""

import argparse
import io
import json
import math
import os
import platform
import random
import re
import signal
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import requests
from PIL import Image

from local.cloud import Cloud
from local.endpoints import Endpoints
from local.errors import CloudError

WORKSHOP = Path(__file__).parent / "workshop"
OUR_HANDLER = "recognition.runtime.recognize_images.handler"
LATENCY_MS = 250
UPLOADERS = 8
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
    """An embedded cloud with a Rekognition that answers without looking, because the benchmarks measure the rest."""

    def model_options(self) -> list[str]:
        """Return the options of the blind engine."""
        return ["--engine", "blind"]


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """A pipeline from a bucket through a recognising function into a table."""

    bucket: str
    table: str
    queue_url: str
    function: dict[str, Any]
    """Lambda's configuration of the function."""
    mapping: dict[str, Any]
    """The members of the event source mapping that set the speed."""


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
    """Return `count` different small JPEGs, the same ones each time: crops of the photographs."""
    sources, chance = photographs(), random.Random(0)  # noqa: S311 - the same each time is the point
    made: dict[bytes, None] = {}
    while len(made) < count:
        image = sources[len(made) % len(sources)]
        left, top = (chance.randrange(side - SIDE + 1) for side in image.size)
        file = io.BytesIO()
        image.crop((left, top, left + SIDE, top + SIDE)).save(file, "JPEG", quality=85)
        made[file.getvalue()] = None
    return list(made)


def deployed(cloud: Cloud, endpoints: Endpoints) -> Pipeline:
    """Return our pipeline, as deployed in the embedded cloud."""
    functions = cloud.client("lambda").list_functions(MaxItems=50)["Functions"]
    function = next((entry for entry in functions if entry["Handler"] == OUR_HANDLER), None)
    if function is None:
        raise BenchmarkError(f"no deployed function has the handler {OUR_HANDLER}")
    mappings = cloud.client("lambda").list_event_source_mappings(FunctionName=function["FunctionName"])
    mapping = mappings["EventSourceMappings"][0]
    queue = mapping["EventSourceArn"].rpartition(":")[2]
    return Pipeline(
        bucket=endpoints.bucket,
        table=endpoints.table,
        queue_url=cloud.client("sqs").get_queue_url(QueueName=queue)["QueueUrl"],
        function=function,
        mapping={name: mapping[name] for name in ("BatchSize", "ScalingConfig") if mapping.get(name)},
    )


def create_workshop(cloud: Cloud, ours: Pipeline) -> Pipeline:
    """Create the workshop's pipeline beside ours, with the same speed."""
    sns = cloud.client("sns")
    cloud.client("s3").create_bucket(Bucket="workshop")
    cloud.client("dynamodb").create_table(
        TableName="workshop",
        KeySchema=[{"AttributeName": "image", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "image", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    uploads = sns.create_topic(Name="workshop-uploads")["TopicArn"]
    labels = sns.create_topic(Name="workshop-labels")["TopicArn"]
    cloud.client("s3").put_bucket_notification_configuration(
        Bucket="workshop",
        NotificationConfiguration={"TopicConfigurations": [{"TopicArn": uploads, "Events": ["s3:ObjectCreated:*"]}]},
    )
    # Subscribe last: the workshop's handler cannot read the s3:TestEvent that S3 sends during the setup.
    queue_url, queue_arn = _queue(cloud, visibility_seconds=6 * ours.function["Timeout"])
    sns.subscribe(TopicArn=uploads, Protocol="sqs", Endpoint=queue_arn, Attributes={"RawMessageDelivery": "true"})
    lambda_ = cloud.client("lambda")
    function = lambda_.create_function(
        FunctionName="workshop",
        Handler="workshop_handler.handler",
        Role="arn:aws:iam::000000000000:role/workshop",
        Code={"ZipFile": _zipped(WORKSHOP)},
        Environment={"Variables": {"TABLE": "workshop", "TOPIC_ARN": labels}},
        **{name: ours.function[name] for name in ("Runtime", "Architectures", "MemorySize", "Timeout")},
    )
    lambda_.create_event_source_mapping(EventSourceArn=queue_arn, FunctionName="workshop", **ours.mapping)
    return Pipeline(bucket="workshop", table="workshop", queue_url=queue_url, function=function, mapping=ours.mapping)


def _queue(cloud: Cloud, *, visibility_seconds: int) -> tuple[str, str]:
    """Create a queue with its dead-letter queue. Returns (URL, ARN)."""
    sqs = cloud.client("sqs")

    def made(name: str, attributes: dict[str, str]) -> tuple[str, str]:
        url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    _, dead_letters = made("workshop-dead-letters", {})
    redrive = json.dumps({"deadLetterTargetArn": dead_letters, "maxReceiveCount": 5})
    return made("workshop", {"VisibilityTimeout": str(visibility_seconds), "RedrivePolicy": redrive})


def _zipped(folder: Path) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as target:
        for file in folder.glob("*.py"):
            target.write(file, file.name)
    return archive.getvalue()


class Measurement:
    """Sends pictures into a pipeline and measures their recognition."""

    def __init__(self, cloud: Cloud, pipeline: Pipeline, rekognition: str) -> None:
        self._s3, self._sqs = cloud.client("s3"), cloud.client("sqs")
        self._dynamodb, self._logs = cloud.client("dynamodb"), cloud.client("logs")
        self._pipeline, self._rekognition = pipeline, rekognition

    def run(self, files: Sequence[bytes], *, warm_up: int) -> dict[str, Any]:
        """Return the figures of one run. The first `warm_up` pictures start the workers and are not measured.

        Raises:
            BenchmarkError: pictures are missing at the end.
        """
        self._send(files[:warm_up], "warm-up")
        calls, since, started = self._calls(), int(1000 * time.time()), time.monotonic()
        elapsed = self._send(files[warm_up:], "picture") - started
        count, calls = len(files) - warm_up, self._calls() - calls
        if calls < count:
            raise BenchmarkError(f"{self._function} recorded {count} different pictures with {calls} calls")
        billed = billed_ms(self._log_lines(since))
        return {
            "images_per_second": round(count / elapsed, 1),
            "calls_per_image": round(calls / count, 3),
            "billed_ms_per_image": round(sum(billed) / count, 1),
            "seconds": round(elapsed, 2),
            "invocations": len(billed),
        }

    @property
    def _function(self) -> str:
        return str(self._pipeline.function["FunctionName"])

    def _send(self, files: Sequence[bytes], name: str) -> float:
        """Upload all pictures and wait for their records. Returns the time of the last record."""
        before = self._recorded()
        with ThreadPoolExecutor(UPLOADERS) as pool:
            list(pool.map(self._upload, files, (f"{name}-{number:04}.jpg" for number in range(len(files)))))
        self._wait(lambda: len(files) - (self._recorded() - before), f"of {len(files)} pictures not recorded")
        last = time.monotonic()
        self._wait(lambda: sum(self._waiting().values()), "messages not deleted")  # the logs are complete then
        return last

    def _upload(self, file: bytes, key: str) -> None:
        self._s3.put_object(Bucket=self._pipeline.bucket, Key=key, Body=file, ContentType="image/jpeg")

    def _wait(self, missing: Callable[[], int], what: str) -> None:
        """Wait until nothing is missing, for at most PATIENCE_SECONDS after each progress."""
        fewest, deadline = math.inf, 0.0
        while (now := missing()) > 0:
            if now < fewest:
                fewest, deadline = now, time.monotonic() + PATIENCE_SECONDS
            if time.monotonic() > deadline:
                raise BenchmarkError(
                    f"{self._function}: {now} {what}, and no change for {PATIENCE_SECONDS} s; queue: {self._waiting()}"
                )
            time.sleep(0.05)

    def _recorded(self) -> int:
        """Return the number of items in the table. The emulator's count is exact; DynamoDB's is up to hours old."""
        return int(self._dynamodb.describe_table(TableName=self._pipeline.table)["Table"]["ItemCount"])

    def _waiting(self) -> dict[str, int]:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self._sqs.get_queue_attributes(QueueUrl=self._pipeline.queue_url, AttributeNames=names)
        return {name: int(answer["Attributes"][name]) for name in names}

    def _calls(self) -> int:
        stats = requests.get(f"{self._rekognition}/stats", timeout=PATIENCE_SECONDS).json()
        return int(stats.get("DetectLabels", 0))

    def _log_lines(self, since: int) -> list[str]:
        group = self._pipeline.function["LoggingConfig"]["LogGroup"]
        pages = self._logs.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=since)
        return [event["message"] for page in pages for event in page["events"]]


def billed_ms(lines: Iterable[str]) -> list[int]:
    """Return each invocation's billed time, from Lambda's REPORT lines.

    Raises:
        BenchmarkError: the log has no REPORT lines.
    """
    billed = [int(found[1]) for line in lines if (found := re.match(r"REPORT .*\bBilled Duration: (\d+) ms", line))]
    if not billed:
        raise BenchmarkError("the function's log has no REPORT lines")
    return billed


def ratios(ours: Mapping[str, Any], workshop: Mapping[str, Any]) -> dict[str, float]:
    """Return our figures divided by the workshop's."""
    names = ("images_per_second", "calls_per_image", "billed_ms_per_image")
    return {name: round(ours[name] / workshop[name], 3) for name in names}


def measure(cloud: Cloud, count: int, warm_up: int) -> dict[str, Any]:
    """Start the cloud and measure both pipelines.

    Raises:
        BenchmarkError, CloudError: the measurement failed.
    """
    files = pictures(warm_up + count)
    endpoints = cloud.up()
    rehearsal = {"latency_ms": LATENCY_MS}
    requests.post(f"{endpoints.rekognition}/rehearsal", json=rehearsal, timeout=PATIENCE_SECONDS).raise_for_status()
    ours = deployed(cloud, endpoints)
    runs = {}
    for name, pipeline in {"workshop": create_workshop(cloud, ours), "ours": ours}.items():
        cloud.say(f"{count} pictures through {name} …")
        runs[name] = Measurement(cloud, pipeline, endpoints.rekognition).run(files, warm_up=warm_up)
    return {
        "images": count,
        "warm_up_images": warm_up,
        "mean_bytes": round(sum(map(len, files)) / len(files)),
        "uploaders": UPLOADERS,
        "rekognition": {"engine": "blind", **rehearsal},
        "mapping": ours.mapping,
        "memory_mb": ours.function["MemorySize"],
        "billed": "Billed Duration of the emulator's REPORT lines: whole ms of wall clock, with the workers' starts",
        **runs,
        "ours_to_workshop": ratios(runs["ours"], runs["workshop"]),
    }


def stopped(number: int, _: object) -> None:
    """End all child processes and their children. Otherwise a deployment would end only `cdk` itself."""
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    sys.exit(128 + number)


def main() -> int:
    """Measure, print the figures, and stop everything that was started."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=int, default=500, help="number of measured pictures")
    parser.add_argument(
        "--warm-up",
        type=int,
        default=1,
        metavar="IMAGES",
        help="number of unmeasured pictures before them; after 1, most workers still have to start, after 100, none",
    )
    options = parser.parse_args()
    if min(options.images, options.warm_up) < 1:
        parser.error("--images and --warm-up take 1 or more")
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, stopped)
    with tempfile.TemporaryDirectory(prefix="sightline-bench-") as folder:
        cloud = BlindCloud(Path(folder), say=lambda text: print(text, file=sys.stderr, flush=True))
        try:
            figures = measure(cloud, options.images, options.warm_up)
        except (BenchmarkError, CloudError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        finally:
            cloud.down()
    machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    print(json.dumps({"benchmark": "pipeline", **machine, **figures}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
