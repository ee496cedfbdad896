"""Pages of text: PP-OCR's first network finds the lines. The picture is scaled down; its text is too small to read.

Reading the text would take ten times as long. DetectLabels only needs to know that there is text.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from local.rekognition.detections import Detection
from local.rekognition.engines.onnx_session import open_network
from local.rekognition.engines.text import DETECTOR, WEIGHTS
from local.rekognition.taxonomy import label_of

if TYPE_CHECKING:
    from local.rekognition.detections import Pixels
    from local.rekognition.pictures import Picture

SIDE = 256
"""Pixels of the longer side. 320 takes nearly twice as long, and finds two more pages in 140 photos."""

STEP = 32  # the network takes multiples of it

TEXT = 0.3
"""A pixel with this score belongs to a line (PP-OCR's own value)."""

SURE = 0.7
"""A line needs at least this mean score."""

FLAT, FULL = 2, 0.4
"""A line is at least FLAT times as wide as high, and fills at least the part FULL of its box."""

LINES = 4
"""A picture with at least this many lines shows a page of text. Signs and name plates have up to three lines."""

CONFIDENCE = 86.0
"""Percent, by the rule of succession. Of the first 140 photos, 5 have at least LINES lines. All 5 show text."""


class PageEngine:
    """Reports text if the picture has several lines of text."""

    name = "pp-ocr-v6"
    sees = "pages of text"
    weights = (WEIGHTS,)

    def look(self, picture: Picture) -> list[Detection]:
        """See Engine."""
        lines = self.count_lines(picture.pixels())
        return [Detection(label_of("text"), CONFIDENCE)] if lines >= LINES else []

    def count_lines(self, rgb: Pixels) -> int:
        """Return the number of lines of text."""
        ((scores,),) = self._session.run(None, {self._session.get_inputs()[0].name: _scaled(rgb)})[0]
        count, parts, sizes, _ = cv2.connectedComponentsWithStats((scores > TEXT).astype(np.uint8))
        return sum(
            wide >= FLAT * high and area >= FULL * wide * high and scores[parts == number].mean() > SURE
            for number, (_, _, wide, high, area) in zip(range(1, count), sizes[1:], strict=True)
        )

    @cached_property
    def _session(self) -> Any:
        return open_network(WEIGHTS.folder / DETECTOR)


def _scaled(rgb: Pixels) -> Any:
    height, width = rgb.shape[:2]
    scale = SIDE / max(height, width) / STEP
    size = [max(1, round(side * scale)) * STEP for side in (width, height)]
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    blue_first = small[:, :, ::-1].transpose(2, 0, 1)[None].astype(np.float32)
    return np.ascontiguousarray(blue_first / 127.5 - 1)
