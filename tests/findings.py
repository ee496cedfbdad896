"""Results of abilities with few members, for tests that need only names and confidences."""

from typing import Any

from common.runtime.recognition_event import AbilityResult

AT = "2026-11-20T09:31:00.000Z"


def result(*found: dict[str, Any]) -> AbilityResult:
    return AbilityResult(status="done", at=AT, model="1.0", found=found)


def words(*texts: str, confidence: float = 95.5) -> AbilityResult:
    """Return the findings of DetectText for one line: the line, then each of its words."""
    line = {"text": " ".join(texts), "type": "line", "id": 0, "confidence": confidence}
    found = [
        {"text": text, "type": "word", "id": number, "parent_id": 0, "confidence": confidence}
        for number, text in enumerate(texts, 1)
    ]
    return result(line, *found)


def celebrities(*names: str, confidence: float = 97.25) -> AbilityResult:
    return result(*({"name": name, "id": name, "urls": [], "confidence": confidence} for name in names))


def moderation(name: str, parent: str | None = None, confidence: float = 88.5) -> AbilityResult:
    level = 2 if parent else 1
    return result({"name": name, "parent": parent, "level": level, "confidence": confidence})
