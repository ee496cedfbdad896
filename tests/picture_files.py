"""Pictures as files, in every format that Sightline takes."""

import io

import pillow_heif
from PIL import ExifTags, Image

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "HEIF", "GIF", "TIFF", "BMP")
ORIENTATIONS = range(1, 9)
AS_STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""The transposition of an upright picture's pixels in a file with each EXIF orientation."""

pillow_heif.register_heif_opener()


def encoded(image: Image.Image, format: str = "JPEG", *, orientation: int | None = None) -> bytes:
    """Return the picture as a file. With an orientation it is rotated, and EXIF rotates it back."""
    options: dict[str, object] = {}
    if orientation:
        turn = AS_STORED[orientation]
        image = image if turn is None else image.transpose(turn)
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        options["exif"] = exif.tobytes()  # of which pillow-heif makes the box that turns a HEIC
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def scene(size: tuple[int, int] = (160, 120)) -> Image.Image:
    """Grey, with a red quarter at the top left and a blue one at the bottom right."""
    image = Image.new("RGB", size, "grey")
    width, height = size[0] // 2, size[1] // 2
    image.paste("red", (0, 0, width, height))
    image.paste("blue", (width, height, *size))
    return image


def quarters(image: Image.Image) -> list[str]:
    """Return the colours of the four quarters, by their strongest channel, row by row."""
    found = []
    for y in (image.height // 4, 3 * image.height // 4):
        for x in (image.width // 4, 3 * image.width // 4):
            red, green, blue = image.convert("RGB").getpixel((x, y))  # type: ignore[misc]
            found.append("red" if red > blue + 60 else "blue" if blue > red + 60 else "grey")
            del green
    return found
