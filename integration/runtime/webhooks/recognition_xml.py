"""Writes an event as XML. The schema is `integration/recognition.xsd`."""

import re
from typing import Any
from xml.etree import ElementTree  # it only writes XML here, and parses none

from common.runtime.recognition_event import Label, RecognitionEvent

NAMESPACE = "urn:sightline:recognition:1"

# All characters that https://www.w3.org/TR/xml/#charsets excludes: ElementTree would write them, but parsers refuse
# them. The carriage return is included, because parsers read it as a line feed.
NOT_XML = re.compile("[^\t\n\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

REPLACEMENT = "\ufffd"


def to_xml(event: RecognitionEvent) -> bytes:
    """Return the event as an XML document in UTF-8. Characters that XML cannot hold become U+FFFD."""
    root = ElementTree.Element("recognition", {"xmlns": NAMESPACE})
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
    labels = ElementTree.SubElement(root, "labels", {"truncated": "true"} if event.truncated else {})
    for label in event.labels:
        _add_label(labels, label)
    if event.failure:
        failure = ElementTree.SubElement(root, "failure")
        _add(failure, "code", event.failure.code)
        _add(failure, "message", event.failure.message)
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


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


def _add(parent: ElementTree.Element, name: str, value: Any) -> None:
    if value is not None:
        ElementTree.SubElement(parent, name).text = NOT_XML.sub(REPLACEMENT, str(value))
