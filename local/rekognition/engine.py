"""What looks at a picture: every detector together, or one that is blind."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

import cv2

from local.rekognition.codes import CodeFinder
from local.rekognition.faces import FaceFinder
from local.rekognition.sightings import Box, Sighting
from local.rekognition.taxonomy import label_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from local.rekognition.onnx_model import OnnxModel
    from local.rekognition.pictures import Picture


class Engine(Protocol):
    """Looks at pictures; may be used by many threads at once."""

    @property
    def name(self) -> str:
        """Which of the engines it is."""

    @property
    def version(self) -> str:
        """What answers call LabelModelVersion."""

    @property
    def sees(self) -> Sequence[str]:
        """In words."""

    @property
    def models(self) -> Sequence[OnnxModel]:
        """The models that it uses."""

    def look(self, picture: Picture, min_confidence: float) -> list[Sighting]:
        """All that is seen with at least that confidence (percent).

        Raises:
            ServiceError: InvalidImageFormatException if the picture is truncated or damaged.
        """


class _Readers(threading.local):
    """OpenCV's detectors; they keep state, so every thread gets its own at first use."""

    def __init__(self, face_weights: Path) -> None:
        self.faces = FaceFinder(face_weights)
        self.codes = CodeFinder()


class SeeingEngine:
    """Sees faces, codes, and what the models see."""

    name = "local"

    def __init__(self, face_weights: Path, models: Sequence[OnnxModel]) -> None:
        cv2.setNumThreads(1)  # the server uses a thread per core already
        self._readers = _Readers(face_weights)
        self.models = models
        self.sees = ["faces", "codes", *(f"{m.classes} classes of {m.name}" for m in models)]
        self.version = "-".join(["local-1.0", *(m.name for m in models)])

    def look(self, picture: Picture, min_confidence: float) -> list[Sighting]:
        """See Engine."""
        rgb = picture.pixels()
        sightings = [*self._readers.faces.find(rgb), *self._readers.codes.find(rgb)]
        for model in self.models:
            sightings += model.find(rgb, min_confidence)
        return [sighting for sighting in sightings if sighting.confidence >= min_confidence]


class BlindEngine:
    """Answers the same for every picture, without looking: to measure what is around it, nothing else."""

    name = "blind"
    version = "local-blind-1.0"
    sees = ("nothing: every answer is the same",)
    models = ()

    def look(self, picture: Picture, min_confidence: float) -> list[Sighting]:  # noqa: ARG002 - see above
        """See Engine; the picture is not even decoded."""
        sightings = (
            Sighting(label_of("dog"), 98.7, Box(0.1, 0.2, 0.3, 0.4)),
            Sighting(label_of("bicycle"), 91.2, Box(0.5, 0.4, 0.4, 0.5)),
            Sighting(label_of("person"), 87.6),
        )
        return [sighting for sighting in sightings if sighting.confidence >= min_confidence]
