"""Decode pictures. Only limited child processes of the decoder service use this module for untrusted bytes."""

import io
import os
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageCms,
    ImageMath,
    ImageOps,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from common.imaging.pictures import (
    MIN_SIDE,
    DamagedPictureError,
    Picture,
    TooLargePictureError,
    TooSmallPictureError,
)
from common.imaging.stripped_pictures import StrippedPicture, strip

PLUGINS = (
    AvifImagePlugin, BmpImagePlugin, GifImagePlugin, JpegImagePlugin, MpoImagePlugin, PngImagePlugin, TiffImagePlugin,
    WebPImagePlugin,
)  # fmt: skip
"""The plugins that decode pictures. Otherwise Pillow would import them on first use, but a limited process opens no
files."""

MAX_JPEG_BYTES = 5 * 1024 * 1024  # Rekognition's limit for bytes in the request
BAND = 256  # rows that are turned into RGB at once
UPRIGHT = 1
CHECK_SIDE = 64
"""The side to which a checked JPEG is reduced. Decoding at an eighth of the size still decodes every bit, but takes a
fraction of the time."""

UNREADABLE = (
    OSError, EOFError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, RuntimeError, struct.error,
)  # fmt: skip
"""Errors that the parsers of Pillow and pillow-heif raise for damaged files."""

STUFFING = b"\xff\x00" * 8
"""Bits that are no valid code of a JPEG. They replace the end mark. They end a complete scan, but do not complete an
incomplete one."""
END_OF_IMAGE = b"\xff\xd9"

Image.preinit()
Image.MAX_IMAGE_PIXELS = None  # `inspect` and `convert` have a lower limit
AvifImagePlugin.DEFAULT_MAX_THREADS = 1

ORIENTED_BY_PILLOW = {"AVIF", "HEIF", "TIFF"}
"""Formats that can state the orientation outside EXIF. Pillow applies it."""

WEBP_HEADER_BYTES = 30

LAST_ROWS = 2  # of an interlaced PNG, the decoder writes one of these rows last
MAX_PIXEL_BYTES = 4
PNG_END_BYTES = 12 + 4 + 1
"""The length of the end mark, the last checksum, and one byte of the checksum after the compressed pixels."""

Begin = Callable[[int], None]
"""A function that is called after the header and before the pixels. It gets the number of pixels."""


@dataclass(frozen=True)
class Form:
    """The size and quality of a JPEG.

    First, the sides are divided by a whole number, so that the long side has at most `reduced` pixels. Then the picture
    is scaled to `long_side` if the long side is longer. The short side must have at least `min_side` pixels.
    """

    long_side: int
    reduced: int
    min_side: int
    quality: int


FORMS: Mapping[str, Form] = {
    # Rekognition looks for things by their size relative to the picture's.
    "recognition": Form(long_side=4096, reduced=4096, min_side=MIN_SIDE, quality=90),
    "display": Form(long_side=4096, reduced=4096, min_side=0, quality=90),
    "thumbnail": Form(long_side=512, reduced=1023, min_side=0, quality=80),
}


@dataclass
class OpenPicture:
    """A picture after its header was read. `draft` lets a JPEG decoder halve the sides."""

    kind: str
    stripped: StrippedPicture
    image: Image.Image

    def orientation(self) -> int | None:
        """Return the orientation from EXIF, 1 (upright) to 8. Returns None if the EXIF block is damaged."""
        exif = Image.Exif()
        try:
            if self.kind in ORIENTED_BY_PILLOW:
                exif = self.image.getexif()
            elif self.stripped.exif:
                exif.load(self.stripped.exif)
            value = exif.get(ExifTags.Base.Orientation, UPRIGHT)
        except UNREADABLE:
            return None
        return value if isinstance(value, int) and value in range(1, 9) else UPRIGHT

    def check(self) -> None:
        """Check in the cheapest way that no pixels are missing.

        Raises:
            DamagedPictureError: pixels are missing or damaged.
        """
        self.reduce((CHECK_SIDE, CHECK_SIDE))
        with self._damage_reported():
            if not self.stripped.has_several_scans:
                self._load_pixels()
            elif not self._has_all_scans():
                raise EOFError

    def load(self) -> None:
        """Decode the pixels.

        Raises:
            DamagedPictureError: pixels are missing or damaged.
        """
        with self._damage_reported():
            if self.stripped.has_several_scans and not self._has_all_scans():
                raise EOFError
            self._load_pixels()

    def reduce(self, size: tuple[int, int]) -> None:
        """Let a JPEG decoder halve the sides as long as they are not shorter than `size`."""
        if not self.stripped.is_lossless:
            self.image.draft(None, size)

    def _load_pixels(self) -> None:
        if self.kind != "PNG":
            self.image.load()
            return
        try:
            _load_all_rows(self.image)
        except UNREADABLE:
            # The checksum after the pixels may be wrong. Decoders cannot compare a part of it.
            self.image = Image.open(io.BytesIO(self.stripped.data[:-PNG_END_BYTES]), formats=["PNG"])
            _load_all_rows(self.image)
            self.stripped = replace(self.stripped, is_regular=False)

    @contextmanager
    def _damage_reported(self) -> Iterator[None]:
        try:
            yield
        except UNREADABLE as error:
            raise DamagedPictureError(f"the picture's {self.kind} data are damaged or truncated") from error

    def _has_all_scans(self) -> bool:
        """Return true if the last scan of a JPEG is whole.

        Pillow reads all scans before it returns a row, and fills in missing data. So this method feeds the data to
        Pillow's decoder without an end mark. If the last scan is whole, the decoder looks for the next marker and
        takes one more byte.
        """
        image = Image.open(io.BytesIO(self.stripped.data + END_OF_IMAGE), formats=["JPEG"])
        image.draft(None, (CHECK_SIDE, CHECK_SIDE))
        image.load_prepare()
        [(name, extents, offset, arguments)] = image.tile
        decoder = Image._getdecoder(image.mode, name, arguments, image.decoderconfig)
        decoder.setimage(image.im, extents)
        data = self.stripped.data[offset:] + STUFFING
        taken, _ = decoder.decode(data)
        return taken == len(data) and decoder.decode(b"\0")[0] == 1


