import dataclasses
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings

from common.runtime.recognition_event import Label, RecognitionEvent
from integration.runtime.webhooks.recognition_xml import NAMESPACE, NOT_XML, REPLACEMENT, to_xml
from tests.partner_documents import read
from tests.unit.strategies import events


@settings(max_examples=100, deadline=None)
@given(events)
def test_every_event_gives_a_document_that_the_schema_accepts(event: RecognitionEvent) -> None:
    read(to_xml(event))


@given(events)
def test_the_document_says_what_the_event_says(event: RecognitionEvent) -> None:
    root = ElementTree.fromstring(to_xml(event))  # noqa: S314 - our own

    def text(place: ElementTree.Element, name: str) -> str | None:
        found = place.find(f"{{{NAMESPACE}}}{name}")
        return None if found is None else found.text or ""

    def texts(place: ElementTree.Element, name: str) -> list[str]:
        return [found.text or "" for found in place.findall(f"{{{NAMESPACE}}}{name}")]

    for name in ("event", "event_id", "image", "image_id", "bucket", "version_id", "source_url", "model"):
        assert text(root, name) == readable(getattr(event, name))
    assert (text(root, "occurred_at"), text(root, "uploaded_at")) == (event.occurred_at, event.uploaded_at)
    labels = root.findall(f"{{{NAMESPACE}}}labels/{{{NAMESPACE}}}label")
    assert len(labels) == len(event.labels)
    for element, label in zip(labels, event.labels, strict=True):
        assert text(element, "name") == readable(label.name)
        assert float(text(element, "confidence") or "") == label.confidence
        for kind, names in (("parent", label.parents), ("category", label.categories), ("alias", label.aliases)):
            assert texts(element, kind) == [readable(name) for name in names]
        boxes = [{n: float(v) for n, v in i.attrib.items()} for i in element.findall(f"{{{NAMESPACE}}}instance")]
        assert boxes == [{"confidence": i.confidence, **dataclasses.asdict(i.box)} for i in label.instances]
    failure = root.find(f"{{{NAMESPACE}}}failure")
    assert (failure is None) == (event.failure is None)
    if failure is not None and event.failure:
        assert text(failure, "code") == readable(event.failure.code)
        assert text(failure, "message") == readable(event.failure.message)


def readable(text: str | None) -> str | None:
    return None if text is None else NOT_XML.sub(REPLACEMENT, text)


@pytest.mark.parametrize("name", ["x" * 10_000, "🐕" * 10_000, "<&>]]>\"'", "\x00" * 10_000, " \t\n ", "<!--", "&#0;"])
def test_any_label_gives_a_valid_document(name: str) -> None:
    label = Label(name=name, confidence=50, parents=(name,))
    event = RecognitionEvent(
        event="image.recognized",
        event_id="00000000-0000-0000-0000-000000000000",
        image="a",
        image_id="00000000-0000-0000-0000-000000000000",
        bucket="images",
        version_id=None,
        source_url=None,
        occurred_at="2026-11-20T09:30:00.000Z",
        model=None,
        labels=(label,),
    )
    document = read(to_xml(event))["labels"]["label"][0]
    assert document["name"] == document["parent"][0] == readable(name)


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
