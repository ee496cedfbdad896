"""Pictures with an absurd header: small files that would take a decoder a minute or most of its memory."""

import zlib
from collections.abc import Callable

from tests.picture_containers import gif_with, heif_with, jpeg_with, png_chunk, png_with, tiff_with, webp_with

BOMBS: dict[str, Callable[[], bytes]] = {
    "JPEG, 600,000 EXIF segments": lambda: jpeg_with(b"\xff\xe1\0\x08Exif\0\0" * 600_000),
    "JPEG, 600,000 comments": lambda: jpeg_with(b"\xff\xfe\0\x04hi" * 600_000),
    "JPEG, 2,000,000 quantization tables": lambda: jpeg_with(b"\xff\xdb\0\x02" * 2_000_000),
    "JPEG, 5,000,000 fill bytes and TEM markers": lambda: jpeg_with(b"\xff\x01" * 2_500_000 + b"\xff" * 5_000_000),
    "PNG, 17,000 ICC chunks": lambda: png_with(png_chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(100_000))) * 17_000),
    "PNG, 1,000,000 empty texts": lambda: png_with(png_chunk(b"tEXt", b"a\0b") * 1_000_000),
    "PNG, 1,200,000 empty IDAT chunks": lambda: png_with(png_chunk(b"IDAT", b"") * 1_200_000),
    "PNG, 1,200,000 empty frames": lambda: png_with(png_chunk(b"fdAT", b"") * 1_200_000),
    "GIF, 7,000,000 blocks in a comment": lambda: gif_with(b"!\xfe" + b"\x01a" * 7_000_000 + b"\0"),
    "GIF, 4,000,000 comments": lambda: gif_with(b"!\xfe\0" * 4_000_000),
    "TIFF, 1,900,000 strips": lambda: tiff_with(1_900_000),
    "TIFF, 3,500,000 strips of no rows": lambda: tiff_with(3_500_000, rows=0),
    "WebP, 1,500,000 empty chunks": lambda: webp_with(b"JUNK\0\0\0\0" * 1_500_000),
    "HEIC, 1,500,000 empty boxes": lambda: heif_with(b"\0\0\0\x08free" * 1_500_000),
}
"""Files of 2 to 15 MB."""
