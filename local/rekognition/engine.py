"""Defines the interface of engines. An engine is one way to look at a picture. The engines are modules in engines/."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.rekognition.detections import Detection
    from local.rekognition.pictures import Picture
    from local.rekognition.weights.store import Weights


class Engine(Protocol):
    """Looks at pictures. Many threads may use it at once."""

    @property
    def name(self) -> str:
        """The engine's name, as it appears in LabelModelVersion."""

    @property
    def sees(self) -> str:
        """The things that the engine finds, in words."""

    @property
    def weights(self) -> Sequence[Weights]:
        """The networks that the engine uses, with their licence and source."""

    def look(self, picture: Picture) -> Sequence[Detection]:
        """Return the things that the engine finds in the picture.

        Raises:
            ServiceError: InvalidImageFormatException if the picture is truncated or damaged.
        """
