"""A month's budget: pictures over the budget wait, and are recognised when it is removed."""

import io
import json
import os

import pytest
import requests
from PIL import Image

from common.prices import cost_of
from tests.e2e.conftest import Start, System, system_of, wait_for
from tests.e2e.gallery.samples import remove

PICTURES = int(os.environ.get("SIGHTLINE_PICTURES", "45"))
"""`make test-budget` takes 300."""

AFFORDABLE = PICTURES // 3
WORKERS, BATCH = 2, 10
HIDDEN_SECONDS = 360
"""The visibility of the upload queue: messages in flight when the cloud stops come back after it."""


def picture(number: int) -> bytes:
    """Return a small picture that differs from all others."""
    image = Image.new("RGB", (100, 100), (number % 16 * 16, number // 16 % 16 * 16, 128))
    image.putpixel((number % 100, number // 100), (255, 255, 255))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


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


def check_budget(system: System) -> None:
    """Call the function that the schedule calls once a minute."""
    functions = system.client("lambda")
    [name] = [f["FunctionName"] for f in functions.list_functions()["Functions"] if "Stack-Budget" in f["FunctionName"]]
    answer = functions.invoke(FunctionName=name, Payload=json.dumps({}))
    assert "FunctionError" not in answer, answer["Payload"].read()


@pytest.mark.timeout(900)
def test_pictures_over_the_budget_wait_until_it_is_removed(start: Start) -> None:
    """Run before the worker's cloud is up. Leave the cloud, without a budget, to the tests that follow."""
    cloud = start(f"monthly_budget_usd={cost_of(AFFORDABLE)}")
    system, names = system_of(cloud), [f"{number:03}.png" for number in range(PICTURES)]
    for number, name in enumerate(names):
        system.s3().put_object(Bucket=system.endpoints.bucket, Key=name, Body=picture(number))
    wait_for(lambda: calls(system) >= AFFORDABLE, 60)
    before = expect_pause(system)

    cloud.down()
    system = system_of(start())
    check_budget(system)
    wait_for(lambda: mapping(system) == "Enabled", 90)
    wait_for(lambda: len(system.images()) == PICTURES - 1, 60 + HIDDEN_SECONDS)
    wait_for(system.is_idle)
    assert {image["status"] for image in system.images().values()} == {"RECOGNIZED"}
    assert before + calls(system) == PICTURES
    assert system.depth("UploadedImageDeadLetters") == 0
    shown = spent(system)
    assert (shown["calls"], shown["cost_usd"], shown["paused"]) == (PICTURES, float(cost_of(PICTURES)), False)
    remove(system, names)


def expect_pause(system: System) -> int:
    """Expect the schedule to stop the queue, and removals to go on. Returns the number of calls that were answered."""
    wait_for(lambda: mapping(system) == "Disabled", 90)
    wait_for(lambda: len(system.images()) == AFFORDABLE)
    shown = spent(system)
    assert (shown["calls"], shown["paused"]) == (AFFORDABLE, True)
    assert shown["cost_usd"] == shown["budget_usd"] == float(cost_of(AFFORDABLE))
    before = calls(system)
    assert AFFORDABLE <= before <= AFFORDABLE + WORKERS * BATCH
    wait_for(lambda: system.depth("UploadedImageQueue") == PICTURES - AFFORDABLE)
    gone = next(iter(system.images()))
    system.s3().delete_object(Bucket=system.endpoints.bucket, Key=gone)
    wait_for(lambda: gone not in system.images())  # removals do not wait for the budget
    wait_for(lambda: system.depth("UploadedImageQueue") == PICTURES - AFFORDABLE)
    # Messages that are being handled when the cloud stops stay hidden for minutes.
    wait_for(
        lambda: not any(map(system.depth, ("RemovedImageQueue", "ThumbnailQueue", "IndexQueue", "LabelsQueue"))), 90
    )
    return before
