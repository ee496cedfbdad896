"""What bytes are as a picture, from the header alone: nothing is decoded here."""

import importlib
import re
import struct
import warnings
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from PIL import Image

from common.imaging import completeness

warnings.filterwarnings("ignore", module="PIL")  # of odd metadata, which are nobody's business

CONTENT_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "AVIF": "image/avif",
    "HEIF": "image/heic",
    "GIF": "image/gif",
    "TIFF": "image/tiff",
    "BMP": "image/bmp",
}
SIGNATURES = {
    "JPEG": rb"\xff\xd8\xff",
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "WEBP": rb"RIFF....WEBP",
    "AVIF": rb"....ftyp.*avi[fs]",  # one of the brands: https://aomediacodec.github.io/av1-avif/
    "HEIF": rb"....ftyp",
    "GIF": rb"GIF8[79]a",
    "TIFF": rb"II[*+]\0|MM\0[*+]",
    "BMP": rb"BM",
}
PLUGINS = {"WEBP": "PIL.WebPImagePlugin", "AVIF": "PIL.AvifImagePlugin", "TIFF": "PIL.TiffImagePlugin"}
"""What Pillow imports only when it meets it, and then together with forty others."""

MIN_SIDE = 80  # Rekognition's limits, in pixels
MAX_SIDE = 10_000
MAX_FRAMES = 10_000
ORIENTATION = 0x0112  # EXIF's tag
UPRIGHT = 1

UNREADABLE = (
    OSError, EOFError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, RuntimeError, struct.error,
)  # fmt: skip
"""What the parsers of Pillow and pillow-heif raise for damaged files."""


class PictureError(ValueError):
    """Why bytes cannot be recognised; `code` is Rekognition's own name for it."""

    code = "InvalidImageFormatException"


class NoPictureError(PictureError):
    """The bytes are no picture, or of no known format."""


class DamagedPictureError(PictureError):
    """It is a picture, but not a whole one."""


class TooSmallPictureError(PictureError):
    """A side is too short."""

    code = "InvalidParameterException"


class TooLargePictureError(PictureError):
    """It has more bytes, pixels or frames than are taken in."""

    code = "ImageTooLargeException"


@dataclass(frozen=True)
class Picture:
    """What a picture's header says; sides in pixels, as stored."""

    format: str
    width: int
    height: int
    is_upright: bool

    @property
    def content_type(self) -> str:
        """The media type."""
        return CONTENT_TYPES[self.format]

    @property
    def is_recognizable(self) -> bool:
        """Whether Rekognition takes it as it is, and boxes then are where a person sees them; its bytes aside."""
        return self.format in {"JPEG", "PNG"} and self.is_upright and max(self.width, self.height) <= MAX_SIDE


def inspect(file: IO[bytes], *, max_pixels: int, min_side: int = MIN_SIDE) -> Picture:
    """Read the header.

    Raises:
        NoPictureError, DamagedPictureError, TooSmallPictureError, TooLargePictureError
    """
    kind = kind_of(file)
    with open_picture(file) as image:
        width, height = image.size
        if width * height > max_pixels:
            limit = f"{max_pixels / 1e6:g} megapixels"
            raise TooLargePictureError(f"the picture has {width:,} x {height:,} pixels; at most {limit} are taken")
        if min(width, height) < min_side:
            raise TooSmallPictureError(
                f"the picture has {width:,} x {height:,} pixels; each side takes at least {min_side}"
            )
        # Where the header tells it: a GIF's or a TIFF's frames are known by walking through the whole file.
        frames = getattr(image, "n_frames", 1) if kind in {"WEBP", "AVIF", "HEIF"} else 1
        if frames > MAX_FRAMES:
            raise TooLargePictureError(f"the picture has {frames:,} frames; at most {MAX_FRAMES:,} are taken")
        turned = _png_orientation(file) if kind == "PNG" else orientation(image)
        return Picture(kind, width, height, is_upright=turned == UPRIGHT)


def kind_of(file: IO[bytes]) -> str:
    """The format that the first bytes announce, so that no other parser sees the rest.

    Raises:
        NoPictureError
    """
    file.seek(0)
    start = file.read(64)
    for kind, signature in SIGNATURES.items():
        if re.match(signature, start, re.DOTALL):
            return kind
    raise NoPictureError(f"these bytes are none of {', '.join(CONTENT_TYPES)}" if start else "there are no bytes")


def open_picture(file: IO[bytes]) -> Image.Image:
    """A picture of a known format, of which only the header was read.

    Raises:
        NoPictureError, DamagedPictureError
    """
    kind = kind_of(file)
    if kind == "HEIF":
        pillow_heif = importlib.import_module("pillow_heif")  # some 30 ms, for those who send such pictures
        pillow_heif.register_heif_opener(thumbnails=False)
    elif kind in PLUGINS:
        importlib.import_module(PLUGINS[kind])
    Image.MAX_IMAGE_PIXELS = None  # the limit here is lower, and asked of the header before anything is decoded
    try:
        return Image.open(file, formats=[kind])
    except UNREADABLE as error:
        raise DamagedPictureError(f"the picture's {kind} header is damaged") from error


def orientation(image: Image.Image) -> int:
    """EXIF's orientation, 1 (upright) to 8. Pillow decodes a PNG for it, as EXIF may follow the pixels."""
    with suppress(*UNREADABLE):
        return _valid(image.getexif())
    return UPRIGHT


def _png_orientation(file: IO[bytes]) -> int:
    with suppress(*UNREADABLE):
        exif = Image.Exif()
        exif.load(dict(completeness.png_chunks(file)).get(b"eXIf", b""))
        return _valid(exif)
    return UPRIGHT


def _valid(exif: Image.Exif) -> int:
    value = exif.get(ORIENTATION)
    return value if isinstance(value, int) and value in range(1, 9) else UPRIGHT


def check_whole(file: IO[bytes]) -> None:
    """See that a picture's bytes go as far as its header says.

    Raises:
        NoPictureError, DamagedPictureError
    """
    kind = kind_of(file)
    try:
        whole = completeness.is_whole(file, kind)
    except UNREADABLE:
        whole = False
    if not whole:
        raise DamagedPictureError("the picture is truncated: its end is missing")
