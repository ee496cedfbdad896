"""The local Rekognition takes every whole JPEG and PNG, whatever their metadata are."""

import pytest
from PIL import Image

from common.imaging.pictures import SIGNATURES
from local.rekognition.pictures import Picture
from local.rekognition.protocol import ServiceError
from tests.picture_cases import CASES, DAMAGED, TAKEN
from tests.picture_files import AS_STORED, encoded, quarters, scene


def of(verdict: str) -> list[str]:
    """The names of JPEGs and PNGs among the cases."""
    return [name for name, case in CASES.items() if case.verdict == verdict and name.endswith((".jpg", ".png"))]


@pytest.mark.parametrize("name", of(TAKEN))
def test_a_whole_picture_is_taken(name: str) -> None:
    assert Picture(CASES[name].make()).pixels().shape in {(160, 160, 3), (120, 160, 3)}


@pytest.mark.parametrize("name", of(DAMAGED))
def test_half_a_picture_is_refused(name: str) -> None:
    with pytest.raises(ServiceError, match="invalid image format"):
        Picture(CASES[name].make()).pixels()


@pytest.mark.parametrize("orientation", AS_STORED)
@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_pixels_are_upright(format: str, orientation: int) -> None:
    pixels = Picture(encoded(scene(), format, orientation=orientation)).pixels()
    assert quarters(Image.fromarray(pixels)) == ["red", "grey", "grey", "blue"]


def test_other_formats_are_refused() -> None:
    for kind in SIGNATURES.keys() - {"JPEG", "PNG"}:
        with pytest.raises(ServiceError, match="invalid image format"):
            Picture(encoded(scene(), kind))
