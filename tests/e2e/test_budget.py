"""A month's budget over labels and abilities: pictures over the budget wait, and are recognised when it is removed."""

import io
import json
import os
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
import requests
from PIL import Image

from common.prices import cost_of
from common.runtime.abilities import ABILITIES
from recognition.runtime.spending.monthly_usage import OverBudgetError, UsageTable
from tests.e2e.conftest import Start, System, system_of, wait_for
from tests.e2e.gallery.samples import remove

PICTURES = int(os.environ.get("SIGHTLINE_PICTURES", "45"))
"""`make test-budget` takes 300."""

ENABLED = ("faces", "celebrities")
SETTING = json.dumps({name: {"when": "always"} for name in ENABLED}, separators=(",", ":"))
AFFORDABLE = PICTURES
"""The number of calls that the budget pays for. All pictures together need three times as many."""

WORKERS, BATCH = 2, 10
MINUTE = 300
"""Seconds to wait for the schedule, which calls once a minute. Much more, because the machine may be busy."""

HIDDEN_SECONDS = 360
"""The visibility of the upload queue: messages in flight when the cloud stops come back after it."""


def picture(number: int) -> bytes:
    """Return a small picture that differs from all others."""
    image = Image.new("RGB", (100, 100), (number % 16 * 16, number // 16 % 16 * 16, 128))
    image.putpixel((number % 100, number // 100), (255, 255, 255))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def spent(system: System) -> Any:
    return requests.get(f"{system.endpoints.labels}/usage", headers=system.headers, timeout=60).json()


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


@pytest.mark.timeout(1800)
def test_pictures_over_the_budget_wait_until_it_is_removed(start: Start) -> None:
    """Run before the worker's cloud is up. Leave the cloud, without budget and abilities, to the tests that follow.

    The abilities are removed with the budget. So the waiting pictures cost their labels, and no label is paid twice.
    """
    cloud = start(f"monthly_budget_usd={cost_of(AFFORDABLE)} abilities={SETTING}")
    system, names = system_of(cloud), [f"{number:03}.png" for number in range(PICTURES)]
    for number, name in enumerate(names):
        system.s3().put_object(Bucket=system.endpoints.bucket, Key=name, Body=picture(number))
    wait_for(lambda: system.answered().total() >= AFFORDABLE)
    before = expect_pause(system)

    cloud.down()
    system = system_of(start())
    check_budget(system)
    wait_for(lambda: mapping(system) == "Enabled", MINUTE)
    wait_for(lambda: len(system.images()) == PICTURES - 1, 240 + HIDDEN_SECONDS)
    wait_for(system.is_idle)
    assert {image["status"] for image in system.images().values()} == {"RECOGNIZED"}
    assert system.answered() == {"DetectLabels": PICTURES - before["DetectLabels"]}
    assert system.depth("UploadedImageDeadLetters") == 0
    shown, counted = spent(system), AFFORDABLE + PICTURES - before["DetectLabels"]
    assert (shown["calls"], shown["cost_usd"], shown["paused"]) == (counted, float(cost_of(counted)), False)
    remove(system, names)


def expect_pause(system: System) -> Counter[str]:
    """Expect the schedule to stop the queue, and removals to go on. Returns the calls that were answered."""
    wait_for(lambda: mapping(system) == "Disabled", MINUTE)
    wait_for(lambda: system.depth("UploadedImageQueue") == PICTURES - len(system.images()))
    shown, before = spent(system), system.answered()
    assert (shown["calls"], shown["paused"]) == (AFFORDABLE, True)
    assert shown["cost_usd"] == shown["budget_usd"] == float(cost_of(AFFORDABLE))
    assert AFFORDABLE <= before.total() <= AFFORDABLE + WORKERS * BATCH
    shares = {name: shown["abilities"][name]["calls"] for name in ENABLED}
    assert all(len(system.images()) <= shares[name] <= before[ABILITIES[name].operation] for name in ENABLED)
    gone, *complete = system.images()
    assert all(set(system.image(name)["abilities"]) == {*ENABLED} for name in complete)
    system.s3().delete_object(Bucket=system.endpoints.bucket, Key=gone)
    wait_for(lambda: gone not in system.images())  # removals do not wait for the budget
    wait_for(lambda: system.depth("UploadedImageQueue") == PICTURES - len(complete) - 1)
    # Messages that are being handled when the cloud stops stay hidden for minutes.
    wait_for(lambda: not any(map(system.depth, ("RemovedImageQueue", "ThumbnailQueue", "IndexQueue", "LabelsQueue"))))
    return before


@pytest.fixture
def usage(system: System) -> Iterator[UsageTable]:
    """A table of its own in the embedded DynamoDB, as a worker with a budget sees it."""
    dynamodb, table = system.client("dynamodb"), "usage-of-fifty-workers"
    key = {"AttributeName": "period"}
    dynamodb.create_table(
        TableName=table,
        AttributeDefinitions=[key | {"AttributeType": "S"}],
        KeySchema=[key | {"KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    yield UsageTable(table, cost_of(120), dynamodb, dynamodb)
    dynamodb.delete_table(TableName=table)


def test_fifty_workers_make_exactly_the_calls_that_the_budget_pays_for(usage: UsageTable) -> None:
    together, made, guard = threading.Barrier(50), Counter[str | None](), threading.Lock()

    def work(_: int) -> None:
        together.wait(30)
        for operation in (None, *ENABLED):
            with suppress(OverBudgetError), usage.count_call(operation), guard:
                made[operation] += 1

    with ThreadPoolExecutor(50) as pool:
        list(pool.map(work, range(50)))
    month = usage.this_month()
    assert (made.total(), month.calls, month.cost_usd) == (120, 120, float(Decimal("0.12")))
    assert {name: share.calls for name, share in month.abilities.items()} == {name: made[name] for name in ENABLED}
