"""A month's budget, on its own cloud: pictures over the budget wait, and are recognised when it is raised."""

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from PIL import Image

from common.prices import cost_of
from local.cloud import Cloud
from tests.e2e.conftest import System, wait_for
from tests.local.onnx_models import colour_classifier

PICTURES = int(os.environ.get("SIGHTLINE_PICTURES", "60"))
AFFORDABLE = PICTURES // 3
WORKERS, BATCH = 2, 10
HIDDEN_SECONDS = 360
"""The visibility of the upload queue: messages in flight when the cloud stops come back after it."""
PATIENTLY = bool(os.environ.get("SIGHTLINE_PATIENTLY"))
"""Wait for the schedule, which checks the budget once a minute, instead of calling the function."""


def picture(number: int) -> bytes:
    """Return a small picture that differs from all others."""
    image = Image.new("RGB", (100, 100), (number % 16 * 16, number // 16 % 16 * 16, 128))
    image.putpixel((number % 100, number // 100), (255, 255, 255))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


class Spender:
    """A cloud in one folder, with one budget after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model = colour_classifier(folder / "colours")
        self.cloud: Cloud | None = None

    def deploy(self, monthly_budget_usd: str) -> System:
        """Deploy with this budget, as `make local-up LOCAL_CONTEXT=monthly_budget_usd=…` does."""
        self.down()
        context = {"monthly_budget_usd": monthly_budget_usd, "rekognition_tps": "50"}
        self.cloud = Cloud(self.folder / "local", say=print, models=[self.model], context=context)
        return System(self.cloud.up())

    def down(self) -> None:
        if self.cloud:
            self.cloud.down()


@pytest.fixture
def spender(tmp_path: Path) -> Iterator[Spender]:
    made = Spender(tmp_path)
    yield made
    made.down()


def calls(system: System) -> int:
    """Return the number of calls that Rekognition answered since its start."""
    return int(requests.get(f"{system.endpoints.rekognition}/stats", timeout=10).json().get("DetectLabels", 0))


def spent(system: System) -> dict[str, object]:
    shown: dict[str, object] = requests.get(
        f"{system.endpoints.labels}/usage", headers=system.headers, timeout=30
    ).json()
    return shown


def mapping(system: System) -> str:
    """Return the state of the upload queue's event source mapping."""
    found = system.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    [state] = [m["State"] for m in found if "UploadedImageQueue" in m["EventSourceArn"]]
    return str(state)


def a_minute_passes(system: System) -> None:
    """Check the budget. With SIGHTLINE_PATIENTLY the schedule does it."""
    if PATIENTLY:
        return
    functions = system.client("lambda")
    [name] = [f["FunctionName"] for f in functions.list_functions()["Functions"] if "Stack-Budget" in f["FunctionName"]]
    answer = functions.invoke(FunctionName=name, Payload=json.dumps({}))
    assert "FunctionError" not in answer, answer["Payload"].read()


@pytest.mark.timeout(900)
def test_pictures_over_the_budget_wait_until_it_is_raised(spender: Spender) -> None:
    system = spender.deploy(f"{cost_of(AFFORDABLE)}")
    names = [f"{number:03}.png" for number in range(PICTURES)]
    for number, name in enumerate(names):
        system.s3().put_object(Bucket=system.endpoints.bucket, Key=name, Body=picture(number))
    wait_for(lambda: calls(system) >= AFFORDABLE, 60)
    a_minute_passes(system)
    wait_for(lambda: mapping(system) == "Disabled", 90)
    wait_for(lambda: len(system.images()) == AFFORDABLE)
    shown = spent(system)
    assert (shown["calls"], shown["paused"]) == (AFFORDABLE, True)
    assert shown["cost_usd"] == shown["budget_usd"] == float(cost_of(AFFORDABLE))
    before = calls(system)
    assert AFFORDABLE <= before <= AFFORDABLE + WORKERS * BATCH
    assert system.depth("UploadedImageQueue") == PICTURES - AFFORDABLE
    gone = next(iter(system.images()))
    system.s3().delete_object(Bucket=system.endpoints.bucket, Key=gone)
    wait_for(lambda: gone not in system.images())  # removals do not wait for the budget
    assert system.depth("UploadedImageQueue") == PICTURES - AFFORDABLE
    # Messages in flight when the cloud stops stay hidden for minutes.
    wait_for(
        lambda: not any(map(system.depth, ("RemovedImageQueue", "ThumbnailQueue", "IndexQueue", "LabelsQueue"))), 90
    )

    system = spender.deploy(f"{cost_of(PICTURES)}")
    a_minute_passes(system)
    wait_for(lambda: mapping(system) == "Enabled", 90)
    wait_for(lambda: len(system.images()) == PICTURES - 1, 60 + HIDDEN_SECONDS)
    wait_for(system.is_idle)
    assert {image["status"] for image in system.images().values()} == {"RECOGNIZED"}
    assert before + calls(system) == PICTURES
    assert system.depth("UploadedImageDeadLetters") == 0
    shown = spent(system)
    assert (shown["calls"], shown["cost_usd"], shown["paused"]) == (PICTURES, float(cost_of(PICTURES)), False)
