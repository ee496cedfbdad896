"""Find the photographs in scikit-image, scikit-learn and matplotlib, and make pictures."""

from __future__ import annotations

import io
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image

if TYPE_CHECKING:
    import numpy.typing as npt


def _installed(package: str) -> Path:
    spec = find_spec(package)  # importing them takes seconds
    assert spec
    assert spec.origin
    return Path(spec.origin).parent


FOLDERS = (
    _installed("skimage") / "data",
    _installed("sklearn") / "datasets" / "images",
    _installed("matplotlib") / "mpl-data" / "sample_data",
)

# The faces' edges (left, top, right, bottom) in fractions, from forehead to chin. They were estimated by eye.
FACES = {
    "astronaut.png": (0.36, 0.15, 0.53, 0.35),
    "camera.png": (0.38, 0.24, 0.50, 0.38),
    "grace_hopper.jpg": (0.34, 0.24, 0.72, 0.58),
}

PHOTOS = tuple(sorted(file for folder in FOLDERS for file in folder.iterdir() if file.suffix in (".jpg", ".png")))


def photo(name: str) -> bytes:
    """Return the contents of the photograph with that name."""
    return next(file for file in PHOTOS if file.name == name).read_bytes()


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """Return the picture as the contents of a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def blank(width: int, height: int, kind: str = "PNG") -> bytes:
    """Return a black picture of that size."""
    return encode(Image.new("RGB", (width, height)), kind)


def qr_code(text: str, *, side: int = 200, canvas: int = 400) -> bytes:
    """Return a picture with a QR code in its upper left quarter."""
    code = cv2.resize(cv2.QRCodeEncoder.create().encode(text), (side, side), interpolation=cv2.INTER_NEAREST)
    picture: npt.NDArray[np.uint8] = np.full((canvas, canvas), 255, np.uint8)
    picture[20 : 20 + side, 20 : 20 + side] = code
    return encode(Image.fromarray(picture))
