"""Metrics in CloudWatch's embedded format, read from the standard output."""

import json
from collections.abc import Callable
from unittest.mock import Mock

import pytest

from common.runtime import metrics
from recognition.runtime import recognize_images
from recognition.runtime.spending.monthly_usage import OverBudgetError
from tests.counted import COUNTED
from tests.functional.conftest import emitted, kinds
from tests.functional.fake_rekognition import FakeRekognition
from tests.functional.s3_bucket import S3


def test_outcomes_of_pictures_are_counted_once_from_all_threads(
    deliver: Callable[..., list[str]], s3: S3, rekognition: FakeRekognition, capsys: pytest.CaptureFixture[str]
) -> None:
    rekognition.errors["bad.jpg"] = "InvalidImageFormatException"
    first = [s3.put(f"{number}.jpg") for number in range(6)]
    assert deliver(*first, s3.put("bad.jpg"), s3.put("deleted.jpg")) == []
    counted = emitted(capsys)
    seen = kinds(counted)
    times = counted.pop(("UploadToLabels",))
    counted[("Failed",)].sort()
    assert counted == {
        ("Calls",): [1] * 8,
        ("Recognized",): [1] * 7,
        ("Failed",): [0, 0, 0, 0, 0, 0, 0, 1],
        ("Failed", "code=InvalidImageFormatException"): [1],
        ("MessagesFailed",): [0] * 8,
    }
    assert len(times) == 7
    assert all(time >= 0 for time in times)
    assert deliver(first[0], s3.delete("deleted.jpg"), s3.put("again.jpg", body="0.jpg")) == []
    counted = emitted(capsys)
    assert (counted[("CacheHits",)], counted[("Recognized",)]) == ([1], [1])
    assert ("Calls",) not in counted
    assert seen | kinds(counted) == COUNTED["recognize_images"]


def test_messages_that_fail_are_counted_with_those_that_do_not_and_those_that_wait_are_not(
    deliver: Callable[..., list[str]],
    s3: S3,
    rekognition: FakeRekognition,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rekognition.errors["refused.jpg"] = "AccessDeniedException"
    assert deliver(s3.put("a.jpg"), s3.put("refused.jpg"), "no notification") == ["1", "2"]
    assert sorted(emitted(capsys)["MessagesFailed",]) == [0, 1, 1]
    monkeypatch.setattr(recognize_images, "record_updater", Mock(side_effect=OverBudgetError))
    assert deliver(s3.put("over the budget.jpg")) == ["0"]
    assert emitted(capsys) == {}


def test_metrics_that_cannot_be_written_fail_no_message(
    deliver: Callable[..., list[str]], s3: S3, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(metrics, "EphemeralMetrics", None)
        assert deliver(s3.put("a.jpg")) == []
    assert emitted(capsys) == {}
    assert deliver(s3.put("b.jpg")) == []
    assert emitted(capsys)[("Recognized",)] == [1]


def test_more_values_than_a_line_may_hold_take_several(capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(250):
        metrics.count("Calls", number)
    metrics.flush()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [len(line["Calls"]) for line in lines] == [100, 100, 50]
    assert [value for line in lines for value in line["Calls"]] == list(range(250))
