"""Text: rapidocr runs PP-OCR's networks. There is one detection for each line that can be read."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from local.rekognition.detections import Box, Detection
from local.rekognition.taxonomy import label_of
from local.rekognition.weights.packages import python_package
from local.rekognition.weights.store import Weights

if TYPE_CHECKING:
    from local.rekognition.pictures import Picture

DETECTOR, RECOGNISER = "PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx"

WEIGHTS = Weights(
    name="PP-OCRv6 small",
    licence="Apache-2.0",
    source="rapidocr 3.10.0 (PyPI)",
    kind="pp-ocr-v6",
    pins={
        f"rapidocr/models/{DETECTOR}": "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
        f"rapidocr/models/{RECOGNISER}": "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
        "rapidocr-3.10.0.dist-info/licenses/LICENSE": (
            "3e0af25fdd06aa9586ae97adb00ea927ebe5a3805ac77d2d3a81ce5f55693333"
        ),
    },
    fetch=partial(python_package, "rapidocr"),
    builder="local.rekognition.weights.copies",
)

LONGER_SIDE = 960
"""The longer side (pixels) for the detector. rapidocr's default enlarges small pictures, and is three times slower."""

READ = 0.8
"""The least score of a line. In photos without text, rapidocr reads single letters and signs with lower scores."""

MIN_LETTERS = 3


Corners = tuple[tuple[float, float], ...]
"""Upper left, upper right, lower right, lower left, in fractions of the picture's sides."""


@dataclass(frozen=True)
class Word:
    """A word of a line."""

    text: str
    confidence: float
    """Percent."""
    corners: Corners

    @property
    def box(self) -> Box:
        """The upright box around the word."""
        return Box.around(self.corners)


@dataclass(frozen=True)
class Line(Detection):
    """A line of text."""

    text: str = ""
    corners: Corners = ()
    words: tuple[Word, ...] = ()
    """The words from left to right. There is at least one."""


class TextEngine:
    """Reads lines of text, one picture at a time. A second instance would need another 150 MB."""

    name = "rapidocr"
    sees = "lines of text"
    weights = (WEIGHTS,)

    def __init__(self) -> None:
        self._turn = threading.Lock()

    def look(self, picture: Picture) -> list[Line]:
        """See Engine. The confidence is the recogniser's score in percent."""
        rgb = picture.pixels()
        with self._turn:
            found = self._reader(np.ascontiguousarray(rgb[:, :, ::-1]))
        if found.txts is None:
            return []
        size = rgb.shape[1::-1]
        lines = zip(found.txts, found.scores, found.boxes, found.word_results, strict=True)
        return [_line(text, score, box, words, size) for text, score, box, words in lines if _is_text(text, score)]

    @cached_property
    def _reader(self) -> Any:
        from rapidocr import RapidOCR  # noqa: PLC0415 - it takes half a second, which only this engine needs

        return RapidOCR(
            params={
                "Global.use_cls": False,
                "Global.log_level": "error",
                "Global.return_word_box": True,
                "Det.model_path": str(WEIGHTS.folder / DETECTOR),
                "Rec.model_path": str(WEIGHTS.folder / RECOGNISER),
                "Det.limit_type": "max",
                "Det.limit_side_len": LONGER_SIDE,
                "EngineConfig.onnxruntime.intra_op_num_threads": 1,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            }
        )


def _is_text(text: str, score: float) -> bool:
    return score >= READ and sum(letter.isalnum() for letter in text) >= MIN_LETTERS


def _line(text: str, score: float, box: Any, words: Any, size: tuple[int, int]) -> Line:
    corners = _corners(box, size)
    found = tuple(Word(part, 100 * float(sure), _corners(place, size)) for part, sure, place in words if part.strip())
    confidence = 100 * float(score)
    return Line(
        label_of("text"),
        confidence,
        Box.around(corners),
        text=text,
        corners=corners,
        words=found or (Word(text, confidence, corners),),
    )


def _corners(points: Any, size: tuple[int, int]) -> Corners:
    """Return points in fractions of the picture's sides. Points outside are moved to the picture's edge."""
    inside = np.clip(np.asarray(points, float) / size, 0, 1)
    return tuple((float(x), float(y)) for x, y in inside)
