"""Whole pictures in less common modes, with damaged later frames, or with bytes after their pixels. All are taken."""

import io
from collections.abc import Callable

from PIL import Image

from tests.picture_containers import box, boxed_with, gif_with, jpeg_with, png_chunk, png_with, tiff_with_tags
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


PROPERTIES = [b"meta", b"iprp", b"ipco"]
BEHIND_THE_FILE = 0x7FFFFFFF
SHORT, ORIENTATION, PROFILE = 3, 274, 34675


def with_flags(flags: int) -> bytes:
    """A WebP with more flags in its header."""
    buffer = io.BytesIO()
    scene().save(buffer, "WEBP", exif=b"Exif\0\0junk")
    webp = bytearray(buffer.getvalue())
    webp[20] |= flags
    return bytes(webp)


def with_essential_profile(kind: str) -> bytes:
    """A HEIC or AVIF that marks each of its properties as essential, including a color profile."""
    file = bytearray(encoded(scene(), kind).replace(b"nclx", b"prof"))
    count = file.index(b"ipma") + 14  # after the version, the number of items, and the first item
    for place in range(count + 1, count + 1 + file[count]):
        file[place] |= 0x80
    return bytes(file)


def with_color_codes(kind: str, codes: bytes) -> bytes:
    """A HEIC or AVIF with other codes of its colors, and of the same length."""
    file = encoded(scene(), kind)
    at = file.index(b"nclx") + 4
    return file[:at] + codes + file[at + len(codes) :]


METADATA: dict[str, Callable[[], bytes]] = {
    "png-frames-junk.png": lambda: png_with(png_chunk(b"acTL", bytes(8)) + png_chunk(b"fcTL", b"junk")),
    "png-unknown-chunk.png": lambda: png_with(png_chunk(b"ABCD", b"junk")),
    "png-two-headers.png": lambda: png_with(encoded(scene(), "PNG")[8:33]),
    "png-lengths-wrong.png": lambda: png_with(
        b"".join(png_chunk(name, b"x") for name in (b"gAMA", b"cHRM", b"bKGD", b"hIST", b"sPLT", b"tIME", b"iTXt"))
    ),
    "jpeg-adobe-short.jpg": lambda: jpeg_with(b"\xff\xee\0\7Adobe" + b"\xff\xe0\0\7JFIF\0"),
    "jpeg-segment-of-length-0.jpg": lambda: jpeg_with(b"\xff\xe5\0\0"),
    "jpeg-two-beginnings.jpg": lambda: b"\xff\xd8" + encoded(scene()),
    "webp-reserved-flags.webp": lambda: with_flags(0xC1),
    "gif-zeros-between-blocks.gif": lambda: gif_with(bytes(9)),
    "gif-unknown-extension.gif": lambda: gif_with(b"!\x99\3abc\0" + b"!\xff\x0bNETSCAPE2.0\0"),
    "tiff-orientations-behind-file.tif": lambda: tiff_with_tags((ORIENTATION, SHORT, 99, BEHIND_THE_FILE)),
    "tiff-profile-behind-file.tif": lambda: tiff_with_tags((PROFILE, 7, 500, BEHIND_THE_FILE)),
    **{
        f"{kind.lower()}-{name}.{suffix}": lambda kind=kind, make=make: make(kind)  # type: ignore[misc]
        for kind, suffix in (("HEIF", "heic"), ("AVIF", "avif"))
        for name, make in (
            ("profile-junk", lambda kind: boxed_with(kind, PROPERTIES, box(b"colr", b"profjunk"))),
            ("profile-essential", with_essential_profile),
            ("profile-cut", lambda kind: boxed_with(kind, PROPERTIES, box(b"colr", b"p"))),
            ("profile-unknown", lambda kind: boxed_with(kind, PROPERTIES, box(b"colr", b"abcdjunk"))),
            ("color-codes-junk", lambda kind: with_color_codes(kind, b"\xff" * 6)),
            ("light-level-cut", lambda kind: boxed_with(kind, PROPERTIES, box(b"clli", b"x"))),
            ("groups-junk", lambda kind: boxed_with(kind, [b"meta"], box(b"grpl", box(b"ster", b"junk")))),
            ("trailing-boxes", lambda kind: encoded(scene(), kind) + box(b"uuid", b"x" * 20) + box(b"mpvd", b"video")),
        )
    },
}
"""Files with junk around their pixels."""


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
            "programs write such files",
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
    **{name: (make, "junk around the pixels is ignored") for name, make in METADATA.items()},
    **{
        f"trailer-{name.replace(' ', '-')}.{_suffix(kind)}": (
            lambda kind=kind, trailer=trailer: encoded(scene(), kind) + trailer,  # type: ignore[misc]
            "a trailer is ignored",
        )
        for kind in FORMATS
        for name, trailer in TRAILERS.items()
    },
}
"""A file's name -> its bytes, and the reason to take it."""
