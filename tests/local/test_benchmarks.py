"""Test the benchmarks' own logic. Their results depend on the machine, and are not tested."""

import io
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import psutil
import pytest
from PIL import Image

from benchmarks import blind_cloud, cold_start, conversion, photos, pipeline, rekognition, search, sight
from benchmarks.processor_time import ProcessorTime
from benchmarks.whole_system import others_paused
from common.imaging.pictures import NoPictureError
from local.cloud import Cloud
from tests.derived import expected

TEMPLATE = {
    "Resources": {
        "Layer1": {"Type": "AWS::Lambda::LayerVersion", "Properties": {"Content": {"S3Key": "layer.zip"}}},
        "Recognition": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Handler": "recognition.runtime.recognize_images.handler",
                "Code": {"S3Key": "code.zip"},
                "Layers": [{"Ref": "Layer1"}],
                "Environment": {"Variables": {"POWERTOOLS_SERVICE_NAME": "Recognition", "TABLE": {"Ref": "Table"}}},
            },
        },
        "CdksOwn": {"Type": "AWS::Lambda::Function", "Properties": {"Handler": "index.handler", "Code": {}}},
        "Mapping": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {"FunctionName": {"Ref": "Recognition"}},
        },
    }
}


def test_the_pictures_are_small_distinct_and_the_same_each_time() -> None:
    files = blind_cloud.pictures(20)
    assert len(set(files)) == 20
    assert blind_cloud.pictures(20) == files
    for file in files:
        with Image.open(io.BytesIO(file)) as image:
            assert (image.format, *image.size) == ("JPEG", 224, 224)


def test_billed_time_comes_from_the_report_lines_alone() -> None:
    report = "REPORT RequestId: 1\tDuration: 12 ms\tBilled Duration: 13 ms\tMemory Size: 128 MB"
    assert blind_cloud.billed_ms(["START RequestId: 1", "said: Billed Duration: 9 ms", report]) == [13]


def test_a_log_without_reports_is_an_error() -> None:
    with pytest.raises(blind_cloud.BenchmarkError, match="no REPORT lines"):
        blind_cloud.billed_ms(["START RequestId: 1"])


def test_ratios_are_ours_divided_by_the_workshops() -> None:
    ours = {"images_per_second": 30, "calls_per_image": 1.0, "billed_ms_per_image": 60}
    workshop = {"images_per_second": 10, "calls_per_image": 1.0, "billed_ms_per_image": 300}
    assert pipeline.ratios(ours, workshop) == {
        "images_per_second": 3.0,
        "calls_per_image": 1.0,
        "billed_ms_per_image": 0.2,
    }


