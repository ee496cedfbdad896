"""Reduce a picture's file to its pixels.

Metadata must never make a picture fail, so no decoder gets the metadata. The functions here copy the parts that
decoders need. They leave out color profiles, texts, thumbnails, later frames and trailers. They also count the parts: a
file with an absurd number of parts is refused, because a decoder would spend a minute on it.
"""

import itertools
import re
import struct
import zlib
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass

from common.imaging import stripped_boxes, stripped_jpeg, stripped_tiff
from common.imaging.pictures import DamagedPictureError, PictureError, TooLargePictureError

MAX_METADATA_PARTS = 5_000
MAX_PARTS = 100_000
"""The highest number of parts with pixels. A PNG of 60 megapixels has about 10,000."""


@dataclass(frozen=True)
class StrippedPicture:
    """A file with the same pixels as the original, its EXIF block, and whether decoders agree about the original."""

    data: bytes
    exif: bytes = b""
    is_regular: bool = True
    has_several_scans: bool = False
    is_lossless: bool = False
    """True for a lossless JPEG, which no decoder reduces."""


def strip(data: bytes, kind: str) -> StrippedPicture:
    """Return the picture without metadata.

    Raises:
        DamagedPictureError: the file ends before its pixels.
        TooLargePictureError: the file has too many parts.
    """
    try:
        return STRIPPERS[kind](data)
    except PictureError:
        raise
    except (struct.error, LookupError, ValueError, ArithmeticError) as error:
        raise DamagedPictureError(f"the picture's {kind} header is damaged or truncated") from error


def _check_parts(metadata: int, parts: int) -> None:
    if metadata > MAX_METADATA_PARTS:
        raise TooLargePictureError(f"the picture has more than {MAX_METADATA_PARTS:,} blocks of metadata")
    if parts > MAX_PARTS:
        raise TooLargePictureError(f"the picture has more than {MAX_PARTS:,} parts")


def _jpeg(data: bytes) -> StrippedPicture:
    jpeg = stripped_jpeg.read(data, max_segments=MAX_METADATA_PARTS)
    return StrippedPicture(jpeg.data, jpeg.exif, jpeg.is_regular, jpeg.has_several_scans, jpeg.is_lossless)


def _tiff(data: bytes) -> StrippedPicture:
    return StrippedPicture(stripped_tiff.strip(data, max_strips=MAX_PARTS))


PNG_START = 8
PNG_HEADER_BYTES = 13
PNG_METHODS = slice(10, 12)
"""The methods of compression and of filters in the header. The only methods are 0."""
PALETTE = 3  # the color type
PNG_CRITICAL = {b"PLTE", b"IDAT", b"IEND"}
"""The critical chunks that may follow the header. Decoders disagree about other chunks that are marked as critical,
and about a second header."""
PNG_GAP = bytes(64)
"""The end of a chunk that was only partly received. An interrupted download leaves zeros in the rest of its file."""
TRANSPARENCY_BYTES = {0: {2}, 2: {6}, 3: set(range(1, 257))}
"""Lengths of a tRNS chunk by color type: https://www.w3.org/TR/png-3/#11tRNS"""


def _png(data: bytes) -> StrippedPicture:
    critical, pixels, exif, transparency, names = [], [], b"", b"", []
    is_regular = False
    for name, content, is_valid in _png_chunks(data):
        names.append(name)
        if len(names) == 1:
            is_regular = len(content) == PNG_HEADER_BYTES and content[PNG_METHODS] == bytes(2)
            if name != b"IHDR" or not is_valid:
                raise DamagedPictureError("the picture's PNG header is damaged")
            critical.append(_png_chunk(name, content))
            continue
        is_regular = is_regular and is_valid and (name[:1].islower() or name in PNG_CRITICAL)
        if name == b"IDAT":
            pixels.append(content)
        elif name == b"PLTE" and not pixels:
            critical.append(_png_chunk(name, content))
        elif name == b"tRNS" and len(content) in TRANSPARENCY_BYTES.get(data[25], ()):
            transparency = transparency or _png_chunk(name, content)
        elif name == b"eXIf":
            exif = exif or content
    if not pixels:
        raise DamagedPictureError("the picture is truncated: its pixels are missing")
    body = [data[:PNG_START], *critical, transparency, _png_chunk(b"IDAT", b"".join(pixels)), _png_chunk(b"IEND", b"")]
    return StrippedPicture(b"".join(body), exif, is_regular and _is_orderly(names, has_palette=data[25] == PALETTE))


def _is_orderly(names: list[bytes], *, has_palette: bool) -> bool:
    """Return True if the chunks of a PNG are in the order that all decoders accept."""
    runs = [name for name, _ in itertools.groupby(names)]
    before = runs[: runs.index(b"IDAT")]
    palettes = names.count(b"PLTE")
    return (
        names[-1] == b"IEND"
        and runs.count(b"IDAT") == 1
        and palettes == before.count(b"PLTE")
        and palettes in ({1} if has_palette else {0, 1})
    )


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """Yield the name and content of each chunk, and True if the chunk is whole and its checksum is correct."""
    at, parts, metadata = PNG_START, 0, 0
    view = memoryview(data)
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        if not name.isalpha():
            return
        content = view[at + 8 : at + 8 + length]
        checksum = data[at + 8 + length : at + 12 + length]
        is_valid = checksum == zlib.crc32(content, zlib.crc32(name)).to_bytes(4, "big")
        parts += 1
        metadata += name not in {b"IDAT", b"fdAT", b"fcTL"}
        _check_parts(metadata, parts)
        if name == b"IDAT" and not is_valid and bytes(content[-len(PNG_GAP) :]) == PNG_GAP:
            raise DamagedPictureError("the picture is truncated: zeros are in place of its last pixels")
        yield name, bytes(content), is_valid
        if name == b"IEND":
            return
        at += 12 + length


