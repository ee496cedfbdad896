import dataclasses
import json

import pytest
from hypothesis import given

from common.runtime import recognition_event
from common.runtime.recognition_event import Box, EventError, Instance, Label, RecognitionEvent
from tests.unit.strategies import events


@given(events)
def test_a_document_reads_back_as_what_was_written(event: RecognitionEvent) -> None:
    assert RecognitionEvent.from_json(event.to_json()) == event


@given(events)
def test_members_of_later_versions_are_ignored(event: RecognitionEvent) -> None:
    document = json.loads(event.to_json()) | {"new_member": 1}
    assert RecognitionEvent.from_json(json.dumps(document)) == event


def test_documents_of_the_first_version_are_understood() -> None:
    document = json.loads(crowd(1).to_json())
    for member in ("uploaded_at", "correlation_id"):
        del document[member]
    assert RecognitionEvent.from_json(json.dumps(document)) == crowd(1)


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{}", '{"schema": "sightline.recognition/2"}', '{"schema": "sightline.recognition/1"}']
)
def test_another_document_is_refused(text: str) -> None:
    with pytest.raises(EventError):
        RecognitionEvent.from_json(text)


def test_the_reason_of_a_refusal_does_not_grow_with_the_document() -> None:
    with pytest.raises(EventError) as refusal:
        RecognitionEvent.from_json(json.dumps({"schema": "x" * 1_000_000}))
    assert len(str(refusal.value)) < 200


def crowd(people: int) -> RecognitionEvent:
    box = Box(left=0.123456789, top=0.123456789, width=0.123456789, height=0.123456789)
    person = Label(
        name="Person", confidence=99.0, instances=tuple(Instance(confidence=98.7654321, box=box) for _ in range(people))
    )
    return RecognitionEvent(
        event="image.recognized",
        event_id="0" * 36,
        image="crowd.jpg",
        image_id="0" * 36,
        bucket="images",
        version_id=None,
        source_url=None,
        occurred_at="2026-11-20T09:30:00.000Z",
        model="3.0",
        labels=(person,),
    )


def test_a_document_that_sns_would_refuse_goes_without_its_boxes() -> None:
    text = crowd(3000).to_json()
    read = RecognitionEvent.from_json(text)
    assert len(text.encode()) <= recognition_event.MAX_BYTES
    assert read.truncated
    assert [label.name for label in read.labels] == ["Person"]


def test_a_document_that_fits_keeps_its_boxes() -> None:
    read = RecognitionEvent.from_json(crowd(100).to_json())
    assert not read.truncated
    assert len(read.labels[0].instances) == 100


def test_the_same_change_has_the_same_id_and_any_other_change_another() -> None:
    change = {"image_id": "i", "sequencer": "01", "event": "image.recognized", "fingerprint": "f", "model": "3.0"}
    others = [{**change, name: "other"} for name in change]
    ids = {recognition_event.event_id(**one) for one in [change, dict(change), *others]}  # type: ignore[arg-type]
    assert len(ids) == 1 + len(others)


def test_labels_are_immutable_all_the_way_down() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        crowd(1).labels[0].instances[0].box.left = 0.0  # type: ignore[misc]
