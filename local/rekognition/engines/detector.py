"""NanoDet-g: the 80 kinds of objects of COCO, with a box each.

A box is read from distributions. For each of its four edges, the network gives the probabilities of eleven
distances from the cell's centre (generalised focal loss). See
https://github.com/RangiLyu/nanodet, nanodet/model/head/gfl_head.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from local.rekognition.calibration import REPORTED, Calibration
from local.rekognition.detections import Box, Detection
from local.rekognition.engines.onnx_session import open_network
from local.rekognition.taxonomy import label_of
from local.rekognition.weights.packages import npm_package
from local.rekognition.weights.store import Weights

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local.rekognition.detections import Floats, Pixels
    from local.rekognition.pictures import Picture

WEIGHTS = Weights(
    name="NanoDet-g",
    licence="Apache-2.0, packaged under MIT",
    source="@vladmandic/human 1.4.1 (npm)",
    kind="nanodet-g",
    pins={
        "models/nanodet.json": "13fd80e63375bc0f825f471faaa22c79a304a9b365b18037513c03cf5e83a4b8",
        "models/nanodet.bin": "5d0e4f8c4eded666287330be03017d494787d35f523fd77ca23f59db984a4ad9",
        "LICENSE": "9a3442b79acaf4fbc7c2e07b7e2d8f84af9bb3871bf08a69d80304ab00640e9a",
    },
    fetch=partial(npm_package, "@vladmandic/human"),
    builder="local.rekognition.weights.tensorflow_js",
)

COCO = (
    "person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire hydrant, stop sign, "
    "parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe, backpack, umbrella, "
    "handbag, tie, suitcase, frisbee, skis, snowboard, sports ball, kite, baseball bat, baseball glove, skateboard, "
    "surfboard, tennis racket, bottle, wine glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange, "
    "broccoli, carrot, hot dog, pizza, donut, cake, chair, couch, potted plant, bed, dining table, toilet, tv, "
    "laptop, mouse, remote, keyboard, cell phone, microwave, oven, toaster, sink, refrigerator, book, clock, vase, "
    "scissors, teddy bear, hair drier, toothbrush"
)
CLASSES = COCO.split(", ")

SIDE = 416
DISTANCES = 11
MEAN = np.array([123.675, 116.28, 103.53], np.float32)
DEVIATION = np.array([58.395, 57.12, 57.375], np.float32)

CONSIDERED = 0.2
"""Lower scores are noise."""

SAME_OBJECT = 0.5
"""Boxes of one class that overlap more than this are one object."""

PERSONS = Calibration(slope=4.38, offset=-0.16)
OBJECTS = Calibration(slope=2.18, offset=-0.55)


@dataclass(frozen=True)
class Candidate:
    """A box with the score of one class."""

    kind: int
    score: float
    box: Box


class Detector:
    """Finds objects with their boxes."""

    name = "nanodet-g"
    sees = "80 kinds of objects"
    weights = (WEIGHTS,)

    def __init__(self) -> None:
        self._labels = [label_of(name) for name in CLASSES]

    def look(self, picture: Picture) -> list[Detection]:
        """See Engine. Unsure detections are marked as weak."""
        found = []
        for candidate in self.candidates(picture.pixels()):
            confidence = calibration_of(candidate.kind).percent(candidate.score)
            label, is_weak = self._labels[candidate.kind], confidence < REPORTED
            found.append(Detection(label, confidence, candidate.box, is_weak, picture.is_unlike_photos))
        return found

    def candidates(self, rgb: Pixels) -> list[Candidate]:
        """Return the boxes with at least the score CONSIDERED, surest first."""
        pixels, scale = _boxed(rgb)
        outputs = self._session.run(None, {"pixels": pixels})
        scores = {output.shape[1]: output[0] for output in outputs if output.shape[2] == len(CLASSES)}
        edges = {output.shape[1]: output[0] for output in outputs if output.shape[2] == 4 * DISTANCES}
        found = []
        for cells, of_classes in scores.items():
            for cell, kind in np.argwhere(of_classes > CONSIDERED):
                box = _decode(cell, edges[cells][cell], round(cells**0.5), scale)
                found.append(Candidate(int(kind), float(of_classes[cell, kind]), box))
        return _distinct(found)

    @cached_property
    def _session(self) -> Any:
        return open_network(WEIGHTS.folder / "model.onnx")


def calibration_of(kind: int) -> Calibration:
    """Return the calibration for a class. Persons have their own: they are a quarter of COCO's objects.

    Therefore the network knows persons best.
    """
    return OBJECTS if kind else PERSONS


def _boxed(rgb: Pixels) -> tuple[Floats, npt.NDArray[np.float64]]:
    """Return the network's square input with the picture in its upper left, and the part that the picture fills."""
    height, width = rgb.shape[:2]
    scale = SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    square = np.zeros((1, 3, SIDE, SIDE), np.float32)
    for channel, colour in enumerate((2, 1, 0)):  # blue first
        part = square[0, channel, : size[1], : size[0]]
        np.subtract(small[:, :, colour], MEAN[colour], out=part)
        part /= DEVIATION[colour]
    return square, np.array(size) / SIDE


def _decode(cell: int, coded: Floats, cells: int, scale: npt.NDArray[np.float64]) -> Box:
    powers = np.exp(coded.reshape(4, DISTANCES).astype(np.float64))
    left, top, right, bottom = (powers / powers.sum(axis=1, keepdims=True)) @ np.arange(DISTANCES) / cells
    across, down = (cell % cells + 0.5) / cells, (cell // cells + 0.5) / cells
    return Box.between(
        (across - left) / scale[0], (down - top) / scale[1], (across + right) / scale[0], (down + bottom) / scale[1]
    )


def _distinct(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return the surest box of each object, surest first."""
    kept: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda each: -each.score):
        same = (other for other in kept if other.kind == candidate.kind)
        if all(candidate.box.overlap(other.box) < SAME_OBJECT for other in same):
            kept.append(candidate)
    return kept
