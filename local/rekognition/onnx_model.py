"""Any image classifier or object detector from a directory in the Hugging Face layout.

    config.json                 the classes, the model's type
    preprocessor_config.json    how a picture becomes the input (preparation.py)
    onnx/model.onnx             the network; else model.onnx, onnx/model_quantized.onnx

The network has the input `pixel_values` (and, exported from DETR, `pixel_mask`) and the output
`logits`: of one picture (a classifier) or, with `pred_boxes`, of many queries (DETR and its kin:
YOLOS, RT-DETR, D-FINE). That is how optimum exports them, and what transformers.js reads.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # else it leaves a file in the temporary folder, and may report to Microsoft
import onnxruntime  # type: ignore[import-untyped]

from local.rekognition.preparation import YOLOS_STEP, Preparation
from local.rekognition.sightings import Box, Sighting
from local.rekognition.taxonomy import labels_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from local.rekognition.sightings import Pixels

# In full precision first: the int8 files of convolutional networks take 1.4 to 3.7 times as long on a CPU.
NETWORKS = ("onnx/model.onnx", "model.onnx", "onnx/model_quantized.onnx")

MOST = 100
"""Sightings of one model in one picture, at most: the surest."""

MASK_SIDE = 64  # pixel_mask may have any size; the network scales it

Array = npt.NDArray[np.float64]


class ModelError(RuntimeError):
    """A directory that holds no model which can be used here."""


class OnnxModel:
    """A network with its preparation and its classes; may be used by many threads at once."""

    def __init__(self, directory: Path) -> None:
        """Loads the model and tries it on a grey picture.

        Raises:
            ModelError: files are missing or damaged, or the model is of a kind not known here.
        """
        self.name = directory.resolve().name
        try:
            self._load(directory)
            self._try()
        except ModelError as error:
            raise ModelError(f"{directory}: {error}") from error
        except Exception as error:  # onnxruntime's have no base of their own; any means the same here
            why = " ".join(f"{error}".split()) or type(error).__name__
            raise ModelError(f"{directory} cannot be used: {why}") from error

    def _load(self, directory: Path) -> None:
        config = _json(directory / "config.json")
        self._labels = labels_of(_classes(config))
        network = next((directory / file for file in NETWORKS if (directory / file).is_file()), None)
        if network is None:
            raise ModelError(f"none of {', '.join(NETWORKS)} is there")
        self._session = _session(network)
        inputs = {put.name: put for put in self._session.get_inputs()}
        if "pixel_values" not in inputs or inputs.keys() - {"pixel_values", "pixel_mask"}:
            raise ModelError(f"its inputs are {', '.join(inputs)}; known here: pixel_values, pixel_mask")
        self._outputs = {put.name for put in self._session.get_outputs()}
        if "logits" not in self._outputs:
            raise ModelError(f"its outputs are {', '.join(self._outputs)}; known here: logits, pred_boxes")
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
            raise ModelError(f"it tells {logits.shape[1]} classes apart, but {self.classes} have names")

    @property
    def boxes(self) -> bool:
        """Whether it says where: a detector, not a classifier."""
        return "pred_boxes" in self._outputs

    @property
    def classes(self) -> int:
        """How many kinds of things it tells apart."""
        return len(self._labels)

    def find(self, rgb: Pixels, min_confidence: float) -> list[Sighting]:
        """What it sees with at least that confidence (percent), surest first."""
        logits, edges = self._run(rgb)
        scores = self._scores(logits)
        if edges is None:
            kinds, sureness = np.arange(scores.shape[1]), scores[0]
        else:
            kinds, sureness = scores.argmax(axis=1), scores.max(axis=1)
        order = np.argsort(-sureness)[:MOST]
        return [
            Sighting(
                self._labels[int(kinds[i])],
                100 * float(sureness[i]),
                None if edges is None else Box.between(*edges[i]),
            )
            for i in order
            if 100 * sureness[i] >= min_confidence
        ]

    def _run(self, rgb: Pixels) -> tuple[Array, Array | None]:
        """Logits (n, classes) and, of a detector, edges (n, 4: left, top, right, bottom) in 0..1."""
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
        """Probabilities (n, classes)."""
        if self._many or (self.boxes and logits.shape[1] == self.classes):
            # RT-DETR, D-FINE and deformable DETR: each class for itself.
            scores: Array = 1 / (1 + np.exp(-np.clip(logits, -80, 80)))
            return scores
        powers: Array = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares: Array = powers / powers.sum(axis=1, keepdims=True)
        return shares[:, : self.classes]  # DETR and YOLOS have one class more, the last: "no object"


def _json(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise ModelError(f"{file.name} is not there")
    content = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ModelError(f"{file.name} is not a JSON object")
    return content


def _classes(config: Mapping[str, Any]) -> dict[int, str]:
    """The classes' names by number; timm's models list them as `label_names`."""
    named = config.get("id2label") or dict(enumerate(config.get("label_names") or ()))
    if not named:
        raise ModelError("config.json names no classes (id2label)")
    return {int(number): str(name) for number, name in named.items()}


def _session(network: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    # The server looks at one picture per core; more threads per picture cost 40 % more CPU in all.
    options.log_severity_level = 3  # errors only; they are raised as well
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # Numbers next to zero are slow: they took one MobileViT from 38 to 1,034 ms. This rounds them to zero
    # in the thread that makes a process's first session, and in threads started from it afterwards.
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])


def _fixed_size(shape: list[int | str]) -> tuple[int, int] | None:
    """Width and height of an input (batch, 3, height, width), None where they are free."""
    if len(shape) != 4:  # noqa: PLR2004 - see above
        raise ModelError(f"its input has the shape {shape}, not (batch, 3, height, width)")
    _, _, height, width = shape
    return (width, height) if isinstance(height, int) and isinstance(width, int) else None
