"""Whole pictures in less common modes, with damaged later frames, or with bytes behind their pixels. All are taken."""

import io
from collections.abc import Callable

from PIL import Image

from tests.picture_files import FORMATS, encoded, scene

MODES = {
    "JPEG": ("L", "CMYK"),
    "PNG": ("1", "L", "LA", "P", "RGBA", "I;16"),
    "TIFF": ("1", "L", "LA", "P", "RGBA", "CMYK", "LAB", "I;16", "F"),
    "BMP": ("1", "L", "P", "RGBA"),
    "WEBP": ("L", "RGBA"),
}
WITH_FRAMES = ("MPO", "PNG", "WEBP", "GIF", "AVIF")
TRAILERS = {"zeros": bytes(500_000), "the start of a JPEG": b"\xff\xd8junk" * 1_000, "text": b"end of file\n" * 1_000}


def in_mode(kind: str, mode: str) -> bytes:
    grey = scene().convert("L")
    image = grey.convert("I").point(lambda value: value * 257).convert("I;16") if mode == "I;16" else None
    return encoded(image or scene().convert(mode), kind)


def with_damaged_frame(kind: str) -> bytes:
    buffer = io.BytesIO()
    scene().save(buffer, kind, save_all=True, append_images=[Image.effect_noise((160, 120), 80).convert("RGB")])
    return buffer.getvalue()[:-1_000]


def _suffix(kind: str) -> str:
    return {"JPEG": "jpg", "TIFF": "tif", "HEIF": "heic"}.get(kind, kind.lower())


VARIANTS: dict[str, tuple[Callable[[], bytes], str]] = {
    **{
        f"mode-{mode.replace(';', '-')}.{_suffix(kind)}": (
            lambda kind=kind, mode=mode: in_mode(kind, mode),  # type: ignore[misc]
            "programs write it",
        )
        for kind, modes in MODES.items()
        for mode in modes
    },
    **{
        f"damaged-later-frame.{_suffix(kind)}": (
            lambda kind=kind: with_damaged_frame(kind),  # type: ignore[misc]
            "the first frame counts",
        )
        for kind in WITH_FRAMES
    },
    **{
        f"trailer-{name.replace(' ', '-')}.{_suffix(kind)}": (
            lambda kind=kind, trailer=trailer: encoded(scene(), kind) + trailer,  # type: ignore[misc]
            "a trailer is no pixel",
        )
        for kind in FORMATS
        for name, trailer in TRAILERS.items()
    },
}
"""A file's name -> its bytes, and the reason to take it."""
