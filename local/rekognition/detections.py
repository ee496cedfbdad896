"""Detections: the results of engines. A detection has a label, a confidence, and a box if the engine gives one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local.rekognition.taxonomy import Label

Pixels = npt.NDArray[np.uint8]
"""An upright RGB picture, shape (height, width, 3)."""

Floats = npt.NDArray[np.float32]


class Box(NamedTuple):
    """A rectangle in fractions of the picture's sides, each in 0..1."""

    left: float
    top: float
    width: float
    height: float

    @classmethod
    def between(cls, left: float, top: float, right: float, bottom: float) -> Box:
        """Return the rectangle with these edges. Parts outside the picture are cut off."""
        left, top = min(max(left, 0.0), 1.0), min(max(top, 0.0), 1.0)
        right, bottom = min(max(right, left), 1.0), min(max(bottom, top), 1.0)
        return cls(float(left), float(top), float(right - left), float(bottom - top))

    @classmethod
    def around(cls, points: Iterable[tuple[float, float]]) -> Box:
        """Return the smallest rectangle that contains these points. Parts outside the picture are cut off."""
        xs, ys = zip(*points, strict=True)
        return cls.between(min(xs), min(ys), max(xs), max(ys))

    def named(self) -> dict[str, float]:
        """Return the rectangle as Rekognition's `BoundingBox`."""
        return {"Width": self.width, "Height": self.height, "Left": self.left, "Top": self.top}

    def overlap(self, other: Box) -> float:
        """Return intersection over union, 0..1."""
        wide = min(self.left + self.width, other.left + other.width) - max(self.left, other.left)
        high = min(self.top + self.height, other.top + other.height) - max(self.top, other.top)
        if wide <= 0 or high <= 0:
            return 0.0
        return wide * high / (self.width * self.height + other.width * other.height - wide * high)


@dataclass(frozen=True)
class Detection:
    """One thing that an engine reports."""

    label: Label
    confidence: float
    """Percent, 0..100."""
    box: Box | None = None
    """None if the engine describes the whole picture."""
    is_weak: bool = False
    """True if the detection is reported only together with another engine's same label. See combination.py."""
    is_doubtful: bool = False
    """True if the picture is unlike the photos that the network was trained on. See combination.py."""
