"""The estimate, the usage and Rekognition's own count of calls name the same dollars, in all and for each ability."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from cli.cost.bill import bill
from common.prices import cost_of
from common.runtime.abilities import ABILITIES
from common.settings import Settings
from recognition.runtime.records.record_updater import RecordUpdater
from recognition.runtime.spending.usage_report import usage_report
from tests.counted import COUNTED_FOR_ABILITIES
from tests.functional.conftest import emitted, kinds
from tests.functional.fake_rekognition import FakeRekognition
from tests.functional.s3_bucket import S3

OPTIONS: dict[str, Any] = {name: {"when": "always", "calls_per_second": 1000} for name in ("text", "faces")}
PICTURES = 7


@pytest.fixture
def abilities() -> dict[str, Any]:
    return OPTIONS


def test_the_estimate_the_usage_and_the_count_of_calls_agree(
    deliver: Callable[..., list[str]], s3: S3, rekognition: FakeRekognition, worker: RecordUpdater
) -> None:
    pictures = [s3.put(f"{number}.jpg") for number in range(PICTURES)]
    assert deliver(*pictures, s3.put("again.jpg", body="0.jpg")) == []
    counted = Counter(rekognition.asked)
    usage = usage_report(worker.recognizer.operation.usage, None)
    settings = Settings.from_context({"abilities": OPTIONS})
    estimated = {
        line.item.partition(",")[0]: line for line in bill(PICTURES, 1000, settings) if line.service == "Rekognition"
    }
    assert usage["cost_usd"] == float(cost_of(counted.total()))
    assert sum(line.cost for line in estimated.values()) == pytest.approx(usage["cost_usd"])
    assert {name: line.count for name, line in estimated.items()} == counted
    for name, share in usage["abilities"].items():
        operation = ABILITIES[name].operation
        assert (share["calls"], share["cache_hits"]) == (counted[operation], 1)
        assert share["cost_usd"] == pytest.approx(estimated[operation].cost)
    assert usage["abilities"].keys() == OPTIONS.keys()


def test_calls_and_failures_are_counted_by_ability(
    deliver: Callable[..., list[str]], s3: S3, rekognition: FakeRekognition, capsys: pytest.CaptureFixture[str]
) -> None:
    rekognition.refusals["DetectText"] = "InvalidImageFormatException"
    assert deliver(s3.put("a.jpg"), s3.put("b.jpg")) == []
    counted = emitted(capsys)
    assert counted["Calls",] == [1] * 6
    for name, failed in (("text", 1), ("faces", 0)):
        assert counted["Calls", f"ability={name}"] == [1, 1]
        assert counted["Failed", f"ability={name}"] == [failed, failed]
    assert {kind for kind in kinds(counted) if "ability" in kind} == COUNTED_FOR_ABILITIES
