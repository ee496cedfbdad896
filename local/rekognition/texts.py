"""DetectText: turn lines of text into an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from local.rekognition.detections import Box
from local.rekognition.protocol import invalid_parameter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from local.rekognition.detections import Pixels
    from local.rekognition.engines.text import Corners, Line, Word

MAX_WORDS = 100
"""The largest number of words in an answer. From Amazon's guide, "Detecting text"."""

MIN_CORNERS = 3

RASTER = 1000
"""The side of a square. Regions are drawn into the square, to compare them with words."""

INSIDE = 0.5
"""A region includes words with at least this share inside. Amazon's reference, `RegionOfInterest`: more than half."""


@dataclass(frozen=True)
class Question:
    """The filters of a DetectText request."""

    min_confidence: float
    """Percent."""
    min_height: float
    min_width: float
    """The least width and height of a word, in fractions of the picture's sides."""
    regions: tuple[Pixels, ...]
    """A mask of RASTER x RASTER for each region, 1 inside. Without regions, the whole picture counts."""

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> Question:
        """Read a checked request.

        Raises:
            ServiceError: InvalidParameterException if a region is no area.
        """
        filters = request.get("Filters", {})
        words = filters.get("WordFilter", {})
        return cls(
            min_confidence=words.get("MinConfidence", 0.0),
            min_height=words.get("MinBoundingBoxHeight", 0.0),
            min_width=words.get("MinBoundingBoxWidth", 0.0),
            regions=tuple(_mask(region) for region in filters.get("RegionsOfInterest", ())),
        )

    def wants(self, word: Word) -> bool:
        """Return True if the filters let the word through."""
        box = word.box
        if word.confidence < self.min_confidence or box.height < self.min_height or box.width < self.min_width:
            return False
        return not self.regions or any(_share(region, box) > INSIDE for region in self.regions)


def answer(question: Question, lines: Iterable[Line], *, version: str) -> dict[str, Any]:
    """Return the body of a DetectText answer: all lines, then all words. Each word has the id of its line.

    A line is left out if the filters let none of its words through.
    """
    kept: list[tuple[Line, list[Word]]] = []
    left = MAX_WORDS
    for line in lines:
        words = [word for word in line.words if question.wants(word)][:left]
        left -= len(words)
        if words:
            kept.append((line, words))
    entries = [
        _entry("LINE", number, line.text, line.confidence, line.corners) for number, (line, _) in enumerate(kept)
    ]
    for number, (_, words) in enumerate(kept):
        for word in words:
            entry = _entry("WORD", len(entries), word.text, word.confidence, word.corners)
            entries.append(entry | {"ParentId": number})
    return {"TextDetections": entries, "TextModelVersion": version}


def _entry(kind: str, number: int, text: str, confidence: float, corners: Corners) -> dict[str, Any]:
    box = Box.around(corners)
    return {
        "DetectedText": text,
        "Type": kind,
        "Id": number,
        "Confidence": confidence,
        "Geometry": {"BoundingBox": box.named(), "Polygon": [{"X": x, "Y": y} for x, y in corners]},
    }


def _mask(region: Mapping[str, Any]) -> Pixels:
    corners = _corners(region)
    mask = np.zeros((RASTER, RASTER), np.uint8)
    cv2.fillPoly(mask, [np.round(np.clip(corners, 0, 1) * (RASTER - 1)).astype(np.int32)], 1)
    return mask


def _corners(region: Mapping[str, Any]) -> Sequence[tuple[float, float]]:
    if ("BoundingBox" in region) == ("Polygon" in region):
        raise invalid_parameter("Request has invalid parameters: a region needs either BoundingBox or Polygon")
    if "Polygon" in region:
        corners = [(point.get("X", 0.0), point.get("Y", 0.0)) for point in region["Polygon"]]
        if len(corners) < MIN_CORNERS:
            raise invalid_parameter(f"Request has invalid parameters: a polygon needs {MIN_CORNERS} points")
        return corners
    left, top, width, height = (region["BoundingBox"].get(name, 0.0) for name in ("Left", "Top", "Width", "Height"))
    if width <= 0 or height <= 0:
        raise invalid_parameter("Request has invalid parameters: a region needs a width and a height above 0")
    return [(left, top), (left + width, top), (left + width, top + height), (left, top + height)]


def _share(mask: Pixels, box: Box) -> float:
    """Return the share of a box that lies in a region, 0..1."""
    left, top = int(box.left * (RASTER - 1)), int(box.top * (RASTER - 1))
    right, bottom = left + max(1, round(box.width * RASTER)), top + max(1, round(box.height * RASTER))
    return float(mask[top:bottom, left:right].mean())
