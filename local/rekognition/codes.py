"""QR codes and bar codes, with OpenCV's readers. Only what could be read counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from local.rekognition.sightings import Box, Pixels, Sighting
from local.rekognition.taxonomy import Label, label_of

if TYPE_CHECKING:
    from collections.abc import Sequence

READ = 99.0
"""Percent. The readers give no score; both kinds of code carry check digits, what was read is there."""


class CodeFinder:
    """Finds codes. For one thread: OpenCV's readers keep state."""

    def __init__(self) -> None:
        self._qr = cv2.QRCodeDetector()
        self._bars = cv2.barcode.BarcodeDetector()

    def find(self, rgb: Pixels) -> list[Sighting]:
        """A sighting for each code that could be read."""
        grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        _, squares, square_corners, _ = self._qr.detectAndDecodeMulti(grey)
        _, bars, _, bar_corners = self._bars.detectAndDecodeWithType(grey)
        size = np.array(grey.shape[1::-1])
        return [
            *_sightings(label_of("qr code"), squares, square_corners, size),
            *_sightings(label_of("barcode"), bars, bar_corners, size),
        ]


def _sightings(
    label: Label, texts: Sequence[str], corners: npt.ArrayLike | None, size: npt.NDArray[np.int_]
) -> list[Sighting]:
    if corners is None:
        return []
    return [
        Sighting(label, READ, Box.between(*(points.min(axis=0) / size), *(points.max(axis=0) / size)))
        for text, points in zip(texts, np.reshape(corners, (-1, 4, 2)), strict=True)
        if text
    ]
