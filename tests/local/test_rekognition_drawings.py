"""Test the rule that tells drawings and tiny pictures from photos."""

from __future__ import annotations

import random

import numpy as np
import pytest
from PIL import Image

from local.rekognition.drawings import is_unlike_photos
from local.rekognition.pictures import Picture
from tests.local import plain_pictures
from tests.local.photos import PHOTOS, encode


def pixels(picture: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(picture.convert("RGB"))


@pytest.mark.parametrize("kind", ["a single colour", "code", "strokes", "a pie chart", "rings", "squares"])
def test_drawings_are_unlike_photos(kind: str) -> None:
    picture = plain_pictures.KINDS[kind]((640, 480), random.Random(kind))
    assert is_unlike_photos(pixels(picture))


@pytest.mark.parametrize("name", ["astronaut.png", "camera.png", "chelsea.png", "coffee.png", "motorcycle_left.png"])
def test_photos_are_like_photos_unless_they_are_tiny(name: str) -> None:
    photo = Image.open(next(file for file in PHOTOS if file.name == name))
    assert not is_unlike_photos(pixels(photo))
    assert is_unlike_photos(pixels(photo.resize((127, 400))))
    assert not is_unlike_photos(pixels(photo.resize((128, 400))))


def test_a_picture_knows_that_it_is_a_drawing() -> None:
    assert Picture(encode(Image.new("RGB", (400, 300), "white"))).is_unlike_photos
