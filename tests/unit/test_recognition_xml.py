import dataclasses

from hypothesis import given, settings

from recognition_event import RecognitionEvent
from recognition_xml import to_xml
from tests.partner_documents import read
from tests.unit.strategies import events


@settings(max_examples=200, deadline=None)
@given(events)
def test_every_event_gives_a_document_that_the_schema_accepts(event: RecognitionEvent) -> None:
    read(to_xml(event))


@given(events)
def test_the_document_says_what_the_event_says(event: RecognitionEvent) -> None:
    plain = dataclasses.replace(event, image="dogs & <cats>.jpg", failure=None)
    document = read(to_xml(plain))
    assert document["image"] == "dogs & <cats>.jpg"
    assert document["event"] == event.event
    assert document["event_id"] == event.event_id
    labels = (document["labels"] or {}).get("label", []) if event.labels else []
    assert [label["confidence"] for label in labels] == [label.confidence for label in event.labels]
    assert [len(label.get("instance", [])) for label in labels] == [len(label.instances) for label in event.labels]


def test_characters_that_xml_cannot_hold_are_replaced() -> None:
    event = RecognitionEvent(
        event="image.failed",
        event_id="00000000-0000-0000-0000-000000000000",
        image="a\x0bb\ud800c\uffff🐕",
        image_id="00000000-0000-0000-0000-000000000000",
        bucket="images",
        version_id=None,
        source_url=None,
        occurred_at="2026-11-20T09:30:00.000Z",
        model=None,
    )
    assert read(to_xml(event))["image"] == "a\ufffdb\ufffdc\ufffd🐕"
