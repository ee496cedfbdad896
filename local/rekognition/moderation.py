"""DetectModerationLabels: turn one score into an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.rekognition.protocol import invalid_parameter

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_MIN_CONFIDENCE = 50.0
"""Percent. From Amazon's reference for DetectModerationLabels."""

LABEL = "Explicit"
"""The label of Amazon's first level that fits the score best. The score does not show a second level."""


@dataclass(frozen=True)
class Question:
    """The settings of a DetectModerationLabels request."""

    min_confidence: float
    """Percent."""

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> Question:
        """Read a checked request.

        Raises:
            ServiceError: InvalidParameterException if this service lacks a feature.
        """
        for feature in ("HumanLoopConfig", "ProjectVersion"):
            if feature in request:
                raise invalid_parameter(f"{feature} is not part of this local service")
        return cls(request.get("MinConfidence", DEFAULT_MIN_CONFIDENCE))


def answer(question: Question, score: float, *, version: str) -> dict[str, Any]:
    """Return the body of a DetectModerationLabels answer for a score in percent."""
    label = {"Name": LABEL, "ParentName": "", "TaxonomyLevel": 1, "Confidence": score}
    labels = [label] if score >= question.min_confidence else []
    return {"ModerationLabels": labels, "ModerationModelVersion": version, "ContentTypes": []}
