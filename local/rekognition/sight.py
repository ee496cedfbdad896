"""The engines of DetectLabels, and their common answer about a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.rekognition.combination import combine
from local.rekognition.engines.classifier import Classifier
from local.rekognition.engines.codes import CodeEngine
from local.rekognition.engines.detector import Detector
from local.rekognition.engines.faces import FaceEngine
from local.rekognition.engines.pages import PageEngine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.rekognition.detections import Detection
    from local.rekognition.engine import Engine
    from local.rekognition.engines.onnx_model import OnnxModel
    from local.rekognition.pictures import Picture

VERSION = "local-2.0"


class Sight:
    """Looks at a picture with several engines."""

    def __init__(self, engines: Sequence[Engine]) -> None:
        self.engines = [engine for engine in engines if is_ready(engine)]
        self.missing = [weights.name for engine in engines for weights in engine.weights if engine not in self.engines]
        """The networks that are not built. Engines that need these networks are left out."""

    @property
    def version(self) -> str:
        """The LabelModelVersion of answers. It names the engines, to show that the answers are not Amazon's."""
        return version_of(*(engine.name for engine in self.engines))

    def look(self, picture: Picture) -> list[Detection]:
        """Return the things that the engines find together.

        Raises:
            ServiceError: InvalidImageFormatException if the picture is truncated or damaged.
        """
        return combine(detection for engine in self.engines for detection in engine.look(picture))

    def describe(self) -> dict[str, Any]:
        """Return the engines, as GET /health shows them."""
        return {
            "sees": [f"{engine.sees} ({engine.name})" for engine in self.engines],
            "engines": [_describe(engine) for engine in self.engines],
            "missing": self.missing,
        }


def is_ready(engine: Engine) -> bool:
    """Return True if the engine's networks are built."""
    return all(weights.is_built() for weights in engine.weights)


def version_of(*engines: str) -> str:
    """Return the model version of answers by engines with these names."""
    return "+".join([VERSION, *engines])


def default_engines(models: Sequence[OnnxModel] = ()) -> list[Engine]:
    """Return the engines to use. A model that the caller names replaces the default model of the same kind."""
    engines: list[Engine] = [FaceEngine(), CodeEngine(), PageEngine(), *models]
    if not any(model.boxes for model in models):
        engines.append(Detector())
    if all(model.boxes for model in models):
        engines.append(Classifier())
    return engines


def _describe(engine: Engine) -> dict[str, Any]:
    networks = [{"name": each.name, "licence": each.licence, "source": each.source} for each in engine.weights]
    return {"name": engine.name, "sees": engine.sees, "networks": networks}
