"""docs/events.md shows the documents that are sent, and a receiver that accepts them."""

import dataclasses
import json
import re
import textwrap
from typing import Any

from common.runtime.recognition_event import Failure, RecognitionEvent, abilities_from
from integration.runtime.webhooks.recognition_xml import to_xml, to_xml_2
from tests import partner_documents
from tests.conftest import ROOT

PAGE = (ROOT / "docs/events.md").read_text()


ABILITIES = (ROOT / "docs/abilities.md").read_text()


def blocks(language: str, page: str = PAGE) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def test_the_xml_is_made_from_the_json_event() -> None:
    [event], [document, *_] = blocks("json"), blocks("xml")
    assert to_xml(RecognitionEvent.from_json(event)).decode() == document.rstrip("\n")


def test_the_xml_of_schema_2_has_the_results_that_the_page_of_abilities_shows() -> None:
    [event], [_, results], shown = blocks("json"), blocks("json", ABILITIES), blocks("xml")[-1]
    made = dataclasses.replace(RecognitionEvent.from_json(event), abilities=abilities_from(json.loads(results)))
    document = to_xml_2(made).decode()
    assert textwrap.indent(shown, "  ") in document
    assert shown.startswith("<abilities>")
    partner_documents.read_2(document)


def test_failures_and_deletions_have_the_form_that_is_sent() -> None:
    _, failed, deleted, _ = blocks("xml")
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
