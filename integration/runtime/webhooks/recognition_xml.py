"""Writes an event as XML. The schemas are `integration/recognition.xsd` and `integration/recognition2.xsd`."""

import re
from typing import Any
from xml.etree import ElementTree  # this module only writes XML, and parses none

from common.runtime.abilities import ABILITIES
from common.runtime.recognition_event import AbilityResult, Failure, Label, RecognitionEvent

NAMESPACE = "urn:sightline:recognition:1"
NAMESPACE_2 = "urn:sightline:recognition:2"

POINTS = {"polygon": "point"}
"""Names of the XML elements for the entries of lists. For other lists, the element has the list's name without the last
`s`."""

# All characters that https://www.w3.org/TR/xml/#charsets excludes: ElementTree would write them, but parsers refuse
# them. The carriage return is included, because parsers read it as a line feed.
NOT_XML = re.compile("[^\t\n\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

REPLACEMENT = "\ufffd"


def to_xml(event: RecognitionEvent) -> bytes:
    """Return the event as a document of schema 1, in UTF-8. Characters that XML cannot hold become U+FFFD."""
    return _document(_root(event, NAMESPACE))


def to_xml_2(event: RecognitionEvent) -> bytes:
    """Return the event as a document of schema 2: the same members, then the results of abilities."""
    root = _root(event, NAMESPACE_2)
    abilities = ElementTree.SubElement(root, "abilities")
    for name in sorted(event.abilities):
        _add_ability(abilities, name, event.abilities[name])
    return _document(root)


def _root(event: RecognitionEvent, namespace: str) -> ElementTree.Element:
    root = ElementTree.Element("recognition", {"xmlns": namespace})
    for name in (
        "event",
        "event_id",
        "image",
        "image_id",
        "bucket",
        "version_id",
        "source_url",
        "uploaded_at",
        "occurred_at",
        "model",
    ):
        _add(root, name, getattr(event, name))
    labels = ElementTree.SubElement(root, "labels", _truncated(event.truncated))
    for label in event.labels:
        _add_label(labels, label)
    _add_failure(root, event.failure)
    return root


def _document(root: ElementTree.Element) -> bytes:
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _truncated(truncated: bool) -> dict[str, str]:
    return {"truncated": "true"} if truncated else {}


def _add_failure(parent: ElementTree.Element, failure: Failure | None) -> None:
    if failure:
        element = ElementTree.SubElement(parent, "failure")
        _add(element, "code", failure.code)
        _add(element, "message", failure.message)


def _add_label(labels: ElementTree.Element, label: Label) -> None:
    element = ElementTree.SubElement(labels, "label")
    _add(element, "name", label.name)
    _add(element, "confidence", label.confidence)
    for kind, names in (("parent", label.parents), ("category", label.categories), ("alias", label.aliases)):
        for name in names:
            _add(element, kind, name)
    for instance in label.instances:
        box = {side: repr(getattr(instance.box, side)) for side in ("left", "top", "width", "height")}
        ElementTree.SubElement(element, "instance", {"confidence": repr(instance.confidence), **box})


def _add_ability(abilities: ElementTree.Element, name: str, result: AbilityResult) -> None:
    element = ElementTree.SubElement(abilities, "ability")
    for member, value in (("name", name), ("status", result.status), ("at", result.at), ("model", result.model)):
        _add(element, member, value)
    _add_failure(element, result.failure)
    found = ElementTree.SubElement(element, "found", _truncated(result.truncated))
    kind = ABILITIES[name].element if name in ABILITIES else "finding"
    for finding in result.found:
        _add_members(ElementTree.SubElement(found, kind), finding)


def _add_members(element: ElementTree.Element, members: dict[str, Any]) -> None:
    # Sorted, because a stored record does not keep the order of its members.
    for name, value in sorted(members.items()):
        if isinstance(value, list):
            for each in value:
                _add_value(element, POINTS.get(name, name.removesuffix("s")), each)
        else:
            _add_value(element, name, value)


def _add_value(parent: ElementTree.Element, name: str, value: Any) -> None:
    """Add an element. An object that holds only plain values, such as a box, becomes an element with attributes."""
    if not isinstance(value, dict):
        _add(parent, name, value)
    elif any(isinstance(each, dict | list) for each in value.values()):
        _add_members(ElementTree.SubElement(parent, name), value)
    else:
        plain = {member: _text(each) for member, each in value.items() if each is not None}
        ElementTree.SubElement(parent, name, dict(sorted(plain.items())))


def _add(parent: ElementTree.Element, name: str, value: Any) -> None:
    if value is not None:
        ElementTree.SubElement(parent, name).text = _text(value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return NOT_XML.sub(REPLACEMENT, str(value))
