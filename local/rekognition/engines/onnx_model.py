"""Any image classifier or object detector in a directory with the Hugging Face layout.

    config.json                 the classes, the model's type
    preprocessor_config.json    the steps from a picture to the input (preparation.py)
    onnx/model.onnx             the network; or model.onnx, or onnx/model_quantized.onnx

The network has the input `pixel_values`. A network from DETR also has the input `pixel_mask`. A classifier has
the output `logits` for the picture. A detector (DETR, YOLOS, RT-DETR, D-FINE) has the outputs `logits` and
`pred_boxes` for many queries. optimum exports this form, and transformers.js reads it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from local.rekognition.detections import Box, Detection
from local.rekognition.engines.onnx_session import open_network
from local.rekognition.engines.preparation import YOLOS_STEP, Preparation
from local.rekognition.taxonomy import labels_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from local.rekognition.detections import Pixels
    from local.rekognition.pictures import Picture
    from local.rekognition.weights.store import Weights

# Full precision comes first, because the int8 files of convolutional networks take 1.4 to 3.7 times as long on a CPU.
NETWORKS = ("onnx/model.onnx", "model.onnx", "onnx/model_quantized.onnx")

MAX_DETECTIONS = 100
"""Only this many detections of a picture are reported, the surest first."""

MASK_SIDE = 64  # pixel_mask may have any size; the network scales it

Array = npt.NDArray[np.float64]


class ModelError(RuntimeError):
    """The directory holds no model of a known form."""


class OnnxModel:
    """A network with its preparation and its classes. The scores are reported unchanged, in percent."""

    weights: tuple[Weights, ...] = ()

    def __init__(self, directory: Path) -> None:
        """Load the model and try it on a grey picture.

        Raises:
            ModelError: files are missing or damaged, or the model has another form.
        """
        self.name = directory.resolve().name
        try:
            self._load(directory)
            self._try()
        except ModelError as error:
            raise ModelError(f"{directory}: {error}") from error
        except Exception as error:  # onnxruntime's errors have no base class of their own
            why = " ".join(f"{error}".split()) or type(error).__name__
            raise ModelError(f"{directory} cannot be used: {why}") from error

    def _load(self, directory: Path) -> None:
        config = _json(directory / "config.json")
        self._labels = labels_of(_classes(config))
        network = next((directory / file for file in NETWORKS if (directory / file).is_file()), None)
        if network is None:
            raise ModelError(f"the directory contains none of {', '.join(NETWORKS)}")
        self._session = open_network(network)
        inputs = {put.name: put for put in self._session.get_inputs()}
        if "pixel_values" not in inputs or inputs.keys() - {"pixel_values", "pixel_mask"}:
            raise ModelError(f"the inputs are {', '.join(inputs)}; expected pixel_values and perhaps pixel_mask")
        self._outputs = {put.name for put in self._session.get_outputs()}
        if "logits" not in self._outputs:
            raise ModelError(f"the outputs are {', '.join(self._outputs)}; expected logits and perhaps pred_boxes")
        self._masked = "pixel_mask" in inputs
        self._many = config.get("problem_type") == "multi_label_classification"
        self._preparation = Preparation(
            _json(directory / "preprocessor_config.json"),
            fixed=_fixed_size(inputs["pixel_values"].shape),
            step=YOLOS_STEP if config.get("model_type") == "yolos" else 1,
        )

    def _try(self) -> None:
        logits, _ = self._run(np.full((480, 640, 3), 128, np.uint8))
        if logits.shape[1] != self.classes and not (self.boxes and logits.shape[1] == self.classes + 1):
            raise ModelError(f"the network has {logits.shape[1]} classes, but config.json names {self.classes}")

    @property
    def boxes(self) -> bool:
        """True for a detector, False for a classifier."""
        return "pred_boxes" in self._outputs

    @property
    def classes(self) -> int:
        """The number of classes that the network knows."""
        return len(self._labels)

    @property
    def sees(self) -> str:
        """See Engine."""
        return f"{self.classes} kinds of {'objects' if self.boxes else 'pictures'}"

    def look(self, picture: Picture) -> list[Detection]:
        """See Engine."""
        logits, edges = self._run(picture.pixels())
        scores = self._scores(logits)
        if edges is None:
            kinds, sureness = np.arange(scores.shape[1]), scores[0]
        else:
            kinds, sureness = scores.argmax(axis=1), scores.max(axis=1)
        return [
            Detection(
                self._labels[int(kinds[i])],
                100 * float(sureness[i]),
                None if edges is None else Box.between(*edges[i]),
            )
            for i in np.argsort(-sureness)[:MAX_DETECTIONS]
        ]

    def _run(self, rgb: Pixels) -> tuple[Array, Array | None]:
        """Return logits (n, classes) and, for a detector, edges (n, 4: left, top, right, bottom) in 0..1."""
        feeds: dict[str, Any] = {"pixel_values": self._preparation.tensor(rgb)}
        if self._masked:
            feeds["pixel_mask"] = np.ones((1, MASK_SIDE, MASK_SIDE), np.int64)
        if not self.boxes:
            (logits,) = self._session.run(["logits"], feeds)
            return np.asarray(logits, np.float64).reshape(1, -1), None
        logits, boxes = self._session.run(["logits", "pred_boxes"], feeds)
        centres, sizes = np.split(np.asarray(boxes, np.float64)[0], 2, axis=1)
        edges = np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1)
        return np.asarray(logits, np.float64)[0], edges

    def _scores(self, logits: Array) -> Array:
        """Return probabilities (n, classes)."""
        if self._many or (self.boxes and logits.shape[1] == self.classes):
            # RT-DETR, D-FINE and deformable DETR: each class has its own probability.
            scores: Array = 1 / (1 + np.exp(-np.clip(logits, -80, 80)))
            return scores
        powers: Array = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares: Array = powers / powers.sum(axis=1, keepdims=True)
        return shares[:, : self.classes]  # DETR and YOLOS have one more class, which is the last: "no object"


def _json(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise ModelError(f"{file.name} is missing")
    content = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ModelError(f"{file.name} is not a JSON object")
    return content


def _classes(config: Mapping[str, Any]) -> dict[int, str]:
    """Return the classes' names by number. timm's models list them as `label_names`."""
    named = config.get("id2label") or dict(enumerate(config.get("label_names") or ()))
    if not named:
        raise ModelError("config.json names no classes (id2label)")
    return {int(number): str(name) for number, name in named.items()}


def _fixed_size(shape: list[int | str]) -> tuple[int, int] | None:
    """Return the width and height of an input (batch, 3, height, width). Returns None if the input takes any size."""
    if len(shape) != 4:  # noqa: PLR2004 - see above
        raise ModelError(f"the input has the shape {shape}, not (batch, 3, height, width)")
    _, _, height, width = shape
    return (width, height) if isinstance(height, int) and isinstance(width, int) else None
