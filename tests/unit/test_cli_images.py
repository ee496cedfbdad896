"""`sightline show` prints a record with what abilities found."""

from typing import Any

import pytest

from cli.images import show_image

RECORD: dict[str, Any] = {"image": "a.jpg", "failure": None, "labels": []}
FOUND: dict[str, list[dict[str, Any]]] = {
    "text": [
        {"text": "INV 2026", "type": "line", "confidence": 99.1},
        {"text": "INV", "type": "word", "confidence": 99.1},
    ],
    "moderation": [{"name": "Smoking", "parent": "Drugs & Tobacco", "confidence": 91.5}],
    "faces": [{"confidence": 99.9, "attributes": {}}],
    "celebrities": [{"name": "Ada Lovelace", "confidence": 100.0}],
}


def shown(abilities: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> list[str]:
    show_image({**RECORD, "abilities": abilities})
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()[1:]]


def test_findings_are_printed_after_the_labels_and_texts_once(capsys: pytest.CaptureFixture[str]) -> None:
    done = {name: {"status": "done", "found": found, "truncated": False} for name, found in FOUND.items()}
    assert shown(done, capsys) == [
        "text             99.1 %  INV 2026",
        "moderation       91.5 %  Smoking (Drugs & Tobacco)",
        "faces            99.9 %  face",
        "celebrities     100.0 %  Ada Lovelace",
    ]


def test_the_reason_is_printed_if_there_are_no_findings(capsys: pytest.CaptureFixture[str]) -> None:
    failure = {"code": "ImageTooLargeException", "message": "Image size is too large"}
    results = {
        "text": {"status": "done", "found": [], "truncated": False},
        "celebrities": {"status": "done", "found": [], "truncated": True},
        "faces": {"status": "failed", "found": [], "failure": failure},
    }
    assert shown(results, capsys) == [
        "text            nothing found",
        "celebrities     left out, because the record was too large",
        "faces           failed: ImageTooLargeException: Image size is too large",
    ]


def test_a_record_without_abilities_is_printed_as_before(capsys: pytest.CaptureFixture[str]) -> None:
    show_image(RECORD)
    assert capsys.readouterr().out == "image           a.jpg\n"
