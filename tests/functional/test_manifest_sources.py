"""Sources of manifest lines: retries, copies from other buckets, and one picture at a time from each host."""

import dataclasses
import json
import threading
from collections import Counter
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from api.runtime import fetch_images
from api.runtime.sources.source_urls import S3Object
from api.runtime.uploads.image_store import NameTakenError
from common.runtime.safe_fetch.errors import SourceFailedError, SourceForbiddenError, SourceTimeoutError
from tests.functional.test_get_save_image import stored
from tests.functional.test_manifests import Intake, intake_fixture, source_fixture  # noqa: F401 - fixtures
from tests.source_server import Source, picture


def test_a_source_that_is_down_for_a_while_is_asked_again(intake: Intake, source: Source) -> None:
    intake.drop("list.csv", f"{source.address}/flaky?2,a.jpg\n{source.address}/broken,b.jpg\n{source.address}/missing")
    intake.run()
    assert Counter(source.requests) == {"/flaky?2": 3, "/broken": fetch_images.TRIES, "/missing": 1}
    report = intake.report("list.csv")
    assert report["stored"] == 1
    assert [line["reason"] for line in report["failed"]] == [
        "SourceFailed: the source answered 500",
        "SourceFailed: the source answered 404",
    ]


@pytest.mark.parametrize(
    ("error", "least", "most"),
    [
        (SourceFailedError("busy", 503), 3, 5),
        (SourceFailedError("busy", 503, 60), 60, 60),
        (SourceFailedError("busy", 429, 100_000), 900, 900),
        (SourceFailedError("busy", 425, 0), 3, 5),
        (SourceFailedError("slow", 408), 3, 5),
        (SourceFailedError("nobody is there"), 3, 5),
        (SourceTimeoutError("slow"), 3, 5),
    ],
)
def test_a_source_is_asked_again_after_its_retry_after(error: Exception, least: int, most: int) -> None:
    assert least <= (fetch_images.retry_seconds(error, 1) or 0) <= most


@pytest.mark.parametrize("error", [SourceFailedError("no", 404), SourceForbiddenError("no"), NameTakenError("a")])
def test_a_permanent_failure_is_not_retried(error: Exception) -> None:
    assert fetch_images.retry_seconds(error, 1) is None


def archive(key: str, body: bytes, **more: Any) -> None:
    boto3.client("s3").put_object(Bucket="archive", Key=key, Body=body, **more)


def test_objects_of_source_buckets_are_copied(intake: Intake) -> None:
    archive("a/red flower ü.jpg", picture(), ContentType="text/plain", Metadata={"refresh": "1"}, Tagging="a=b")
    archive("page.jpg", b"<html>")
    archive("empty.jpg", b"")
    archive("large.jpg", picture() + bytes(1_000_000))
    lines = ["a/red flower ü.jpg", "page.jpg", "empty.jpg", "large.jpg", "gone.jpg"]
    manifest = "\n".join(json.dumps({"url": f"s3://archive/{key}"}) for key in lines)
    for run in ("1", "2"):
        intake.drop(f"{run}.jsonl", manifest + '\n{"url": "s3://other/a.jpg"}')
        intake.run()
    first, second = intake.report("1.jsonl"), intake.report("2.jsonl")
    assert (first["stored"], second["stored"], second["unchanged"]) == (1, 0, 1)
    reasons = {line["line"]: line["reason"] for line in first["failed"]}
    assert [reasons[line].partition(":")[0] for line in (2, 3, 4, 5, 6)] == [
        *("NotAPicture", "NotAPicture", "ImageTooLarge", "SourceFailed", "SourceForbidden")
    ]
    assert "is not in source_buckets" in reasons[6]
    assert len(stored(intake.images)) == 1
    found = boto3.client("s3").get_object(Bucket=intake.images, Key="red flower ü.jpg")
    assert (found["Body"].read(), found["ContentType"]) == (picture(), "image/jpeg")
    assert found["Metadata"]["source-url"] == "s3://archive/a/red%20flower%20%C3%BC.jpg"
    assert "refresh" not in found["Metadata"]


def test_a_copy_does_not_replace_another_picture(intake: Intake) -> None:
    archive("a.jpg", picture(color="red"))
    boto3.client("s3").put_object(Bucket=intake.images, Key="a.jpg", Body=picture())
    intake.drop("list.csv", "s3://archive/a.jpg")
    intake.run()
    assert intake.report("list.csv")["failed"][0]["reason"].startswith("NameTaken")
    assert list(stored(intake.images).values()) == [picture()]


def test_a_copy_that_meets_another_at_the_same_moment_checks_again(intake: Intake) -> None:
    """S3 refuses if the name was taken after the check. moto does not, so the refusal is simulated."""
    archive("a.jpg", picture())
    s3 = boto3.client("s3")
    copier = fetch_images.fetcher().copier

    class Meeting:
        def copy_object(self, **request: Any) -> None:
            assert request["IfNoneMatch"] == "*"
            s3.put_object(Bucket=intake.images, Key="a.jpg", Body=picture())
            raise ClientError({"Error": {"Code": "ConditionalRequestConflict"}}, "CopyObject")

        def __getattr__(self, name: str) -> Any:
            return getattr(s3, name)

    meeting = dataclasses.replace(copier, s3=Meeting())  # type: ignore[arg-type]
    assert meeting.copy(S3Object("archive", "a.jpg"), "a.jpg", "v") is False


def test_a_worker_asks_a_host_for_one_picture_at_a_time(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    under_way: Counter[str] = Counter()
    most: Counter[str] = Counter()
    both = threading.Barrier(2, timeout=60)

    class Saver:
        def save(self, upload: Any) -> Any:
            host = upload.url.split("/")[2]
            under_way[host] += 1
            most[host] = max(most[host], under_way[host])
            both.wait()  # the two hosts at once
            under_way[host] -= 1
            return dataclasses.make_dataclass("Saved", ["changed"])(True)

    fake = dataclasses.replace(fetch_images.fetcher(), saver=Saver())  # type: ignore[arg-type]
    monkeypatch.setattr(fetch_images, "fetcher", lambda: fake)
    lines = [f"https://{host}/{number}.jpg" for number in range(5) for host in ("a.example", "B.example")]
    intake.drop("list.csv", "\n".join(lines))
    intake.run()
    assert most == {"a.example": 1, "B.example": 1}
    assert intake.report("list.csv")["stored"] == 10
