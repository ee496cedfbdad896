"""Describe the formats and limits of pictures, and the errors that refuse pictures. This module decodes nothing."""

import re
from dataclasses import dataclass
from typing import IO

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

SIGNATURE_BYTES = 64
SIGNATURES = {
    "JPEG": rb"\xff\xd8\xff",
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "WEBP": rb"RIFF....WEBP",
    "AVIF": rb"....ftyp.*avi[fs]",  # one of the brands: https://aomediacodec.github.io/av1-avif/
    "HEIF": rb"....ftyp.*(?:hei[cxms]|hev[cxms]|miaf|mif[12]|msf1)",  # ISO/IEC 23008-12, annexes B and C
    "GIF": rb"GIF8[79]a",
    "TIFF": rb"II[*+]\0|MM\0[*+]",
    "BMP": rb"BM.*\0",  # headers have zeros, and texts have none
}
VIDEO_SIGNATURES = (
    rb"\0...(?:ftyp|moov|wide|pnot|skip|free)|....mdat",  # MP4, QuickTime, 3GP
    rb"\x1a\x45\xdf\xa3",  # Matroska, WebM
    rb"RIFF....AVI ",
    rb"FLV\x01",
    rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # ASF: WMV
    rb"\0\0\x01[\xb3\xba]",  # MPEG-1, MPEG-2
    rb"OggS",
)
NO_VIDEOS = rb"....ftyp(?:crx |jxl |jp2 |jpx |M4A |M4B )"
"""A pattern of files that begin with an ftyp box but are no videos: raw photos, JPEG XL, JPEG 2000 and sound."""

MIN_SIDE = 80  # Rekognition's limits, in pixels
MAX_SIDE = 10_000


class PictureError(ValueError):
    """The bytes cannot be recognized. `code` is Rekognition's name for the reason."""

    code = "InvalidImageFormatException"


class NoPictureError(PictureError):
    """The bytes are not a picture, or are a picture of an unknown format."""


class DamagedPictureError(PictureError):
    """The bytes are an incomplete or damaged picture."""


class TooSmallPictureError(PictureError):
    """A side of the picture is too short."""

    code = "InvalidParameterException"


class TooLargePictureError(PictureError):
    """The picture has too many bytes or pixels, or takes too much time or memory."""

    code = "ImageTooLargeException"


class DecoderFailedError(PictureError):
    """The decoder failed in an unforeseen way, and would fail again for this picture."""

    code = "DecoderFailed"


@dataclass(frozen=True)
class Picture:
    """A whole picture. Its sides are in pixels, as stored.

    `is_regular` is false if decoders may disagree about the file: a checksum is wrong, or its end mark is missing.
    """

    format: str
    width: int
    height: int
    is_upright: bool
    is_regular: bool

    @property
    def content_type(self) -> str:
        """Return the media type."""
        return CONTENT_TYPES[self.format]

    @property
    def is_recognizable(self) -> bool:
        """Return True if Rekognition can read the unchanged file, and if its boxes match the upright picture."""
        return (
            self.format in {"JPEG", "PNG"}
            and self.is_upright
            and self.is_regular
            and max(self.width, self.height) <= MAX_SIDE
        )


def kind_of(file: IO[bytes]) -> str:
    """Return the format that the first bytes of a file indicate.

    Raises:
        NoPictureError: the bytes are a video, or have no known format.
    """
    file.seek(0)
    start = file.read(SIGNATURE_BYTES)
    for kind, signature in SIGNATURES.items():
        if re.match(signature, start, re.DOTALL):
            return kind
    if _is_video(start):
        raise NoPictureError(f"this is a video; only these types are accepted: {', '.join(CONTENT_TYPES)}")
    raise NoPictureError(
        f"these bytes are not a picture; accepted types: {', '.join(CONTENT_TYPES)}" if start else "the file is empty"
    )


def _is_video(start: bytes) -> bool:
    if re.match(NO_VIDEOS, start, re.DOTALL):
        return False
    return any(re.match(signature, start, re.DOTALL) for signature in VIDEO_SIGNATURES)
