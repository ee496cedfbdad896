"""DetectFaces and RecognizeCelebrities: turn faces into answers.

Answers contain only measured members. No engine knows a name, an age, a gender or an emotion. `EyesOpen` is
left out as well, because the landmark network shows open eyes even if the eyes are closed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from local.rekognition.combination import CERTAIN_FACE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from local.rekognition.detections import Box, Pixels
    from local.rekognition.engines.faces import Face

MAX_FACES = 100
"""At most this many faces are reported, the largest first. The limit is from Amazon's reference for DetectFaces."""

FIVE = ("eyeLeft", "eyeRight", "mouthLeft", "mouthRight", "nose")
"""The landmarks of an answer without `ALL`."""

LEFT_EYE, RIGHT_EYE = (33, 133), (362, 263)
MOUTH_CORNERS, INNER_LIPS = (61, 291), (13, 14)

WIDE_MOUTH, WIDTH_SLOPE = 0.93, 17.0
"""A smile: the mouth's width divided by the distance of the eyes.

Of 50 faces, 14 have a wider mouth. 12 of these 14 smile. 5 other faces smile as well.
"""

OPEN_MOUTH, OPENING_SLOPE = 0.1, 22.0
"""An open mouth: the gap between the lips divided by the mouth's width.

Of the same 50 faces, 22 have a larger gap. 18 of these 22 mouths are open.
"""

SHARPNESS_SIDE = 96
"""Pixels. Each face is scaled to this side, so that the face's size does not change its sharpness."""

HALF_SHARP = 40.0
"""The difference of brightness (0..255) at a face's strongest edges. A face with this value is half sharp."""

Points = npt.NDArray[np.float64]
"""A face's 468 points in pixels, shape (468, 2)."""


def members_of(request: Mapping[str, Any]) -> frozenset[str]:
    """Return the values of a checked DetectFaces request's `Attributes`."""
    return frozenset(request.get("Attributes", ()))


def answer(wanted: frozenset[str], faces: Iterable[Face], rgb: Pixels) -> dict[str, Any]:
    """Return the body of a DetectFaces answer, largest face first."""
    measures = [measure for name, measure in ATTRIBUTES.items() if not wanted.isdisjoint({name, "ALL"})]
    details = []
    for face in _largest(faces):
        points = np.array(face.points) * rgb.shape[1::-1]
        names = list(face.landmarks) if "ALL" in wanted else FIVE
        details.append(_common(face, rgb, names) | {member: measure(points) for member, measure in measures})
    return {"FaceDetails": details}


def strangers(faces: Iterable[Face], rgb: Pixels) -> dict[str, Any]:
    """Return the body of a RecognizeCelebrities answer: nobody is recognised."""
    return {"CelebrityFaces": [], "UnrecognizedFaces": [_common(face, rgb, FIVE) for face in _largest(faces)]}


def _largest(faces: Iterable[Face]) -> list[Face]:
    reported = (face for face in faces if not face.is_doubtful or face.confidence >= CERTAIN_FACE)
    return sorted(reported, key=lambda face: -face.box.width * face.box.height if face.box else 0.0)[:MAX_FACES]


def _common(face: Face, rgb: Pixels, names: Sequence[str]) -> dict[str, Any]:
    assert face.box is not None  # noqa: S101 - every face has one
    landmarks = face.landmarks
    return {
        "BoundingBox": face.box.named(),
        "Confidence": face.confidence,
        "Landmarks": [{"Type": name, "X": landmarks[name][0], "Y": landmarks[name][1]} for name in names],
        "Pose": {"Roll": face.pose.roll, "Yaw": face.pose.yaw, "Pitch": face.pose.pitch},
        "Quality": _quality(rgb, face.box),
    }


def _quality(rgb: Pixels, box: Box) -> dict[str, float]:
    """Return brightness and sharpness, each 0..100. They are not on Amazon's scale."""
    height, width = rgb.shape[:2]
    left, top = int(box.left * width), int(box.top * height)
    right, bottom = math.ceil((box.left + box.width) * width), math.ceil((box.top + box.height) * height)
    grey = cv2.cvtColor(rgb[top : max(bottom, top + 1), left : max(right, left + 1)], cv2.COLOR_RGB2GRAY)
    face = cv2.resize(grey, (SHARPNESS_SIDE, SHARPNESS_SIDE), interpolation=cv2.INTER_AREA)
    edges = float(np.percentile(np.abs(cv2.Laplacian(face, cv2.CV_32F)), 95))
    return {"Brightness": float(grey.mean()) / 2.55, "Sharpness": 100 * edges / (edges + HALF_SHARP)}


def _smile(points: Points) -> dict[str, Any]:
    eyes = [points[list(eye)].mean(axis=0) for eye in (LEFT_EYE, RIGHT_EYE)]
    width = _distance(*points[list(MOUTH_CORNERS)]) / _distance(*eyes)
    return _verdict(WIDTH_SLOPE * (width - WIDE_MOUTH))


def _open_mouth(points: Points) -> dict[str, Any]:
    gap = _distance(*points[list(INNER_LIPS)]) / _distance(*points[list(MOUTH_CORNERS)])
    return _verdict(OPENING_SLOPE * (gap - OPEN_MOUTH))


def _distance(one: Points, other: Points) -> float:
    return max(float(np.linalg.norm(one - other)), 1e-6)


def _verdict(odds: float) -> dict[str, Any]:
    """Return a value with its confidence. `odds` is the logarithm of the odds that the value is true."""
    return {"Value": odds > 0, "Confidence": 100 / (1 + math.exp(-min(abs(odds), 50.0)))}


ATTRIBUTES: dict[str, tuple[str, Callable[[Points], dict[str, Any]]]] = {
    "SMILE": ("Smile", _smile),
    "MOUTH_OPEN": ("MouthOpen", _open_mouth),
}
"""The member of the answer and the function that measures it, by the name in a request's `Attributes`."""
