"""Faces: BlazeFace proposes faces, and the face landmark network confirms or rejects each.

BlazeFace alone also sees faces in flowers, cats and headlamps, with scores of 0.5 to 0.6. The landmark network
gives these false faces scores near 0. On the hundred non-faces of scikit-image's LFW subset, BlazeFace alone
finds 13 faces, both networks together find none. No real face is lost. The networks are MediaPipe's (Apache-2.0).
The anchor layout, the box coding and the weighted suppression follow MediaPipe's source, in mediapipe/calculators:
tflite/ssd_anchors_calculator.cc, util/non_max_suppression_calculator.cc.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from local.rekognition.detections import Box, Detection, Floats, Pixels
from local.rekognition.engines.onnx_session import open_network
from local.rekognition.taxonomy import label_of
from local.rekognition.weights.packages import unpacked_wheel
from local.rekognition.weights.store import Weights

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local.rekognition.pictures import Picture

WEIGHTS = Weights(
    name="BlazeFace short range, face landmarks",
    licence="Apache-2.0",
    source="mediapipe 0.10.21 (PyPI)",  # the last release with these files; only they are taken from it
    kind="faces",
    pins={
        "mediapipe/modules/face_detection/face_detection_short_range.tflite": (
            "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8"
        ),
        "mediapipe/modules/face_landmark/face_landmark.tflite": (
            "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814"
        ),
        "mediapipe-0.10.21.dist-info/LICENSE": "8707eef0533987efc5b155d64761eeb6e20793f50b9bd1a68dad1cf4719d0ed8",
    },
    # The wheel is only read for its data files, so the wheel of one platform serves every machine.
    fetch=partial(
        unpacked_wheel,
        "mediapipe==0.10.21",
        ("--python-platform", "x86_64-manylinux_2_28", "--python-version", "3.12"),
    ),
    builder="local.rekognition.weights.tensorflow_lite",
)

PROPOSED = 0.5
"""A face is considered only with at least this score of BlazeFace (MediaPipe's own value)."""

AGREED = 0.45
"""The least product of both networks' scores. On LFW at 60 px, this value keeps 97 % of the faces; 0.5 keeps 95 %."""

SAME_FACE = 0.3
"""Boxes that overlap more than this are one face (MediaPipe's own value)."""

DETECTOR_SIDE = 128
LANDMARK_SIDE = 192
LANDMARK_MARGIN = 1.5  # the landmark network needs a margin of a quarter of the face's size on each side
RIGHT_EYE, LEFT_EYE = 0, 1  # of BlazeFace's six key points

LANDMARKS = {
    "eyeLeft": (33, 133),
    "eyeRight": (362, 263),
    "mouthLeft": (61,),
    "mouthRight": (291,),
    "nose": (1,),
    "leftEyeBrowLeft": (70,),
    "leftEyeBrowRight": (107,),
    "leftEyeBrowUp": (105,),
    "rightEyeBrowLeft": (336,),
    "rightEyeBrowRight": (300,),
    "rightEyeBrowUp": (334,),
    "leftEyeLeft": (33,),
    "leftEyeRight": (133,),
    "leftEyeUp": (159,),
    "leftEyeDown": (145,),
    "rightEyeLeft": (362,),
    "rightEyeRight": (263,),
    "rightEyeUp": (386,),
    "rightEyeDown": (374,),
    "noseLeft": (98,),
    "noseRight": (327,),
    "mouthUp": (0,),
    "mouthDown": (17,),
    "upperJawlineLeft": (234,),
    "midJawlineLeft": (172,),
    "chinBottom": (152,),
    "midJawlineRight": (397,),
    "upperJawlineRight": (454,),
}
"""Rekognition's landmarks. Each is the mean of some of the 468 points.

Left is the viewer's left, as in Rekognition's answers. The network does not find the pupils.
"""

OUTER_EYES = 33, 263
FOREHEAD, CHIN = 10, 152

STRAIGHT = -5.0
"""The angle (degrees) of the line from forehead to chin if a face looks straight ahead: -3 to -7 in four portraits."""

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Candidate:
    """A face that BlazeFace proposes, in pixels of the whole picture."""

    score: float
    edges: Array
    """left, top, right, bottom"""
    eyes: Array
    """right and left eye, shape (2, 2)"""


@dataclass(frozen=True)
class Pose:
    """The directions of a face, in degrees, each 0 if it looks straight at the camera."""

    roll: float
    """Positive if the head leans clockwise, as the viewer sees it."""
    yaw: float
    """Positive if the face is turned to the viewer's right."""
    pitch: float
    """Positive if the face looks up."""


@dataclass(frozen=True)
class Face(Detection):
    """A face with its landmarks."""

    points: tuple[tuple[float, float], ...] = ()
    """468 points in fractions of the picture's sides, in the order of MediaPipe's face mesh."""
    pose: Pose = Pose(0, 0, 0)

    @property
    def landmarks(self) -> Mapping[str, tuple[float, float]]:
        """Rekognition's landmarks by name, in fractions of the picture's sides."""
        points = np.array(self.points)
        return {name: tuple(map(float, points[list(some)].mean(axis=0))) for name, some in LANDMARKS.items()}  # type: ignore[misc]


class FaceEngine:
    """Finds faces. The smallest face has about a twelfth of the length of the picture's longer side."""

    name = "blazeface"
    sees = "faces"
    weights = (WEIGHTS,)

    def __init__(self) -> None:
        cv2.setNumThreads(1)  # the server uses a thread per core already
        self._anchors = _anchors()

    def look(self, picture: Picture) -> list[Face]:
        """See Engine. The confidence is BlazeFace's score in percent."""
        faces = self.find(picture.pixels())
        return [replace(face, is_doubtful=True) for face in faces] if picture.is_unlike_photos else faces

    def find(self, rgb: Pixels) -> list[Face]:
        """Return the faces, surest first. Each has a box from forehead to chin."""
        height, width = rgb.shape[:2]
        kept: list[Face] = []
        for candidate in sorted(self._candidates(rgb), key=lambda c: -c.score):
            box = Box.between(*(candidate.edges / [width, height, width, height]))
            if any(face.box and box.overlap(face.box) >= SAME_FACE for face in kept):
                continue
            flag, points, pose = self._landmarks_of(rgb, candidate)
            if candidate.score * flag >= AGREED:
                fractions = tuple((float(x / width), float(y / height)) for x, y in points)
                kept.append(Face(label_of("face"), 100 * candidate.score, box, points=fractions, pose=pose))
        return kept

    @cached_property
    def _detector(self) -> Any:
        return open_network(WEIGHTS.folder / "face_detection_short_range.onnx")

    @cached_property
    def _landmarks(self) -> Any:
        return open_network(WEIGHTS.folder / "face_landmark.onnx")

    def _candidates(self, rgb: Pixels) -> Iterator[Candidate]:
        for left, top, part in _parts(rgb):
            for found in self._propose(part):
                offset = np.array([left, top], float)
                yield Candidate(found.score, found.edges + np.tile(offset, 2), found.eyes + offset)

    def _propose(self, rgb: Pixels) -> list[Candidate]:
        """Return BlazeFace's answer for a picture or for a part of a picture."""
        height, width = rgb.shape[:2]
        side = max(height, width)
        across, down = (side - width) // 2, (side - height) // 2
        square = cv2.copyMakeBorder(rgb, down, side - height - down, across, side - width - across, cv2.BORDER_CONSTANT)
        how = cv2.INTER_AREA if side > DETECTOR_SIDE else cv2.INTER_LINEAR
        small = cv2.resize(square, (DETECTOR_SIDE, DETECTOR_SIDE), interpolation=how)
        pixels = cv2.dnn.blobFromImage(small, 1 / 127.5, mean=(127.5, 127.5, 127.5))
        logits, coded = self._detector.run(["classificators", "regressors"], {"pixels": pixels})
        scores = _sigmoid(logits.reshape(-1))
        sure = scores >= PROPOSED
        boxes, points = _decode(coded.reshape(len(scores), -1)[sure], self._anchors[sure])
        shift = np.array([across, down], float)
        return _merge(scores[sure], boxes * side - np.tile(shift, 2), points * side - shift)

    def _landmarks_of(self, rgb: Pixels, candidate: Candidate) -> tuple[float, Array, Pose]:
        """Return the landmark network's answer: its confidence in a face (0..1), the points in pixels, and the pose.

        The points have the shape (468, 2).
        """
        left, top, right, bottom = candidate.edges
        across, down = candidate.eyes[LEFT_EYE] - candidate.eyes[RIGHT_EYE]
        centre = ((left + right) / 2, (top + bottom) / 2)
        scale = LANDMARK_SIDE / (LANDMARK_MARGIN * max(right - left, bottom - top))
        angle = math.degrees(math.atan2(down, across))
        turn: Array = np.array(cv2.getRotationMatrix2D(centre, angle, scale), np.float64)
        turn[:, 2] += LANDMARK_SIDE / 2 - np.array(centre)
        upright = cv2.warpAffine(rgb, turn, (LANDMARK_SIDE, LANDMARK_SIDE))
        outputs = self._landmarks.run(None, {"pixels": cv2.dnn.blobFromImage(upright, 1 / 255)})
        flag = float(_sigmoid(next(o for o in outputs if o.size == 1).reshape(-1))[0])
        mesh = max(outputs, key=lambda o: o.size).reshape(-1, 3).astype(np.float64)
        back: Array = np.array(cv2.invertAffineTransform(turn), np.float64)
        points: Array = mesh[:, :2] @ back[:, :2].T + back[:, 2]
        return flag, points, _pose(mesh, angle)


def _pose(mesh: Array, angle: float) -> Pose:
    """Return the pose of a mesh, shape (468, 3), that was turned upright by an angle in degrees.

    The third axis of the mesh points away from the camera. It is in pixels, like the other axes.
    """
    left, right = mesh[list(OUTER_EYES)]
    across, down = right - left, mesh[CHIN] - mesh[FOREHEAD]
    roll = angle + math.degrees(math.atan2(across[1], across[0]))
    return Pose(
        roll=(roll + 180) % 360 - 180,
        yaw=math.degrees(math.atan2(across[2], across[0])),
        pitch=math.degrees(math.atan2(-down[2], down[1])) - STRAIGHT,
    )


def _parts(rgb: Pixels) -> Iterator[tuple[int, int, Pixels]]:
    """Yield the whole picture, then nine overlapping quarters of it: (left, top, pixels).

    In a picture of 400 px, 98 % of the faces of 60 px are found with the quarters, and none without them.
    """
    yield 0, 0, rgb
    height, width = rgb.shape[:2]
    for row in range(3):
        for column in range(3):
            top, left = row * height // 4, column * width // 4
            yield left, top, rgb[top : top + height // 2, left : left + width // 2]


def _anchors() -> Array:
    """Return the centres that BlazeFace's 896 boxes are relative to, in 0..1, shape (896, 2)."""
    centres = []
    for cells, boxes in ((16, 2), (8, 6)):
        steps = (np.arange(cells) + 0.5) / cells
        rows, columns = np.meshgrid(steps, steps, indexing="ij")
        centres.append(np.repeat(np.stack([columns.ravel(), rows.ravel()], 1), boxes, axis=0))
    return np.concatenate(centres)


def _decode(coded: Floats, anchors: Array) -> tuple[Array, Array]:
    """Return boxes (n, 4: left, top, right, bottom) and eyes (n, 2, 2), in fractions (0..1) of the square input."""
    values = coded.astype(np.float64) / DETECTOR_SIDE
    centres, sizes = values[:, :2] + anchors, values[:, 2:4]
    points = values[:, 4:8].reshape(-1, 2, 2) + anchors[:, None]
    return np.concatenate([centres - sizes / 2, centres + sizes / 2], 1), points


def _merge(scores: Array, edges: Array, eyes: Array) -> list[Candidate]:
    """Return one candidate for all proposals of the same face: their average, weighted by score."""
    rest = list(np.argsort(-scores))
    merged = []
    while rest:
        best = rest[0]
        same = [i for i in rest if i == best or _overlap(edges[best], edges[i]) > SAME_FACE]
        rest = [i for i in rest if i not in same]
        weights = scores[same]
        merged.append(
            Candidate(
                float(scores[best]),
                np.average(edges[same], axis=0, weights=weights),
                np.average(eyes[same], axis=0, weights=weights),
            )
        )
    return merged


def _overlap(one: Array, other: Array) -> float:
    size = np.clip(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0, None).prod()
    return float(size / ((one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod() - size + 1e-9))


def _sigmoid(x: npt.ArrayLike) -> Array:
    return 1 / (1 + np.exp(-np.clip(np.asarray(x, np.float64), -80, 80)))
