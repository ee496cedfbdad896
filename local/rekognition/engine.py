"""Everything that looks at pictures, together."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import cv2

from local.rekognition.codes import CodeFinder
from local.rekognition.faces import FaceFinder

if TYPE_CHECKING:
    from pathlib import Path

    from local.rekognition.pictures import Picture
    from local.rekognition.sightings import Sighting


class _Readers(threading.local):
    """OpenCV's detectors; they keep state, so every thread gets its own at first use."""

    def __init__(self, face_weights: Path) -> None:
        self.faces = FaceFinder(face_weights)
        self.codes = CodeFinder()


class Engine:
    """Sees faces and codes; may be used by many threads at once."""

    name = "local"
    version = "local-1.0"

    def __init__(self, face_weights: Path) -> None:
        cv2.setNumThreads(1)  # the server uses a thread per core already
        self._readers = _Readers(face_weights)

    @property
    def sees(self) -> list[str]:
        """What it can see, in words."""
        return ["faces", "codes"]

    def look(self, picture: Picture) -> list[Sighting]:
        """All that is seen in the picture.

        Raises:
            ServiceError: InvalidImageFormatException if the picture is truncated or damaged.
        """
        rgb = picture.pixels()
        return [*self._readers.faces.find(rgb), *self._readers.codes.find(rgb)]
