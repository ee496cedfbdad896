"""Writes the e-mail about a batch of results."""

from collections.abc import Iterator, Sequence

from common.runtime.abilities.ability import Ability, Finding
from common.runtime.abilities.celebrities import CELEBRITIES
from common.runtime.abilities.moderation import MODERATION
from common.runtime.abilities.text import TEXT
from common.runtime.recognition_event import AbilityResult, RecognitionEvent
from common.runtime.visible_text import visible

MAX_BYTES = 250_000
"""The longest text of an e-mail. SNS accepts 256 KB."""


def subject(events: Sequence[RecognitionEvent]) -> str:
    """Return the subject. SNS requires one line of ASCII."""
    return "Sightline: 1 image" if len(events) == 1 else f"Sightline: {len(events)} images"


def text(events: Sequence[RecognitionEvent]) -> str:
    """Return a paragraph for each image, with its name and source first. Images that do not fit are only counted."""
    paragraphs: list[str] = []
    size = 0
    for event in events:
        paragraph = "\n".join(map(visible, _lines(event))) + "\n"
        size += len(paragraph.encode()) + 1
        if size > MAX_BYTES:
            paragraphs.append(f"… and {len(events) - len(paragraphs)} more\n")
            break
        paragraphs.append(paragraph)
    return "\n".join(paragraphs)


def _lines(event: RecognitionEvent) -> list[str]:
    lines = [f"Image: {event.image}", f"Source: {event.source_url or f's3://{event.bucket}/{event.image}'}"]
    if event.failure:
        return [*lines, f"Failed: {event.failure.code}, {event.failure.message}"]
    seen = [f"Label: {label.name}, Confidence: {label.confidence:.2f}%" for label in event.labels]
    return [*lines, *(seen or ["No labels"]), *_found(event.abilities)]


def _found(results: dict[str, AbilityResult]) -> Iterator[str]:
    """Yield a line for each line of text, each celebrity and each moderation label."""
    for each in _findings(results, TEXT):
        if each["type"] == "line":
            yield f"Text: {each['text']}"
    for ability, title in ((CELEBRITIES, "Celebrity"), (MODERATION, "Moderation")):
        for each in _findings(results, ability):
            yield f"{title}: {each['name']}, Confidence: {each['confidence']:.2f}%"


def _findings(results: dict[str, AbilityResult], ability: Ability) -> tuple[Finding, ...]:
    return results[ability.name].found if ability.name in results else ()
