"""Recognise pictures that are unlike the networks' training photos: drawings, diagrams, screens and tiny ones.

In such pictures the networks see many things that are not there. They call a pie chart an umbrella, rings a
music player, and some strokes on 80 x 80 pixels a chair. combination.py asks for more evidence in such pictures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from local.rekognition.detections import Pixels

MIN_SIDE = 128
"""Pixels. A smaller picture is scaled up to 224 or more for the networks. No photo of their training was scaled up."""

SAMPLES = 200
"""The number of rows and of columns that are examined."""

EVEN = 0.6
"""In a drawing, at least this share of the pixels equals the pixel on the right. The noise of JPEG is ignored."""

NOISE = 1

MAIN_COLOURS = 8
FEW_COLOURS = 0.85
"""In a drawing, the MAIN_COLOURS most frequent of 4,096 colours cover at least this share of the pixels."""


def is_unlike_photos(rgb: Pixels) -> bool:
    """Return True for a tiny picture, and for a picture that has even areas of few colours."""
    height, width = rgb.shape[:2]
    if min(height, width) < MIN_SIDE:
        return True
    down, across = max(1, height // SAMPLES), max(1, width // SAMPLES)
    pixels, right = (np.ascontiguousarray(part[:, ::across]) for part in (rgb[::down, :-1], rgb[::down, 1:]))
    # Compare channel by channel, because numpy takes four times as long to reduce the last axis.
    even = [channel <= NOISE for channel in cv2.split(cv2.absdiff(pixels, right))]
    if np.logical_and.reduce(even).mean() < EVEN:
        return False
    red, green, blue = np.moveaxis(pixels.astype(np.int16) >> 4, 2, 0)
    counts = np.sort(np.bincount((red << 8 | green << 4 | blue).ravel()))
    return bool(counts[-MAIN_COLOURS:].sum() >= FEW_COLOURS * counts.sum())
