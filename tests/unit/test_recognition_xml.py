import dataclasses
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from xmlschema import XMLSchemaValidationError

from common.runtime.recognition_event import AbilityResult, Failure, Label, RecognitionEvent
from integration.runtime.webhooks.recognition_xml import (
    NAMESPACE,
    NAMESPACE_2,
    NOT_XML,
    REPLACEMENT,
    to_xml,
    to_xml_2,
)
from tests.partner_documents import read, read_2
from tests.unit.strategies import abilities, events

AT = "2026-11-20T09:30:01.456Z"
BOX = {"left": 0.1, "top": 0.2, "width": 0.3, "height": 0.4}

PLAIN = RecognitionEvent(
    event="image.recognized",
    event_id="00000000-0000-0000-0000-000000000000",
    image="a",
    image_id="00000000-0000-0000-0000-000000000000",
    bucket="images",
    version_id=None,
    source_url=None,
    occurred_at="2026-11-20T09:30:00.000Z",
    model=None,
)


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


HOSTILE = ["x" * 10_000, "🐕" * 10_000, "<&>]]>\"'", "\x00" * 10_000, " \t\n ", "<!--", "&#0;", "\u202eRTL", "\ud83d"]


@pytest.mark.parametrize("name", HOSTILE)
def test_any_label_gives_a_valid_document(name: str) -> None:
    label = Label(name=name, confidence=50, parents=(name,))
    document = read(to_xml(dataclasses.replace(PLAIN, labels=(label,))))["labels"]["label"][0]
    assert document["name"] == document["parent"][0] == readable(name)


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_gives_a_valid_document_of_schema_2(text: str) -> None:
    finding = {"text": text, "type": "word", "id": 1, "confidence": 50}
    (ability,) = read_2(to_xml_2(with_found("text", finding)))["abilities"]["ability"]
    assert ability["found"]["text_detection"][0]["text"] == [readable(text)]


def test_characters_that_xml_cannot_hold_are_replaced() -> None:
    event = dataclasses.replace(PLAIN, image="a\x0bb\ud800c\uffff🐕")
    assert read(to_xml(event))["image"] == "a\ufffdb\ufffdc\ufffd🐕"


def with_found(name: str, *found: dict[str, Any]) -> RecognitionEvent:
    return dataclasses.replace(PLAIN, abilities={name: AbilityResult(status="done", at=AT, found=found)})


@given(events, abilities)
def test_abilities_change_no_byte_of_schema_1(event: RecognitionEvent, results: dict[str, AbilityResult]) -> None:
    assert to_xml(dataclasses.replace(event, abilities=results)) == to_xml(event)


@settings(max_examples=100, deadline=None)
@given(events, abilities)
def test_schema_2_accepts_all_results(event: RecognitionEvent, results: dict[str, AbilityResult]) -> None:
    document = read_2(to_xml_2(dataclasses.replace(event, abilities=results)))
    answered = (document["abilities"] or {}).get("ability", [])
    assert [(each["name"], each["status"]) for each in answered] == [
        (name, results[name].status) for name in sorted(results)
    ]


@given(events)
def test_schema_2_has_the_members_of_schema_1_then_abilities(event: RecognitionEvent) -> None:
    end = b"\n  <abilities />\n</recognition>"
    second = to_xml_2(event)
    assert second.endswith(end)
    assert second.replace(end, b"\n</recognition>").replace(NAMESPACE_2.encode(), NAMESPACE.encode()) == to_xml(event)


def test_a_finding_has_plain_members_as_elements_and_boxes_and_points_as_attributes() -> None:
    line = {"text": "a<b\x00", "type": "line", "id": 0, "confidence": 99.5, "box": BOX, "polygon": [{"x": 0.1, "y": 1}]}
    text = to_xml_2(with_found("text", line)).decode()
    assert (
        """\
        <text_detection>
          <box height="0.4" left="0.1" top="0.2" width="0.3" />
          <confidence>99.5</confidence>
          <id>0</id>
          <point x="0.1" y="1" />
          <text>a&lt;b\ufffd</text>
          <type>line</type>
        </text_detection>
"""
        in text
    )


def test_the_attributes_of_a_face_are_elements() -> None:
    face = {"attributes": {"smile": {"value": True, "confidence": 97}, "emotions": [{"type": "CALM", "confidence": 9}]}}
    text = to_xml_2(with_found("faces", face)).decode()
    assert '<smile confidence="97" value="true" />' in text
    assert '<emotion confidence="9" type="CALM" />' in text


def test_an_ability_that_failed_has_the_reason() -> None:
    failed = AbilityResult(status="failed", at=AT, failure=Failure(code="ImageTooLargeException", message="too large"))
    document = read_2(to_xml_2(dataclasses.replace(PLAIN, abilities={"faces": failed})))
    (ability,) = document["abilities"]["ability"]
    assert ability["failure"] == {"code": "ImageTooLargeException", "message": "too large"}


@pytest.mark.parametrize(
    ("name", "finding"),
    [
        ("moderation", {"name": "Smoking", "confidence": 101}),
        ("text", {"text": "a", "box": {"left": 0.1}}),
        ("faces", {"landmarks": [{"type": "nose", "x": "left", "y": 0}]}),
    ],
)
def test_schema_2_checks_the_members_that_it_knows(name: str, finding: dict[str, Any]) -> None:
    with pytest.raises(XMLSchemaValidationError):
        read_2(to_xml_2(with_found(name, finding)))


def test_schema_2_accepts_what_later_versions_add() -> None:
    text = to_xml_2(with_found("moderation", {"name": "Smoking", "confidence": 90, "severity": {"level": 3}})).decode()
    later = text.replace("</ability>", "<cost>1</cost></ability>").replace("</recognition>", "<hash/></recognition>")
    assert read_2(later)["abilities"]["ability"][0]["found"]["moderation_label"]
