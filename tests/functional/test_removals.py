"""Removals have a queue of their own: they never wait for Rekognition or for uploads."""

from collections.abc import Callable

import pytest

from recognition.runtime.records.image_records import ImageRecord
from tests.functional.conftest import received
from tests.functional.fake_rekognition import FakeRekognition
from tests.functional.s3_bucket import S3
from tests.functional.test_current_version import status, version_of

Deliver = Callable[..., list[str]]
Records = Callable[[str], ImageRecord | None]


def test_a_removal_is_handled_while_uploads_wait(
    s3: S3, deliver: Deliver, records: Records, rekognition: FakeRekognition
) -> None:
    created = s3.put("a.jpg")
    assert deliver(created) == []
    rekognition.errors |= dict.fromkeys(["b.jpg", "c.jpg"], "InternalServerError")
    assert deliver(s3.put("b.jpg"), s3.put("c.jpg")) == ["0", "1"]
    assert deliver(*s3.delete_versions(("a.jpg", version_of(created))), queue="removals") == []
    record = records("a.jpg")
    assert record
    assert record.status == "DELETED"


def test_a_removal_uses_the_stored_answer_of_the_older_version(
    s3: S3, deliver: Deliver, records: Records, rekognition: FakeRekognition, queue_url: str
) -> None:
    older, newer = s3.put("a.jpg", body="older"), s3.put("a.jpg", body="newer")
    assert deliver(s3.put("same.jpg", body="older"), newer) == []
    assert deliver(*s3.delete_versions(("a.jpg", version_of(newer))), queue="removals") == []
    assert status(records("a.jpg")) == ("RECOGNIZED", version_of(older))
    assert len(rekognition.calls) == 2
    assert received(queue_url) == []


@pytest.mark.parametrize("receives", [1, 5, 19])
def test_a_removal_that_needs_a_call_goes_to_the_queue_of_uploads(
    s3: S3, deliver: Deliver, records: Records, rekognition: FakeRekognition, queue_url: str, receives: int
) -> None:
    """There it obeys the budget, the rate and the claims, as an upload does."""
    older, newer = s3.put("a.jpg", body="older"), s3.put("a.jpg", body="newer")
    assert deliver(newer) == []
    removal = s3.delete_versions(("a.jpg", version_of(newer)))
    assert deliver(*removal, queue="removals", receives=receives) == []
    assert received(queue_url) == removal
    assert status(records("a.jpg")) == ("RECOGNIZED", version_of(newer))
    assert len(rekognition.calls) == 1

    assert deliver(*removal) == []
    assert status(records("a.jpg")) == ("RECOGNIZED", version_of(older))
    assert len(rekognition.calls) == 2
