"""QR codes and bar codes, with OpenCV's readers. A code is reported only if it can be read."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from local.rekognition.detections import Box, Detection, Pixels
from local.rekognition.taxonomy import Label, label_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.rekognition.pictures import Picture
    from local.rekognition.weights.store import Weights

READ = 99.0
"""Percent. The readers give no score. Both kinds of code have check digits, so a code that can be read exists."""


class CodeEngine:
    """Finds codes."""

    name = "opencv-codes"
    sees = "QR codes and bar codes"
    weights: tuple[Weights, ...] = ()

    def __init__(self) -> None:
        self._of_thread = _Readers()

    def look(self, picture: Picture) -> list[Detection]:
        """See Engine."""
        return self._of_thread.find(picture.pixels())


class _Readers(threading.local):
    """The readers of each thread, created at their first use. Threads cannot share them, because readers keep state."""

    def __init__(self) -> None:
        self._qr = cv2.QRCodeDetector()
        self._bars = cv2.barcode.BarcodeDetector()

    def find(self, rgb: Pixels) -> list[Detection]:
        """Return a detection for each code that can be read."""
        grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        _, squares, square_corners, _ = self._qr.detectAndDecodeMulti(grey)
        _, bars, _, bar_corners = self._bars.detectAndDecodeWithType(grey)
        size = np.array(grey.shape[1::-1])
        return [
            *_detections(label_of("qr code"), squares, square_corners, size),
            *_detections(label_of("barcode"), bars, bar_corners, size),
        ]


def _detections(
    label: Label, texts: Sequence[str], corners: npt.ArrayLike | None, size: npt.NDArray[np.int_]
) -> list[Detection]:
    if corners is None:
        return []
    return [
        Detection(label, READ, Box.between(*(points.min(axis=0) / size), *(points.max(axis=0) / size)))
        for text, points in zip(texts, np.reshape(corners, (-1, 4, 2)), strict=True)
        if text
    ]