def test_the_processor_time_of_a_function_contains_its_decoder_and_processes_that_have_ended() -> None:
    """An emulator that starts a function, which starts a decoder, which starts a process for a picture."""
    spin = "import time\nwhile time.process_time() < 2: pass\n"
    picture = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {spin!r}])\n"
    rest = "print('ready', flush=True)\nsys.stdin.read()\n"
    decoder = f"import subprocess, sys\n{picture}{rest}"
    function = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {decoder!r}])\n"
    with subprocess.Popen([sys.executable, "-c", function], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as emulator:
        assert emulator.stdout
        before = ProcessorTime(functions=0, emulator=0, others=0)
        assert emulator.stdout.readline() == b"ready\n"
        spent = ProcessorTime.read({"emulator": psutil.Process(emulator.pid)}).since(before)
        assert emulator.stdin
        emulator.stdin.close()
    assert 2 <= spent.functions < 4
    assert spent.others == 0
    assert spent.parts()["total"] == spent.functions + spent.emulator


@pytest.mark.parametrize(
    ("ratio", "cpu_ms", "found"),
    [(3.0, 80, []), (2.9, 80, ["at least 3"]), (3.0, 81, ["at most 80"]), (1, 90, ["at least 3", "at most 80"])],
)
def test_figures_worse_than_their_limits_are_named(ratio: float, cpu_ms: float, found: list[str]) -> None:
    figures = {
        "ours_to_workshop": {"images_per_second": ratio},
        "whole_system": {"functions_cpu_ms_per_image": cpu_ms},
    }
    excesses = pipeline.excesses(figures)
    assert len(excesses) == len(found)
    assert all(text in excess for text, excess in zip(found, excesses, strict=True))


class Switches:
    """The event source mappings and rules of an embedded cloud."""

    def __init__(self) -> None:
        self.enabled = dict.fromkeys(["ours", "thumbnails", "index", "rule"], True)

    def client(self, name: str) -> "Switches":
        return self

    def list_event_source_mappings(self) -> dict[str, Any]:
        return {
            "EventSourceMappings": [{"UUID": name, "FunctionArn": name} for name in ("ours", "thumbnails", "index")]
        }

    def list_rules(self) -> dict[str, Any]:
        return {"Rules": [{"Name": "rule"}]}

    def update_event_source_mapping(self, *, UUID: str, Enabled: bool) -> None:  # noqa: N803 - as boto3 has it
        self.enabled[UUID] = Enabled

    def disable_rule(self, *, Name: str) -> None:  # noqa: N803
        self.enabled[Name] = False

    def enable_rule(self, *, Name: str) -> None:  # noqa: N803
        self.enabled[Name] = True


def test_all_functions_but_one_are_paused() -> None:
    switches = Switches()
    with others_paused(cast("Cloud", switches), {"FunctionArn": "ours"}):
        assert switches.enabled == {"ours": True, "thumbnails": False, "index": False, "rule": False}
    assert all(switches.enabled.values())


class Aws:
    """Records the calls of the workshop's handler."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []

    def detect_labels(self, **request: Any) -> dict[str, Any]:
        self.asked.append(("detect_labels", request["Image"]["S3Object"]["Name"]))
        return {"Labels": [{"Name": "Dog"}]}

    def put_item(self, **request: Any) -> None:
        self.asked.append(("put_item", request["Item"]))

    def publish(self, **request: Any) -> None:
        self.asked.append(("publish", json.loads(request["Message"])))


@pytest.fixture
def workshop_handler(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(pipeline.WORKSHOP))
    monkeypatch.delitem(sys.modules, "workshop_handler", raising=False)
    return import_module("workshop_handler")


def test_the_workshops_handler_takes_one_message_after_the_other(
    workshop_handler: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws = Aws()
    for client in ("rekognition", "dynamodb", "sns"):
        monkeypatch.setattr(workshop_handler, client, aws)
    monkeypatch.setenv("TABLE", "table")
    monkeypatch.setenv("TOPIC_ARN", "topic")
    bodies = [
        json.dumps({"Records": [{"s3": {"bucket": {"name": "pictures"}, "object": {"key": key}}}]})
        for key in ("a+dog.jpg", "b.jpg")
    ]
    workshop_handler.handler({"Records": [{"body": body} for body in bodies]}, None)
    assert aws.asked == [
        step
        for name in ("a dog.jpg", "b.jpg")
        for step in (
            ("detect_labels", name),
            ("put_item", {"image": {"S": name}, "labels": {"S": "['Dog']"}}),
            ("publish", {"image": name, "labels": "['Dog']"}),
        )
    ]


def test_functions_are_read_from_a_template() -> None:
    assets = {"layer.zip": Path("layer"), "code.zip": Path("code")}
    (function,) = cold_start.functions(TEMPLATE, assets)
    assert (function.name, function.kind) == ("Recognition", "queue")
    assert function.statement == "import recognition.runtime.recognize_images"
    assert function.path() == [Path("code"), Path("layer/python")]
    assert function.environment["TABLE"] == "a reference"


def test_import_times_are_summed_by_package() -> None:
    lines = [
        "import time: self [us] | cumulative | imported package",
        "import time:       200 |        200 |   botocore.config",
        "import time:       100 |        300 | botocore",
        "import time:        50 |         50 | json",
    ]
    assert cold_start.own_microseconds(lines) == {"botocore": 300, "json": 50}


def test_a_folder_is_smaller_zipped(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_bytes(b"#" * 2**20)
    assert cold_start.sizes([tmp_path, tmp_path]) == {"zipped_mb": 0.0, "unzipped_mb": 2.0}


def test_a_conversion_is_measured_with_its_memory(tmp_path: Path) -> None:
    conversion.write(0.05, "HEIF", tmp_path / "picture")
    found = conversion.measured(tmp_path / "picture")
    assert found["bytes"] == (tmp_path / "picture").stat().st_size
    assert found["jpeg_bytes"] > 0
    assert found["peak_mb"] > 10
    assert found["cpu_ms"] < found["cpu_ms_with_a_new_process"]


def test_a_conversion_that_fails_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "picture").write_bytes(b"no picture")
    with pytest.raises(NoPictureError):
        conversion.measured(tmp_path / "picture")


def test_a_server_that_is_slower_or_larger_than_promised_fails_the_benchmark() -> None:
    kept = {"ready_seconds": 2, "runs": [{"images_per_second": speed, "server_rss_mb": 350} for speed in (3.5, 12)]}
    assert rekognition.missed_limits(kept) == []
    missed = {"ready_seconds": 2.1, "runs": [{"images_per_second": 11.9, "server_rss_mb": 351}]}
    assert rekognition.missed_limits(missed) == [
        "the server answers 11.9 images per second; the limit is at least 12",
        "the server uses 351 MB RSS; the limit is at most 350",
        "the server is ready after 2.1 s; the limit is at most 2",
    ]


def verdict(photo_set: str, right: set[str], *labels: str) -> sight.Verdict:
    photo = photos.Photo(photo_set, "package", "photo.jpg", frozenset(right))
    return sight.Verdict(photo, dict.fromkeys(labels, 90.0), frozenset(labels))


def test_too_few_right_labels_or_too_many_wrong_ones_fail_the_benchmark_of_labels() -> None:
    right, wrong, none = verdict("fresh", {"Cat"}, "Cat"), verdict("fresh", {"Cat"}, "Dog"), verdict("fresh", {"Cat"})
    package, package_wrong = verdict("wheels", {"Cat"}, "Cat"), verdict("wheels", {"Cat"}, "Dog")
    assert sight.missed_limits([*[package] * 8, package_wrong, *[right] * 9, wrong, none]) == []
    assert sight.missed_limits([*[package] * 7, *[package_wrong] * 2, *[right] * 8, wrong]) == [
        "7 photos of wheels have a right label; expected at least 8",
        "2 photos of wheels have a wrong label; expected at most 1",
        "1 of 9 photos of fresh have a wrong label; expected at most one in ten",
    ]


def test_the_index_is_the_same_as_that_of_update_index(tmp_path: Path) -> None:
    written: dict[str, list[Any]] = {}

    class Tables:
        def batch_write_item(self, *, RequestItems: dict[str, list[Any]]) -> dict[str, Any]:  # noqa: N803 - boto3
            for table, writes in RequestItems.items():
                assert len(writes) <= 25
                written.setdefault(table, []).extend(write["PutRequest"]["Item"] for write in writes)
            return {}

    records = list(search.records("bucket", 30))
    assert records == list(search.records("bucket", 30))
    names = {name: name for name in ("LabelIndex", "LabelCounts", "Projections", "Classifications")}
    search.load(Cloud(tmp_path, say=print), names, records, search.Writer(Tables()))
    derived = expected(records)
    assert len(written["Classifications"]) == len(written["Projections"]) == 30
    assert {(item["label"]["S"], item["image"]["S"]) for item in written["LabelIndex"]} == {
        (name, image) for name, _, image in derived.entries
    }
    counts: dict[str, int] = {}
    for item in written["LabelCounts"]:
        counts[item["label"]["S"]] = counts.get(item["label"]["S"], 0) + int(item["images"]["N"])
    assert counts == derived.counts
