"""A picture in, a JPEG that Rekognition or a browser takes out: what `conversion.py` runs in a process of its own.

`python to_jpeg.py MAX_PIXELS FORM <picture >jpeg`. The exit status is REFUSED where the picture cannot be converted;
then standard error holds the PictureError as JSON.
"""

import io
import json
import resource
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, NoReturn

from PIL import Image, ImageOps

from common.imaging import picture_headers

MAX_BYTES = 5 * 1024 * 1024  # Rekognition's limit for bytes in the request
BAND = 256  # rows; so much is turned into RGB at once
MEMORY_BYTES = 1280 * 1024 * 1024  # address space; measured: 60 megapixels of WebP, the hungriest, take 1 GB
CPU_SECONDS = 20  # the same 60 megapixels take 3
REFUSED = 3


@dataclass(frozen=True)
class Form:
    """What a JPEG is to be like. Its long side is divided by a whole number until it is at most `reduced` pixels, and
    brought to `long_side`, if that is less; the short one must keep `min_side`."""

    long_side: int
    reduced: int
    min_side: int
    quality: int


FORMS = {
    # What Rekognition looks for is relative to the picture's size.
    "recognition": Form(long_side=4096, reduced=4096, min_side=picture_headers.MIN_SIDE, quality=90),
    "display": Form(long_side=4096, reduced=4096, min_side=0, quality=90),
    "thumbnail": Form(long_side=512, reduced=1023, min_side=0, quality=80),
}


def convert(file: IO[bytes], *, max_pixels: int, form: Form) -> bytes:
    """The picture upright, in RGB, its first frame; of at most 5 MB, scaled down if need be.

    Raises:
        picture_headers.PictureError: it cannot be decoded.
    """
    picture = picture_headers.inspect(file, max_pixels=max_pixels, min_side=form.min_side)
    factor = -(-max(picture.width, picture.height) // form.reduced)
    if min(picture.width, picture.height) < factor * form.min_side:
        raise picture_headers.TooSmallPictureError(
            f"the picture has {picture.width:,} x {picture.height:,} pixels: too long and narrow to be scaled down"
        )
    with picture_headers.open_picture(file) as image:
        # A JPEG decoder halves the sides for next to nothing, and with the memory goes the time.
        halves = min(8, factor & -factor)
        image.draft(None, (max(1, picture.width // halves), max(1, picture.height // halves)))
        try:
            image.load()
        except picture_headers.UNREADABLE as error:
            raise picture_headers.DamagedPictureError(
                f"the picture's {picture.format} data are damaged or truncated"
            ) from error
        small = ImageOps.exif_transpose(
            _reduced(image, -(-factor * max(image.size) // max(picture.width, picture.height)))
        )
    small.thumbnail((form.long_side, form.long_side))
    while len(jpeg := _encoded(small, form.quality)) > MAX_BYTES:
        small = small.reduce(2)
    return jpeg


def _reduced(image: Image.Image, factor: int) -> Image.Image:
    """In RGB, each side divided by the factor: band by band, so that no second picture of full size is needed."""
    width, height = image.size
    result = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    grey = _grey_range(image)
    for top in range(0, height, BAND * factor):
        band = image.crop((0, top, width, min(height, top + BAND * factor)))
        result.paste(_as_rgb(band, grey).reduce(factor), (0, top // factor))
    result.getexif()[picture_headers.ORIENTATION] = picture_headers.orientation(image)
    return result


def _as_rgb(image: Image.Image, grey: tuple[float, float] | None) -> Image.Image:
    """Eight bits a channel; what is transparent lies on white, as viewers show it."""
    if grey:
        low, high = grey
        scale = 255 / ((high - low) or 1)
        return image.point(lambda value: value * scale - low * scale).convert("L").convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    layered = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layered.size, "white"), layered).convert("RGB")


def _grey_range(image: Image.Image) -> tuple[float, float] | None:
    """The darkest and the brightest value of a grey picture of more than eight bits, which Pillow would clip."""
    return image.getextrema() if image.mode[0] in "IF" else None  # type: ignore[return-value] # of one band


def _encoded(image: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def main() -> NoReturn:
    """Convert, within limits of memory and time."""
    for limit, value in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        with suppress(ValueError):  # macOS knows no limit of address space
            resource.setrlimit(limit, (value, resource.RLIM_INFINITY))
    try:
        jpeg = convert(sys.stdin.buffer, max_pixels=int(sys.argv[1]), form=FORMS[sys.argv[2]])
    except picture_headers.PictureError as error:
        _refuse(type(error), str(error))
    except MemoryError:
        _refuse(picture_headers.TooLargePictureError, "the picture takes too much memory to decode")
    sys.stdout.buffer.write(jpeg)
    sys.exit(0)


def _refuse(error: type[picture_headers.PictureError], message: str) -> NoReturn:
    sys.stderr.write(json.dumps({"error": error.__name__, "message": message}))
    sys.exit(REFUSED)


if __name__ == "__main__":
    main()
