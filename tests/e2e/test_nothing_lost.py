"""Nothing is lost and nothing is billed twice, whatever fails.

After each fault every image has one final record, every change has reached the partner, and Rekognition has answered
one call for each distinct content, plus at most one for each picture that a killed worker was handling.
"""

import colorsys
import io
import itertools
import json
import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

import psutil
import pytest
import requests
from PIL import Image

from local.cloud import Cloud
from recognition.runtime.pictures.stored_pictures import RESERVED_SECONDS
from tests import partner_documents
from tests.e2e.conftest import System, run_local, wait_for
from tests.source_server import Source

pytestmark = pytest.mark.usefixtures("without_thumbnails")

LONG = 240
"""Seconds for retries, with their growing pauses."""

BATCH = 10
SERIAL = itertools.count()


def distinct_picture() -> bytes:
    """Return a small picture that differs from all others."""
    number = next(SERIAL)
    color = tuple(round(255 * part) for part in colorsys.hsv_to_rgb(number / 97 % 1, 0.6, 0.5))
    image = Image.new("RGB", (100, 90), color)
    image.putpixel((number % 100, number // 100), (255, 255, 255))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


@dataclass
class Faults:
    """The system, and the faults that can be caused in it."""

    system: System
    cloud: Cloud

    def calls(self) -> int:
        """Return the number of calls that Rekognition has answered."""
        stats = requests.get(f"{self.system.endpoints.rekognition}/stats", timeout=60).json()
        return int(stats.get("DetectLabels", 0))

    def rehearse(self, **settings: Any) -> None:
        address = f"{self.system.endpoints.rekognition}/rehearsal"
        requests.post(address, json=settings, timeout=60).raise_for_status()

    def refuse(self, **calls: int) -> None:
        address = f"{self.system.endpoints.aws}/_sightline/refusals"
        requests.post(address, json=calls, timeout=60).raise_for_status()

    def refusals(self) -> dict[str, int]:
        left: dict[str, int] = requests.get(f"{self.system.endpoints.aws}/_sightline/refusals", timeout=60).json()
        return left

    def in_flight(self, name: str) -> int:
        """Return the number of a queue's messages that workers have."""
        url, state = self.system.queue(name), "ApproximateNumberOfMessagesNotVisible"
        found = self.system.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=[state])
        return int(found["Attributes"][state])

    def drop(self, names: list[str]) -> None:
        """Put a distinct picture under each name, straight into the bucket."""
        for name in names:
            self.system.s3().put_object(Bucket=self.system.endpoints.bucket, Key=name, Body=distinct_picture())

    def expect_all(self, names: list[str]) -> None:
        """Wait until every image is recognised and delivered, and nothing is left or dead."""
        wait_for(self.system.is_idle, LONG)  # first, because listing all images is work for the cloud
        images = wait_for(lambda: (found := self.system.images()).keys() >= set(names) and found, LONG)
        wait_for(lambda: set(names) <= self.delivered(), LONG)
        wait_for(self.system.is_idle, LONG)
        assert {images[name]["status"] for name in names} == {"RECOGNIZED"}
        assert self.system.depth("UploadedImageDeadLetters") + self.system.depth("LabelsDeadLetters") == 0

    def delivered(self) -> set[str]:
        """Return the images in the partner's documents. Repeated events must have the same id."""
        ids: dict[str, set[str]] = {}
        for entry in self.system.deliveries():
            document = partner_documents.read(entry["body"])
            ids.setdefault(document["image"], set()).add(document["event_id"])
        return set(ids)

    def records(self, names: list[str]) -> list[dict[str, Any]]:
        dynamodb, table = self.system.client("dynamodb"), self.system.endpoints.table
        keys = [{"image": {"S": name}} for name in names]
        return [dynamodb.get_item(TableName=table, Key=key)["Item"] for key in keys]


def notification(record: dict[str, Any]) -> str:
    """Return S3's notification about the version of a record."""
    return json.dumps(
        {
            "Records": [
                {
                    "eventName": "ObjectCreated:Put",
                    "eventTime": record["uploaded_at"]["S"],
                    "s3": {
                        "bucket": {"name": record["bucket"]["S"]},
                        "object": {
                            "key": quote_plus(record["image"]["S"]),
                            "versionId": record["version_id"]["S"],
                            "sequencer": record["sequencer"]["S"],
                        },
                    },
                }
            ]
        }
    )


@pytest.fixture
def faults(system: System, cloud: Cloud) -> Iterator[Faults]:
    made = Faults(system, cloud)
    wait_for(system.is_idle)
    yield made
    made.rehearse(latency_ms=0, calls_per_second=None, failure_rate=0, outage=False)
    made.refuse()


def names(prefix: str, count: int) -> list[str]:
    return [f"{prefix}/{number:03}.png" for number in range(count)]


def test_pictures_at_once_cost_a_call_each_and_no_replay_costs_another(faults: Faults) -> None:
    pictures, before = names("burst", 60), faults.calls()
    faults.drop(pictures)
    faults.expect_all(pictures)
    assert faults.calls() - before == len(pictures)

    heard = len(faults.system.deliveries())
    messages = [notification(record) for record in faults.records(pictures)] * 2
    random.shuffle(messages)
    sqs, queue = faults.system.client("sqs"), faults.system.queue("UploadedImageQueue")
    for start in range(0, len(messages), 10):
        entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(messages[start : start + 10])]
        sqs.send_message_batch(QueueUrl=queue, Entries=entries)
    wait_for(lambda: len(faults.system.deliveries()) >= heard + len(messages), LONG)
    faults.expect_all(pictures)
    assert faults.calls() - before == len(pictures)


