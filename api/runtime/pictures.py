"""Whether bytes are a picture that can be recognised, from its header alone: nothing is decoded."""

import io
import warnings
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

CONTENT_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png"}
MIN_SIDE = 80  # Rekognition's limits, in pixels
MAX_SIDE = 10_000


class NoPictureError(ValueError):
    """The bytes are not a JPEG or PNG."""


class UnusablePictureError(ValueError):
    """It is a picture, but not one that Rekognition takes."""


@dataclass(frozen=True)
class Picture:
    """What a picture's header says; sides in pixels."""

    format: str
    width: int
    height: int

    @property
    def content_type(self) -> str:
        """The media type."""
        return CONTENT_TYPES[self.format]


def inspect(body: bytes) -> Picture:
    """Read the header.

    Raises:
        NoPictureError, UnusablePictureError
    """
    if not body:
        raise NoPictureError("the source sent nothing")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the sides are checked below
            with Image.open(io.BytesIO(body), formats=list(CONTENT_TYPES)) as image:
                # A phone's JPEG with a second picture behind it; readers of JPEG see the first.
                kind = "JPEG" if image.format == "MPO" else str(image.format)
                picture = Picture(format=kind, width=image.width, height=image.height)
    except UnidentifiedImageError as error:
        raise NoPictureError("the source sent something that is neither JPEG nor PNG") from error
    except Image.DecompressionBombError as error:
        raise UnusablePictureError(f"the picture is larger than {MAX_SIDE:,} pixels a side") from error
    except (OSError, SyntaxError, ValueError) as error:  # what Pillow's parsers raise
        raise UnusablePictureError("the picture's header is damaged") from error
    if not MIN_SIDE <= min(picture.width, picture.height) <= max(picture.width, picture.height) <= MAX_SIDE:
        raise UnusablePictureError(
            f"the picture is {picture.width} x {picture.height} pixels; "
            f"recognition takes {MIN_SIDE} to {MAX_SIDE:,} a side"
        )
    return picture
