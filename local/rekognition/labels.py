"""DetectLabels: turn detections into an answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.rekognition.protocol import invalid_parameter
from local.rekognition.taxonomy import Label, lineage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from local.rekognition.detections import Detection

# Both values are from Amazon's API reference for DetectLabels.
DEFAULT_MIN_CONFIDENCE = 55.0
DEFAULT_MAX_LABELS = 1000


@dataclass(frozen=True)
class Question:
    """The settings of a DetectLabels request."""

    min_confidence: float
    """Percent."""
    max_labels: int
    names: frozenset[str]
    """Only these labels and the labels in `categories` are reported. If both are empty, all labels are reported."""
    categories: frozenset[str]
    not_names: frozenset[str]
    not_categories: frozenset[str]

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> Question:
        """Read a checked request.

        Raises:
            ServiceError: InvalidParameterException if this service lacks a feature.
        """
        settings = request.get("Settings", {})
        if "IMAGE_PROPERTIES" in request.get("Features", ()) or "ImageProperties" in settings:
            raise invalid_parameter("IMAGE_PROPERTIES is not part of this local service")
        filters = settings.get("GeneralLabels", {})
        return cls(
            min_confidence=request.get("MinConfidence", DEFAULT_MIN_CONFIDENCE),
            max_labels=request.get("MaxLabels", DEFAULT_MAX_LABELS),
            names=frozenset(filters.get("LabelInclusionFilters", ())),
            categories=frozenset(filters.get("LabelCategoryInclusionFilters", ())),
            not_names=frozenset(filters.get("LabelExclusionFilters", ())),
            not_categories=frozenset(filters.get("LabelCategoryExclusionFilters", ())),
        )

    def wants(self, label: Label) -> bool:
        """Return True if the filters let the label through."""
        if label.name in self.not_names or self.not_categories.intersection(label.categories):
            return False
        if not self.names and not self.categories:
            return True
        return label.name in self.names or bool(self.categories.intersection(label.categories))


@dataclass
class _Found:
    label: Label
    confidence: float = 0.0
    instances: list[Detection] = field(default_factory=list)


def answer(question: Question, detections: Iterable[Detection], *, version: str) -> dict[str, Any]:
    """Return the body of a DetectLabels answer, surest label first. Ancestors are labels of their own.

    An ancestor has the confidence of its surest descendant, as in Amazon's answers. It has no instances,
    because the box of a face, for example, is not the box of the person.
    """
    sure = (each for each in detections if each.confidence >= question.min_confidence)
    found = [f for f in _gather(sure) if question.wants(f.label)]
    found.sort(key=lambda f: (-f.confidence, -len(f.label.parents)))
    return {
        "Labels": [_label(f) for f in found[: question.max_labels]],
        "LabelModelVersion": version,
    }


def _gather(detections: Iterable[Detection]) -> Iterable[_Found]:
    found: dict[str, _Found] = {}
    for detection in detections:
        family = lineage(detection.label)
        for label in family:
            entry = found.setdefault(label.name, _Found(label))
            entry.confidence = max(entry.confidence, detection.confidence)
        if detection.box:
            found[family[0].name].instances.append(detection)
    return found.values()


def _label(found: _Found) -> dict[str, Any]:
    instances = sorted(found.instances, key=lambda each: -each.confidence)
    return {
        "Name": found.label.name,
        "Confidence": found.confidence,
        "Instances": [_instance(each) for each in instances],
        "Parents": _names(found.label.parents),
        "Aliases": _names(found.label.aliases),
        "Categories": _names(found.label.categories),
    }


def _instance(detection: Detection) -> dict[str, Any]:
    assert detection.box is not None  # noqa: S101 - only detections with a box become instances
    return {"BoundingBox": detection.box.named(), "Confidence": detection.confidence}


def _names(names: Iterable[str]) -> list[dict[str, str]]:
    return [{"Name": name} for name in names]
