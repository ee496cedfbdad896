"""Test the rules of the soak. Its results depend on the machine, and are not tested."""

import dataclasses
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.soak.check import SystemState, violations
from benchmarks.soak.load import Load
from benchmarks.soak.sampling import Sampler
from common.runtime.recognition_event import AbilityResult, Label
from local.cloud import Cloud
from local.endpoints import Endpoints
from recognition.runtime.records.image_records import ImageRecord
from tests.derived import Derived, expected


def record(image: str, version: str, status: Any = "RECOGNIZED") -> ImageRecord:
    labels = (Label(name="red", confidence=99.5, parents=("colour",)),) if status == "RECOGNIZED" else ()
    times: dict[str, Any] = {"uploaded_at": "2026-11-20T09:30:00.000Z", "recognized_at": "2026-11-20T09:30:01.000Z"}
    return ImageRecord(
        image=image, image_id=f"id of {image}", status=status, bucket="b", sequencer="1", fingerprint="f",
        version_id=version, labels=labels, **times,
    )  # fmt: skip


def at_rest() -> SystemState:
    """Return a consistent state: two objects, and one that was deleted."""
    texts = {"text": AbilityResult(status="done", at="2026-11-20T09:30:01.000Z")}
    first = dataclasses.replace(record("s/a", "1"), abilities=texts)
    records = {r.image: r for r in (first, record("s/b", "2"), record("s/c", "3", "DELETED"))}
    derived = expected(records.values())
    return SystemState(
        current={"s/a": ("1", "x"), "s/b": ("2", "y")},
        deleted={"s/c"},
        contents={"x", "y", "z"},
        records=records,
        deliveries=[
            {"event_id": r.event().event_id, "image": r.image, "status": "DELIVERED"} for r in records.values()
        ],
        derived=Derived(derived.entries, dict(Counter(name for name, _, _ in derived.entries)), derived.documents),
        listed={"s/a", "s/b"},
        searched={"red": {"s/a", "s/b"}, "green": set()},
        wanted={"s/a": {"text"}, "s/b": set()},
        calls=Counter(DetectLabels=3, DetectText=1),
    )


def load(s3: Any = None) -> Load:
    endpoints = Endpoints(**{field.name: "" for field in dataclasses.fields(Endpoints)})
    return Load(endpoints, s3, Path(), "s/", random.Random(0), lambda: 0)


def judged(seen: SystemState, calls_lost: int = 0) -> list[str]:
    return list(violations(seen, load(), calls_lost))


def test_a_soak_without_faults_in_the_system_has_no_violation() -> None:
    assert judged(at_rest()) == []


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda s: s.records.pop("s/a"), "1 stored objects have no record: s/a"),
        (
            lambda s: s.records.update({"s/d": record("s/d", "1", "DELETED")}),
            "records are of objects that never existed",
        ),
        (lambda s: s.current.update({"s/a": ("9", "x")}), "1 records are not of the current version: s/a"),
        (lambda s: s.records.update({"s/a": record("s/a", "1", "FAILED")}), "1 records have the wrong status"),
        (
            lambda s: s.records.update({"s/a": record("s/a", "1")}),
            "1 records have the wrong abilities: s/a (none)",
        ),
        (lambda s: s.wanted.update({"s/a": set()}), "1 records have the wrong abilities: s/a (text)"),
        (
            lambda s: s.records.update({"s/c": record("s/c", "3")}),
            "1 deleted objects have a record that is not deleted: s/c",
        ),
        (lambda s: s.deliveries.pop(), "1 last changes were not delivered: s/c"),
        (lambda s: s.deliveries[0].update(status="WAITING"), "1 deliveries have not succeeded: s/a"),
        (lambda s: s.derived.entries.pop(), "1 entries are missing in the index"),
        (lambda s: s.derived.entries.add(("blue", 1, "s/a")), "1 entries of the index should not be there"),
        (lambda s: s.derived.counts.update(red=7), "counts differ from the index"),
        (lambda s: s.derived.documents.pop("id of s/b"), "1 result documents differ from the records: id of s/b"),
        (lambda s: s.listed.remove("s/b"), "1 stored objects are not listed: s/b"),
        (lambda s: s.listed.add("s/c"), "1 deleted objects are listed: s/c"),
        (lambda s: s.searched["green"].add("s/a"), "1 a search for green differs from the records: s/a"),
    ],
)
def test_each_rule_of_the_soak_finds_what_breaks_it(broken: Callable[[SystemState], Any], said: str) -> None:
    seen = at_rest()
    broken(seen)
    assert any(said in violation for violation in judged(seen))


def test_the_soak_counts_calls_of_rekognition_and_allows_for_those_that_were_lost() -> None:
    def answered(labels: int, texts: int) -> SystemState:
        return dataclasses.replace(at_rest(), calls=Counter(DetectLabels=labels, DetectText=texts))

    assert "Rekognition answered 4 calls of DetectLabels; 2 to 3" in judged(answered(4, 1))[0]
    assert judged(answered(4, 1), calls_lost=1) == []
    assert "Rekognition answered 1 calls of DetectLabels; 2 to 3" in judged(answered(1, 1))[0]
    assert "Rekognition answered 0 calls of DetectText; 1 to 3" in judged(answered(3, 0))[0]
    assert "Rekognition answered 4 calls of DetectText; 1 to 3" in judged(answered(3, 4))[0]


def test_the_soak_knows_names_and_contents_that_it_removed_for_good() -> None:
    seen = dataclasses.replace(at_rest(), deleted=set(), contents={"x", "y"})
    erasing = load()
    assert "records are of objects that never existed" in next(violations(seen, erasing, 0))
    erasing.erased.add("s/c")
    erasing.erased_contents.add("z")
    assert list(violations(seen, erasing, 0)) == []


@pytest.mark.parametrize(
    ("kind", "removed"),
    [
        ("undelete", ["marker"]),
        ("remove current", ["marker"]),
        ("remove older", ["1"]),
        ("remove all", ["marker", "1"]),
    ],
)
def test_the_soak_removes_versions_in_one_call(kind: str, removed: list[str]) -> None:
    class S3:
        def list_object_versions(self, **_: str) -> dict[str, Any]:
            return {
                "Versions": [{"VersionId": "1", "IsLatest": False, "ETag": '"x"'}],
                "DeleteMarkers": [{"VersionId": "marker", "IsLatest": True}],
            }

        def delete_objects(self, *, Delete: Any, **_: str) -> None:  # noqa: N803 - boto3's name
            calls.append([entry["VersionId"] for entry in Delete["Objects"]])

    calls: list[list[str]] = []
    erasing = load(S3())
    erasing.remove_versions(kind, "s/a")
    assert calls == [removed]
    assert erasing.erased == {"s/a"}
    assert erasing.erased_contents == ({"x"} if "1" in removed else set())
    assert erasing.errors == []


def test_a_workers_growth_is_its_own_whoever_comes_and_goes(tmp_path: Path) -> None:
    sampler = Sampler(Cloud(tmp_path, say=print), None, {})  # type: ignore[arg-type]
    steady = [(float(second), 100.0) for second in range(0, 600, 10)]
    sampler.by_worker = {
        ("Flat", 1): steady,
        ("Flat", 2): steady[-3:],  # too short to judge
        ("Leaky", 3): [(at, 100 + at / 60 * 2.5) for at, _ in steady],
    }
    found = sampler.growth(300, 600)
    assert found["Flat"] == {"workers": 1, "mb": 100.0, "mb_a_minute": 0.0}
    assert found["Leaky"]["mb_a_minute"] == 2.5
