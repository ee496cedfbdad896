"""The interface of an engine: one way to look at a picture. Each module in engines/ has one."""

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
        """The engine's name, as LabelModelVersion has it."""

    @property
    def sees(self) -> str:
        """The things that it finds, in words."""

    @property
    def weights(self) -> Sequence[Weights]:
        """The networks that it uses, with licence and source."""

    def look(self, picture: Picture) -> Sequence[Detection]:
        """Return the things that it finds.

        Raises:
            ServiceError: InvalidImageFormatException if the picture is truncated or damaged.
        """
