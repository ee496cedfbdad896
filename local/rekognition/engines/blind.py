"""Gives every picture the same answer, without analysing the picture. This measures everything around Rekognition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.rekognition.detections import Box, Detection
from local.rekognition.taxonomy import label_of

if TYPE_CHECKING:
    from local.rekognition.pictures import Picture
    from local.rekognition.weights.store import Weights


class BlindEngine:
    """Reports the same detections for every picture, without decoding the picture."""

    name = "blind"
    sees = "nothing: every answer is the same"
    weights: tuple[Weights, ...] = ()

    def look(self, picture: Picture) -> list[Detection]:  # noqa: ARG002 - see above
        """See Engine."""
        return [
            Detection(label_of("dog"), 98.7, Box(0.1, 0.2, 0.3, 0.4)),
            Detection(label_of("bicycle"), 91.2, Box(0.5, 0.4, 0.4, 0.5)),
            Detection(label_of("person"), 87.6),
        ]
