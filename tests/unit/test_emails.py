import dataclasses
import unicodedata
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from common.runtime.recognition_event import AbilityResult, Failure, Label, RecognitionEvent
from integration.runtime.emails.email_text import MAX_BYTES, subject, text
from tests.unit.strategies import abilities, events

EVENT = RecognitionEvent(
    event="image.recognized",
    event_id="b6ae377b-3121-5668-8e6a-f41604c7f2d0",
    image="img-01.jpg",
    image_id="edc67796-1be9-5d95-9291-4e780fc65789",
    bucket="images",
    version_id="v1",
    source_url="https://example.com/a.jpg",
    occurred_at="2026-11-20T09:30:00.123Z",
    model="3.0",
    labels=(Label(name="Dog", confidence=98.1267), Label(name="Pet", confidence=90)),
)


def test_name_and_source_come_first_then_the_labels() -> None:
    assert text([EVENT]) == (
        "Image: img-01.jpg\nSource: https://example.com/a.jpg\n"
        "Label: Dog, Confidence: 98.13%\nLabel: Pet, Confidence: 90.00%\n"
    )


def answered(*found: dict[str, Any]) -> AbilityResult:
    return AbilityResult(status="done", at="2026-11-20T09:30:01.456Z", found=found)


def test_texts_celebrities_and_moderation_labels_come_below_the_labels() -> None:
    line = {"text": "INV\u202e-2026", "type": "line", "id": 0, "confidence": 99.0}
    event = dataclasses.replace(
        EVENT,
        abilities={
            "moderation": answered({"name": "Smoking", "parent": None, "level": 1, "confidence": 91.5}),
            "faces": answered({"confidence": 99.9}),
            "celebrities": answered({"name": "Ada\nLovelace", "id": "1", "urls": [], "confidence": 97.456}),
            "text": answered(line, {**line, "type": "word", "id": 1, "parent_id": 0}),
        },
    )
    assert text([event]) == text([EVENT]) + (
        "Text: INV<U+202E>-2026\n"
        "Celebrity: Ada<U+000A>Lovelace, Confidence: 97.46%\n"
        "Moderation: Smoking, Confidence: 91.50%\n"
    )


def test_an_ability_that_found_nothing_adds_no_line() -> None:
    assert text([dataclasses.replace(EVENT, abilities={"text": answered()})]) == text([EVENT])


def test_a_batch_is_one_mail_with_a_paragraph_for_each() -> None:
    failed = dataclasses.replace(
        EVENT, image="b.jpg", source_url=None, labels=(), failure=Failure(code="TooSmall", message="it is small")
    )
    empty = dataclasses.replace(EVENT, image="c.jpg", labels=())
    first, second, third = text([EVENT, failed, empty]).split("\n\n")
    assert first.startswith("Image: img-01.jpg\n")
    assert second == "Image: b.jpg\nSource: s3://images/b.jpg\nFailed: TooSmall, it is small"
    assert third.endswith("No labels\n")
    assert subject([EVENT, failed, empty]) == "Sightline: 3 images"


def test_a_name_cannot_make_lines_of_its_own() -> None:
    assert "Image: a<U+000A>Label: Cat\n" in text([dataclasses.replace(EVENT, image="a\nLabel: Cat")])


def test_names_show_characters_that_are_invisible_or_change_the_writing_direction() -> None:
    event = dataclasses.replace(EVENT, image="a\u202egpj.exe", source_url="https://example.com/a\u200bb.jpg")
    assert text([event]).startswith("Image: a<U+202E>gpj.exe\nSource: https://example.com/a<U+200B>b.jpg\n")


HIDDEN = st.characters(categories=["Cc", "Cf", "Cs", "Co", "Zl", "Zp"])


@given(st.text(HIDDEN | st.characters()), st.text(HIDDEN))
def test_mails_contain_no_hidden_characters(name: str, message: str) -> None:
    failed = dataclasses.replace(EVENT, image=name, failure=Failure(code="TooSmall", message=message))
    labelled = dataclasses.replace(EVENT, labels=(Label(name=name, confidence=90),))
    characters = set(text([failed, labelled])) - {"\n"}
    assert not {unicodedata.category(character) for character in characters} & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def test_results_that_do_not_fit_are_counted() -> None:
    long = dataclasses.replace(EVENT, image="ü" * 60_000)
    assert text([long] * 5).endswith("\n… and 3 more\n")


any_events = st.builds(lambda event, results: dataclasses.replace(event, abilities=results), events, abilities)


@given(st.lists(any_events, min_size=1, max_size=5))
def test_any_batch_gives_a_mail_that_sns_takes(batch: list[RecognitionEvent]) -> None:
    assert len(text(batch).encode()) <= MAX_BYTES + 100
    assert subject(batch).isascii()
    assert len(subject(batch)) < 100
