"""Compare Sightline's pipeline with the public workshop's, on the same pictures and machine: `make bench-pipeline`.

Both run in one embedded cloud in a temporary folder. Its Rekognition does not look at pictures and takes a quarter of a
second for each call. The workshop's handler runs first, with its own bucket, topic, queue, table and event source
mapping. Then our recognition runs, while all other functions are paused. Both use Sightline's memory, timeout, batch
size and concurrency. At the end all our functions run together, also those for thumbnails, index, deliveries and
e-mails. This run measures the processor time. Prints JSON, and fails if one of our figures is worse than its limit.
"""

import argparse
import io
import json
import math
import sys
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
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
)
from benchmarks.whole_system import UPLOADERS, WholeSystem, others_paused
from local.cloud import Cloud
from local.endpoints import Endpoints

WORKSHOP = Path(__file__).parent / "workshop"
OUR_HANDLER = "recognition.runtime.recognize_images.handler"
MIN_RATIO = 3.0
"""The smallest ratio of Sightline's pictures a second to the workshop's."""
MAX_CPU_MS = 80
"""The largest processor time that all functions together may take for a picture."""


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """A pipeline: a bucket, a function that recognises the pictures in it, and the table with the results."""

    bucket: str
    table: str
    queue_url: str
    function: dict[str, Any]
    """Lambda's configuration of the function."""
    mapping: dict[str, Any]
    """The members of the event source mapping that determine the speed."""


def deployed(cloud: Cloud, endpoints: Endpoints) -> Pipeline:
    """Return Sightline's pipeline, as deployed in the embedded cloud."""
    functions = cloud.client("lambda").list_functions(MaxItems=50)["Functions"]
    function = next((entry for entry in functions if entry["Handler"] == OUR_HANDLER), None)
    if function is None:
        raise BenchmarkError(f"no deployed function has the handler {OUR_HANDLER}")
    mappings = cloud.client("lambda").list_event_source_mappings(FunctionName=function["FunctionName"])
    queue = function["Environment"]["Variables"]["QUEUE_URL"].rpartition("/")[2]  # removals have another
    [mapping] = [m for m in mappings["EventSourceMappings"] if m["EventSourceArn"].endswith(f":{queue}")]
    return Pipeline(
        bucket=endpoints.bucket,
        table=endpoints.table,
        queue_url=cloud.client("sqs").get_queue_url(QueueName=queue)["QueueUrl"],
        function=function,
        mapping={name: mapping[name] for name in ("BatchSize", "ScalingConfig") if mapping.get(name)},
    )


def create_workshop(cloud: Cloud, ours: Pipeline) -> Pipeline:
    """Create the workshop's pipeline beside ours, with the same settings for the speed."""
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
            BenchmarkError: some pictures have no record at the end.
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
        self._wait(lambda: sum(self._waiting().values()), "messages not deleted")  # by then the logs are complete
        return last

    def _upload(self, file: bytes, key: str) -> None:
        self._s3.put_object(Bucket=self._pipeline.bucket, Key=key, Body=file, ContentType="image/jpeg")

    def _wait(self, missing: Callable[[], int], what: str) -> None:
        """Wait until nothing is missing. Fails if there is no progress for PATIENCE_SECONDS."""
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


def ratios(ours: Mapping[str, Any], workshop: Mapping[str, Any]) -> dict[str, float]:
    """Return Sightline's figures divided by the workshop's."""
    names = ("images_per_second", "calls_per_image", "billed_ms_per_image")
    return {name: round(ours[name] / workshop[name], 3) for name in names}


def measure(cloud: Cloud, count: int, warm_up: int) -> dict[str, Any]:
    """Start the cloud, measure both pipelines, and then our whole system.

    Raises:
        BenchmarkError, CloudError: the measurement failed.
    """
    files = pictures(2 * (warm_up + count))
    compared, others = files[: warm_up + count], files[warm_up + count :]
    endpoints = cloud.up()
    set_latency(endpoints)
    ours = deployed(cloud, endpoints)
    runs = {}
    with others_paused(cloud, ours.function):
        for name, pipeline in {"workshop": create_workshop(cloud, ours), "ours": ours}.items():
            cloud.say(f"{count} pictures through {name}, with everything else paused …")
            runs[name] = Measurement(cloud, pipeline, endpoints.rekognition).run(compared, warm_up=warm_up)
    cloud.say(f"{count} pictures through the whole system …")
    return {
        "images": count,
        "warm_up_images": warm_up,
        "mean_bytes": round(sum(map(len, files)) / len(files)),
        "uploaders": UPLOADERS,
        "rekognition": {"engine": "blind", "latency_ms": LATENCY_MS},
        "mapping": ours.mapping,
        "memory_mb": ours.function["MemorySize"],
        "billed": "Billed Duration in the emulator's REPORT lines: wall-clock time in ms, with the workers' starts",
        **runs,
        "ours_to_workshop": ratios(runs["ours"], runs["workshop"]),
        "whole_system": WholeSystem(cloud, endpoints).measure(others, warm_up=warm_up),
    }


def excesses(figures: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each figure that is worse than its limit."""
    ratio = figures["ours_to_workshop"]["images_per_second"]
    cpu_ms = figures["whole_system"]["functions_cpu_ms_per_image"]
    found = []
    if ratio < MIN_RATIO:
        found.append(f"recognition is {ratio:g} times as fast as the workshop's; the limit is at least {MIN_RATIO:g}")
    if cpu_ms > MAX_CPU_MS:
        found.append(f"a picture takes {cpu_ms:g} ms of processor time; the limit is at most {MAX_CPU_MS}")
    return found


def main() -> int:
    """Measure, print the figures, and stop everything that was started."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=int, default=500, help="number of measured pictures")
    parser.add_argument(
        "--warm-up",
        type=int,
        default=1,
        metavar="IMAGES",
        help="number of pictures before these that are not measured; after 1, most workers still have to start; after "
        "100, none",
    )
    options = parser.parse_args()
    if min(options.images, options.warm_up) < 1:
        parser.error("--images and --warm-up must be 1 or more")
    figures = in_blind_cloud(lambda cloud: measure(cloud, options.images, options.warm_up))
    print_report("pipeline", figures)
    for excess in (found := excesses(figures)):
        print(f"error: {excess}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
