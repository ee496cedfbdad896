"""docs/events.md shows the documents that are sent, and a receiver that accepts them."""

import re
from typing import Any

from common.runtime.recognition_event import Failure, RecognitionEvent
from integration.runtime.webhooks.recognition_xml import to_xml
from tests import partner_documents
from tests.conftest import ROOT

PAGE = (ROOT / "docs/events.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_xml_is_made_from_the_json_event() -> None:
    [event], [document, *_] = blocks("json"), blocks("xml")
    assert to_xml(RecognitionEvent.from_json(event)).decode() == document.rstrip("\n")


def test_failures_and_deletions_have_the_form_that_is_sent() -> None:
    _, failed, deleted = blocks("xml")
    for document, name in ((failed, "image.failed"), (deleted, "image.deleted")):
        content = partner_documents.read(document)
        failure = Failure(**content["failure"]) if "failure" in content else None
        assert content["event"] == name
        plain: dict[str, Any] = {
            member: content.get(member) for member in ("event", "event_id", "image", "image_id", "bucket")
        }
        times = {member: content[member] for member in ("uploaded_at", "occurred_at")}
        made = RecognitionEvent(**plain, **times, failure=failure, version_id=None, source_url=None, model=None)
        assert to_xml(made).decode() == document.rstrip("\n")


def test_the_receiver_is_the_one_that_the_partner_runs() -> None:
    assert blocks("python") == [(ROOT / "local/receiver.py").read_text()]