def test_a_corrupt_picture_among_good_ones_costs_the_others_nothing(faults: Faults) -> None:
    good, before = names("nine", 9), faults.calls()
    bucket = faults.system.endpoints.bucket
    faults.system.s3().put_object(Bucket=bucket, Key="nine/corrupt.jpg", Body=b"\xff\xd8\xff no picture")
    faults.drop(good)
    faults.expect_all(good)
    failed = wait_for(lambda: faults.system.image("nine/corrupt.jpg"))
    assert (failed["status"], failed["failure"]["code"]) == ("FAILED", "InvalidImageFormatException")
    assert faults.calls() - before == 9


def test_the_same_bytes_under_many_names_at_once_cost_one_call(faults: Faults) -> None:
    before, body = faults.calls(), distinct_picture()
    for name in names("same", 30):
        faults.system.s3().put_object(Bucket=faults.system.endpoints.bucket, Key=name, Body=body)
    faults.expect_all(names("same", 30))
    assert faults.calls() - before == 1


def test_throttled_and_failing_calls_are_made_again(faults: Faults) -> None:
    pictures, before = names("throttled", 12), faults.calls()
    faults.rehearse(calls_per_second=2, failure_rate=0.2)
    faults.drop(pictures)
    faults.expect_all(pictures)
    assert faults.calls() - before == 12


def test_an_outage_of_rekognition_is_waited_out(faults: Faults) -> None:
    pictures, before = names("outage", 10), faults.calls()
    faults.rehearse(outage=True)
    faults.drop(pictures)
    address = f"{faults.system.endpoints.rekognition}/stats"
    refused = requests.get(address, timeout=60).json().get("refused", {})
    wait_for(lambda: requests.get(address, timeout=60).json().get("refused", {}) != refused)
    faults.rehearse(outage=False)
    faults.expect_all(pictures)
    assert faults.calls() - before == 10


@pytest.mark.parametrize("call", ["PutItem", "UpdateItem", "Publish"])
def test_a_call_that_is_refused_once_is_made_again(faults: Faults, call: str) -> None:
    """PutItem writes the record, UpdateItem the claim, Publish announces."""
    pictures, before = names(f"refused-{call}", 5), faults.calls()
    faults.refuse(**{call: 1})
    faults.drop(pictures)
    faults.expect_all(pictures)
    assert faults.refusals()[call] == 0
    assert faults.calls() - before == 5


def test_a_third_party_that_is_down_gets_everything_when_it_is_back(faults: Faults) -> None:
    pictures = names("partner", 10)
    partner = faults.cloud.processes.running()["partner"]
    command, environment = partner.cmdline()[1:], partner.environ()
    partner.kill()
    faults.drop(pictures)
    wait_for(lambda: set(pictures) <= faults.system.images().keys(), LONG)
    wait_for(lambda: faults.system.depth("LabelsQueue") == len(pictures), LONG)
    faults.cloud.processes.start("partner", command, environment)
    wait_for(lambda: _answers(faults.system.endpoints.partner))
    faults.expect_all(pictures)


@pytest.fixture
def impatient(faults: Faults) -> Iterator[str]:
    """Return the recogniser's name. A dead worker's messages come back after 21 seconds, not after six minutes."""
    functions, sqs = faults.system.client("lambda"), faults.system.client("sqs")
    names = [function["FunctionName"] for function in functions.list_functions()["Functions"]]
    [name] = [name for name in names if "ImageRecognition" in name]
    queue = faults.system.queue("UploadedImageQueue")
    functions.update_function_configuration(FunctionName=name, Timeout=RESERVED_SECONDS + 5)
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": str(RESERVED_SECONDS + 6)})
    yield name
    functions.update_function_configuration(FunctionName=name, Timeout=60)
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "360"})


def test_killed_workers_lose_nothing_and_cost_a_call_for_each_picture_under_way(faults: Faults, impatient: str) -> None:
    pictures, before = names("killed", 30), faults.calls()
    faults.rehearse(latency_ms=1500)
    faults.drop(pictures)
    wait_for(lambda: faults.in_flight("UploadedImageQueue") > BATCH)  # so two workers have messages
    workers = _workers(faults.cloud, impatient)
    for worker in workers:
        worker.kill()
    faults.rehearse(latency_ms=0)
    faults.expect_all(pictures)
    assert 30 <= faults.calls() - before <= 30 + BATCH * len(workers)


@pytest.mark.usefixtures("impatient")
def test_messages_that_are_queued_when_the_cloud_stops_are_there_when_it_starts(
    faults: Faults, source: Source, models: str
) -> None:
    pictures = names("stopped", 10)
    faults.rehearse(outage=True)
    faults.drop(pictures)
    wait_for(lambda: faults.system.depth("UploadedImageQueue") == len(pictures))
    assert run_local(faults.cloud.folder, "down").returncode == 0
    again = run_local(faults.cloud.folder, "up", sources=source.host_and_port, models=models)
    assert again.returncode == 0, again.stdout
    faults.expect_all(pictures)
    assert faults.calls() == len(pictures)


def _workers(cloud: Cloud, function: str) -> list[psutil.Process]:
    """Return the processes in which the function runs."""
    found = []
    for process in cloud.processes.running()["emulator"].children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # decoders of pictures come and go
            if process.environ().get("AWS_LAMBDA_FUNCTION_NAME") == function:
                found.append(process)
    return found


def _answers(address: str) -> bool:
    try:
        return requests.get(address, timeout=60).ok
    except requests.ConnectionError:
        return False