def _load_all_rows(image: Image.Image) -> None:
    """Decode a PNG. Pillow takes compressed data that end after any row, so check that the last rows were written.

    A picture that is too small to be recognized is not checked: its rows could equal the noise by chance.

    Raises:
        EOFError: the last rows are missing.
    """
    width, height = image.size
    if min(width, height) < MIN_SIDE:
        image.load()
        return
    noise = Image.frombytes(image.mode, (width, LAST_ROWS), os.urandom(width * LAST_ROWS * MAX_PIXEL_BYTES))
    # Image.new would fill the memory of a forged size. This memory is only taken when rows are written.
    image.im = Image.core.new(image.mode, image.size)  # type: ignore[attr-defined]
    image.im.paste(noise.im, (0, height - LAST_ROWS, width, height))
    image.load()
    for row in range(LAST_ROWS):
        written = image.crop((0, height - LAST_ROWS + row, width, height - LAST_ROWS + row + 1))
        if written.tobytes() == noise.crop((0, row, width, row + 1)).tobytes():
            raise EOFError


def open_picture(data: bytes, kind: str, *, max_pixels: int, begin: Begin) -> OpenPicture:
    """Read a picture's header.

    libwebp takes memory for all pixels when it reads the header. So for a WebP, `begin` is called before the
    header is read.

    Raises:
        DamagedPictureError, TooLargePictureError
    """
    stripped = strip(data, kind)
    if kind == "WEBP" and (size := WebPImagePlugin._get_size(stripped.data[:WEBP_HEADER_BYTES])):
        _check_size(*size, max_pixels, min_side=0)
        begin(size[0] * size[1])
    file = io.BytesIO(stripped.data)
    if kind == "JPEG":
        file = io.BytesIO(stripped.data + (END_OF_IMAGE if stripped.has_several_scans else STUFFING))
    if kind == "HEIF":
        _register_heif()
    try:
        return OpenPicture(kind, stripped, Image.open(file, formats=[kind]))
    except UNREADABLE as error:
        message = f"the picture's {kind} header is damaged, or its pixels are stored in a way that is not supported"
        raise DamagedPictureError(message) from error


def _register_heif() -> None:
    import pillow_heif  # noqa: PLC0415 - 30 ms that only HEICs are worth; the service imports it before it forks

    if "HEIF" not in Image.OPEN:
        pillow_heif.register_heif_opener(thumbnails=False)
        pillow_heif.options.DECODE_THREADS = 1


def inspect(data: bytes, kind: str, *, max_pixels: int, begin: Begin) -> Picture:
    """Read the header, and decode the pixels to check that none is missing.

    Raises:
        DamagedPictureError, TooSmallPictureError, TooLargePictureError
    """
    opened = open_picture(data, kind, max_pixels=max_pixels, begin=begin)
    with opened.image as image:
        width, height = image.size
        _check_size(width, height, max_pixels, MIN_SIDE)
        turned = opened.orientation()
        _described(opened, width, height, turned)
        begin(width * height)
        opened.check()
        return _described(opened, width, height, turned)


def _described(opened: OpenPicture, width: int, height: int, turned: int | None) -> Picture:
    """Describe a picture by what is known of it.

    Raises:
        TooSmallPictureError: the picture must be converted, and is too narrow for that.
    """
    is_regular = opened.stripped.is_regular and turned is not None
    picture = Picture(opened.kind, width, height, is_upright=turned in {None, UPRIGHT}, is_regular=is_regular)
    if not picture.is_recognizable:
        _factor(width, height, FORMS["recognition"])
    return picture