def _png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content), name) + content + struct.pack(">I", zlib.crc32(content, zlib.crc32(name)))


GIF_CONTROL = 0xF9
GIF_BLOCK = re.compile(rb"[!,;]")
"""The beginning of a block. Decoders skip what is between blocks."""


def _gif(data: bytes) -> StrippedPicture:
    """Keep the palette and the first frame, with the control block that states the frame's transparent color."""
    at = 13 + _gif_palette_bytes(data[10])
    start, control = data[:at], b""
    for _ in range(MAX_METADATA_PARTS):
        found = GIF_BLOCK.search(data, at)
        if not found or found[0] == b";":
            raise DamagedPictureError("the picture is truncated: its pixels are missing")
        at = found.start()
        if found[0] == b",":
            return StrippedPicture(start + control + data[at:])
        label = data[at + 1]
        end = _gif_end_of_blocks(data, at + 2)
        if label == GIF_CONTROL:
            control = data[at:end]
        at = end
    raise TooLargePictureError(f"the picture has more than {MAX_METADATA_PARTS:,} blocks of metadata")


def _gif_palette_bytes(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _gif_end_of_blocks(data: bytes, at: int) -> int:
    for _ in range(MAX_PARTS):
        length = data[at]
        at += 1 + length
        if not length:
            return at
    raise TooLargePictureError(f"the picture has more than {MAX_PARTS:,} blocks in one extension")


WEBP_KEPT = {b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF"}
WEBP_PIXELS = {b"VP8 ", b"VP8L", b"ANMF"}
WEBP_KEPT_FLAGS = 0x10 | 0x02  # alpha, animation: https://developers.google.com/speed/webp/docs/riff_container


def _webp(data: bytes) -> StrippedPicture:
    """Keep the chunks up to the first frame's pixels.

    A chunk keeps its stated length even if it is cut off. Otherwise, the decoder would use zeros for the missing bytes.
    After the pixels, data without a name in ASCII is a trailer.
    """
    at, kept, exif, has_pixels, metadata = 12, [], b"", False, 0
    for parts in itertools.count():
        if at + 8 > len(data):
            break
        name, length = struct.unpack_from("<4sI", data, at)
        if has_pixels and not (name.isascii() and name.decode().isprintable()):
            break
        metadata += name not in WEBP_PIXELS
        _check_parts(metadata, parts)
        content = data[at + 8 : at + 8 + length]
        if name == b"VP8X" and content:
            content = bytes([content[0] & WEBP_KEPT_FLAGS]) + content[1:]
        if name in WEBP_KEPT and not has_pixels:
            kept.append(struct.pack("<4sI", name, length) + content + b"\0" * (len(content) % 2))
        if name == b"EXIF":
            exif = exif or content
        has_pixels = has_pixels or name in WEBP_PIXELS
        at += 8 + length + length % 2
    body = b"WEBP" + b"".join(kept)
    return StrippedPicture(struct.pack("<4sI", b"RIFF", len(body)) + body, exif)


def _avif(data: bytes) -> StrippedPicture:
    return _boxed(data, brand=b"avif", kept_profiles=stripped_boxes.PROFILES)


def _heif(data: bytes) -> StrippedPicture:
    return _boxed(data, brand=b"heic", kept_profiles=frozenset())


def _boxed(data: bytes, *, brand: bytes, kept_profiles: Set[bytes]) -> StrippedPicture:
    boxes = stripped_boxes.strip(data, max_boxes=MAX_METADATA_PARTS, brand=brand, kept_profiles=kept_profiles)
    return StrippedPicture(boxes)


BMP_HEADER_BYTES = 40  # the size of BITMAPINFOHEADER, the first header that names a compression
BMP_RUN_LENGTHS = {1, 2}  # values of biCompression: RLE8, RLE4
BMP_RUN_BYTES = 4


def _bmp(data: bytes) -> StrippedPicture:
    """Cut off the data after the runs of a run-length coded BMP. Pillow would read this data with a slow loop in
    Python.

    A run takes two bytes. A jump and the run after it take six bytes. The end of each row takes two bytes.
    """
    start, header = struct.unpack_from("<II", data, 10)
    if header < BMP_HEADER_BYTES:
        return StrippedPicture(data)
    width, height, _, _, compression = struct.unpack_from("<iiHHI", data, 18)
    if compression not in BMP_RUN_LENGTHS:
        return StrippedPicture(data)
    return StrippedPicture(data[: start + BMP_RUN_BYTES * (abs(width) + 1) * abs(height)])


STRIPPERS: dict[str, Callable[[bytes], StrippedPicture]] = {
    "JPEG": _jpeg,
    "PNG": _png,
    "WEBP": _webp,
    "AVIF": _avif,
    "HEIF": _heif,
    "GIF": _gif,
    "TIFF": _tiff,
    "BMP": _bmp,
}
