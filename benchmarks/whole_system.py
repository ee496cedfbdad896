"""Measure the processor time that the whole system takes for a picture, with all functions running."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import requests

from benchmarks.blind_cloud import PATIENCE_SECONDS, BenchmarkError, wait_for_empty_queues
from benchmarks.processor_time import ProcessorTime
from local.cloud import Cloud
from local.endpoints import Endpoints

UPLOADERS = 8
SECONDS_PER_IMAGE = 2
"""The longest time that a run may take for each picture. It is enough on a busy machine."""


@contextmanager
def others_paused(cloud: Cloud, function: Mapping[str, Any]) -> Iterator[None]:
    """Pause all deployed functions that read queues or run by a schedule, except one function."""
    functions, events = cloud.client("lambda"), cloud.client("events")
    mappings = [
        mapping["UUID"]
        for mapping in functions.list_event_source_mappings()["EventSourceMappings"]
        if mapping["FunctionArn"] != function["FunctionArn"]
    ]
    rules = [rule["Name"] for rule in events.list_rules()["Rules"]]
    for mapping in mappings:
        functions.update_event_source_mapping(UUID=mapping, Enabled=False)
    for rule in rules:
        events.disable_rule(Name=rule)
    yield
    for mapping in mappings:
        functions.update_event_source_mapping(UUID=mapping, Enabled=True)
    for rule in rules:
        events.enable_rule(Name=rule)


class WholeSystem:
    """Puts pictures into the bucket and measures the processor time until everything is done.

    Recognition, thumbnails, the index, deliveries and e-mails run.
    """

    def __init__(self, cloud: Cloud, endpoints: Endpoints) -> None:
        self._cloud, self._endpoints = cloud, endpoints
        self._s3 = cloud.client("s3")

    def measure(self, files: Sequence[bytes], *, warm_up: int) -> dict[str, Any]:
        """Return the processor time for a picture in milliseconds, separately for each part of the system.

        Functions that were paused first handle their waiting messages. This work and the first `warm_up` pictures are
        not measured.

        Raises:
            BenchmarkError: messages are still in the queues, or documents were not delivered.
        """
        wait_for_empty_queues(self._endpoints, seconds=PATIENCE_SECONDS + SECONDS_PER_IMAGE * len(files))
        self._send(files[:warm_up], "whole-warm-up")
        before, delivered = self._read(), self._delivered()
        self._send(files[warm_up:], "whole")
        after, count = self._read(), len(files) - warm_up
        if self._delivered() - delivered < count:
            raise BenchmarkError(f"the partner got {self._delivered() - delivered} documents of {count} pictures")
        spent = after.since(before)
        return {f"{part}_cpu_ms_per_image": round(1000 * seconds / count, 1) for part, seconds in spent.parts().items()}

    def _send(self, files: Sequence[bytes], name: str) -> None:
        with ThreadPoolExecutor(UPLOADERS) as pool:
            list(pool.map(self._put, files, (f"{name}-{number:04}.jpg" for number in range(len(files)))))
        wait_for_empty_queues(self._endpoints, seconds=PATIENCE_SECONDS + SECONDS_PER_IMAGE * len(files))

    def _put(self, file: bytes, key: str) -> None:
        self._s3.put_object(Bucket=self._endpoints.bucket, Key=key, Body=file, ContentType="image/jpeg")

    def _read(self) -> ProcessorTime:
        return ProcessorTime.read(self._cloud.processes.running())

    def _delivered(self) -> int:
        calls = requests.get(f"{self._endpoints.partner}calls", timeout=PATIENCE_SECONDS).json()
        return int(calls.get("204", 0))
