"""What is counted, in CloudWatch's embedded format, as CloudWatch would read it off the standard output."""

import json
from collections.abc import Callable

import pytest

import metrics
from tests.functional.conftest import S3, FakeRekognition, emitted


def test_what_became_of_pictures_is_counted_once_from_all_threads(
    deliver: Callable[..., list[str]], s3: S3, rekognition: FakeRekognition, capsys: pytest.CaptureFixture[str]
) -> None:
    rekognition.errors["bad.jpg"] = "InvalidImageFormatException"
    first = [s3.put(f"{number}.jpg") for number in range(6)]
    assert deliver(*first, s3.put("bad.jpg"), s3.put("deleted.jpg")) == []
    counted = emitted(capsys)
    times = counted.pop(("UploadToLabels",))
    counted[("Failed",)].sort()
    assert counted == {
        ("Calls",): [1] * 8,
        ("Recognized",): [1] * 7,
        ("Failed",): [0, 0, 0, 0, 0, 0, 0, 1],
        ("Failed", "InvalidImageFormatException"): [1],
    }
    assert len(times) == 7
    assert all(time >= 0 for time in times)
    assert deliver(first[0], s3.delete("deleted.jpg"), s3.put("again.jpg", body="0.jpg")) == []
    counted = emitted(capsys)
    assert (counted[("CacheHits",)], counted[("Recognized",)]) == ([1], [1])
    assert ("Calls",) not in counted


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