def _factor(width: int, height: int, form: Form) -> int:
    """Return the whole number by which the sides of a picture are divided.

    Raises:
        TooSmallPictureError: the short side would be too short.
    """
    factor = -(-max(width, height) // form.reduced)
    if min(width, height) < factor * form.min_side:
        raise TooSmallPictureError(
            f"the picture has {width:,} x {height:,} pixels: too long and narrow to be scaled down"
        )
    return factor


def _check_size(width: int, height: int, max_pixels: int, min_side: int) -> None:
    size = f"the picture has {width:,} x {height:,} pixels"
    if width * height > max_pixels:
        raise TooLargePictureError(f"{size}; at most {max_pixels / 1e6:g} megapixels are allowed")
    if min(width, height) < min_side:
        raise TooSmallPictureError(f"{size}; each side must have at least {min_side}")


def convert(data: bytes, kind: str, *, max_pixels: int, form: Form, begin: Begin) -> bytes:
    """Return the first frame as an upright RGB JPEG of at most 5 MB, scaled down if necessary.

    Raises:
        DamagedPictureError, TooSmallPictureError, TooLargePictureError
    """
    opened = open_picture(data, kind, max_pixels=max_pixels, begin=begin)
    with opened.image as image:
        width, height = image.size
        _check_size(width, height, max_pixels, form.min_side)
        factor = _factor(width, height, form)
        begin(width * height)
        # A JPEG decoder can halve the sides at almost no cost, which saves memory and time.
        halves = min(8, factor & -factor)
        opened.reduce((max(1, width // halves), max(1, height // halves)))
        opened.load()
        turned = opened.orientation()  # after loading, because loading turns a TIFF upright
        small = _reduced(opened.image, -(-factor * max(opened.image.size) // max(width, height)))
    small.getexif()[ExifTags.Base.Orientation] = turned or UPRIGHT
    small = ImageOps.exif_transpose(small)
    small.thumbnail((form.long_side, form.long_side))
    while len(jpeg := _encoded(small, form.quality)) > MAX_JPEG_BYTES:
        small = small.reduce(2)
    return jpeg


def _reduced(image: Image.Image, factor: int) -> Image.Image:
    """Return the image in RGB with each side divided by a number.

    Works band by band, to avoid a second full-size image.
    """
    width, height = image.size
    result = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    grey = _grey_range(image) if _is_deep_grey(image) else None
    for top in range(0, height, BAND * factor):
        band = _as_rgb(_band(image, top, BAND * factor), grey)
        result.paste(band.reduce(factor), (0, top // factor))
    return result


def _band(image: Image.Image, top: int, rows: int) -> Image.Image:
    return image.crop((0, top, image.width, min(image.height, top + rows)))


def _is_deep_grey(image: Image.Image) -> bool:
    """Return True if grey values have more than eight bits. Pillow would clip them."""
    return image.mode[0] in "IF"


def _as_rgb(image: Image.Image, grey: tuple[float, float] | None) -> Image.Image:
    """Return RGB with eight bits a channel. Transparent pixels become white, as in viewers."""
    if grey:
        low, high = grey
        scale = 255 / ((high - low) or 1)
        values, is_finite = _finite(image)
        level = values.point(lambda value: value * scale - low * scale).convert("L")
        return Image.composite(level, Image.new("L", level.size), is_finite).convert("RGB")
    if image.mode == "LAB":
        lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, lab, rgb, outputMode="RGB")
        return converted or image
    if not image.has_transparency_data:
        return image.convert("RGB")
    layered = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layered.size, "white"), layered).convert("RGB")


MAX_FLOAT = 3e38


def _finite(image: Image.Image) -> tuple[Image.Image, Image.Image]:
    """Return grey values as floats, and a mask of the values that are finite numbers."""
    if image.mode not in {"I", "F"}:
        image = image.convert("I")  # 16 bits, in either byte order
    values = image.convert("F")
    mask = ImageMath.lambda_eval(lambda given: abs(given["values"]) <= MAX_FLOAT, values=values)
    return values, mask.point(lambda value: value * 255).convert("L")


def _grey_range(image: Image.Image) -> tuple[float, float]:
    """Return the darkest and the brightest finite value of a deep grey image."""
    low, high = MAX_FLOAT, -MAX_FLOAT
    for top in range(0, image.height, BAND):
        values, is_finite = _finite(_band(image, top, BAND))
        for worst in (MAX_FLOAT, -MAX_FLOAT):
            found: Any = Image.composite(values, Image.new("F", values.size, worst), is_finite).getextrema()
            low, high = (min(low, found[0]), high) if worst > 0 else (low, max(high, found[1]))
    return (low, high) if low <= high else (0, 0)


def _encoded(image: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
