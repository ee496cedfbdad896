"""Pictures in which there is nothing to see but text: single colours, noise, gradients, drawings, diagrams, screens."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Size = tuple[int, int]
Draw = Callable[[Size, random.Random], Image.Image]

SIZES: tuple[Size, ...] = ((640, 480), (80, 80), (10_000, 80), (80, 10_000))
WORDS = (
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "a",
    "lazy",
    "dog,",
    "error:",
    "invoice",
    "total",
    "is",
    "due",
)


def _colour(chance: random.Random) -> tuple[int, int, int]:
    return chance.randrange(256), chance.randrange(256), chance.randrange(256)


def _canvas(size: Size, colour: str | tuple[int, int, int] = "white") -> tuple[Image.Image, ImageDraw.ImageDraw]:
    picture = Image.new("RGB", size, colour)
    return picture, ImageDraw.Draw(picture)


def _single_colour(size: Size, chance: random.Random) -> Image.Image:
    return Image.new("RGB", size, _colour(chance))


def _gradient(size: Size, chance: random.Random) -> Image.Image:
    across, down = np.meshgrid(np.linspace(0, 1, size[0]), np.linspace(0, 1, size[1]))
    share = (across * chance.random() + down * chance.random())[..., None] / 2
    return Image.fromarray(
        (np.array(_colour(chance)) * share + np.array(_colour(chance)) * (1 - share)).astype(np.uint8)
    )


def _noise(size: Size, chance: random.Random) -> Image.Image:
    return Image.frombytes("RGB", size, chance.randbytes(size[0] * size[1] * 3))


def _grey_noise(size: Size, chance: random.Random) -> Image.Image:
    return Image.frombytes("L", size, chance.randbytes(size[0] * size[1])).convert("RGB")


def _smooth_noise(size: Size, chance: random.Random) -> Image.Image:
    return _noise((16, 12), chance).resize(size, Image.Resampling.BICUBIC)


def _text(size: Size, chance: random.Random) -> Image.Image:
    dark = chance.random() < 0.5
    picture, draw = _canvas(size, "#20242c" if dark else "white")
    height = chance.choice([10, 14, 24])
    for top in range(height // 2, size[1] - height, height * 3 // 2):
        line = " ".join(chance.choices(WORDS, k=max(1, size[0] // height // 3)))
        draw.text((height, top), line, "#dddddd" if dark else "black", ImageFont.load_default(height))
    return picture


def _code(size: Size, chance: random.Random) -> Image.Image:
    picture, draw = _canvas(size)
    for top in range(4, size[1] - 14, 18):
        words = chance.choices(WORDS, k=3)
        left = 4 + 16 * chance.randrange(4)
        draw.text((left, top), f"{words[0]} = {words[1]}({words[2]})", _colour(chance), ImageFont.load_default(12))
    return picture


def _logo(size: Size, chance: random.Random) -> Image.Image:
    picture, draw = _canvas(size, _colour(chance))
    radius = min(size) * chance.uniform(0.1, 0.3)
    for _ in range(chance.randrange(1, 4)):
        centre = chance.random() * size[0], chance.random() * size[1]
        draw.regular_polygon((*centre, radius), chance.randrange(3, 12), fill=_colour(chance))
    draw.text((size[0] * 0.2, size[1] * 0.7), chance.choice(WORDS), "black", ImageFont.load_default(min(size) // 6))
    return picture


def _strokes(size: Size, chance: random.Random) -> Image.Image:
    picture, draw = _canvas(size)
    points = [(chance.random() * size[0], chance.random() * size[1]) for _ in range(chance.randrange(3, 30))]
    draw.line(points, "black", 2)
    return picture


def _pie(size: Size, chance: random.Random) -> Image.Image:
    picture, draw = _canvas(size)
    radius, angle = min(size) * 0.4, 0
    square = size[0] / 2 - radius, size[1] / 2 - radius, size[0] / 2 + radius, size[1] / 2 + radius
    while angle < 360:
        end = min(360, angle + chance.randrange(20, 120))
        draw.pieslice(square, angle, end, _colour(chance))
        angle = end
    return picture


def _chart(size: Size, chance: random.Random) -> Image.Image:
    picture, draw = _canvas(size)
    for colour in ("red", "blue", "green"):
        draw.line([(size[0] * step / 20, chance.random() * size[1]) for step in range(21)], colour, 2)
    return picture


def _bars(size: Size, chance: random.Random) -> Image.Image:
    picture, draw = _canvas(size)
    for left in range(0, size[0], max(8, size[0] // 20)):
        draw.rectangle((left, size[1] * chance.random(), left + size[0] // 40, size[1]), "steelblue")
    return picture


def _rings(size: Size, chance: random.Random) -> Image.Image:
    picture, draw = _canvas(size)
    for radius in range(4, min(size) // 2, chance.randrange(4, 40)):
        draw.circle((size[0] / 2, size[1] / 2), radius, outline="black")
    return picture


def _squares(size: Size, chance: random.Random) -> Image.Image:
    picture, draw = _canvas(size)
    side = max(4, min(size) // chance.randrange(4, 20))
    for left in range(0, size[0], side):
        for top in range(left // side % 2 * side, size[1], 2 * side):
            draw.rectangle((left, top, left + side - 1, top + side - 1), "black")
    return picture


KINDS: dict[str, Draw] = {
    "a single colour": _single_colour,
    "a gradient": _gradient,
    "noise": _noise,
    "grey noise": _grey_noise,
    "smooth noise": _smooth_noise,
    "text": _text,
    "code": _code,
    "a logo": _logo,
    "strokes": _strokes,
    "a pie chart": _pie,
    "a line chart": _chart,
    "bars": _bars,
    "rings": _rings,
    "squares": _squares,
}
