"""Complete pictures with more in their files than pixels."""

import struct
import zlib

from PIL import Image

from tests.picture_files import encoded, scene


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_with(chunks: bytes, image: Image.Image | None = None) -> bytes:
    """A whole PNG with more chunks behind its header."""
    png = encoded(image or scene(), "PNG")
    return png[:33] + chunks + png[33:]


def jpeg_with(segments: bytes, image: Image.Image | None = None) -> bytes:
    """A whole JPEG with more segments behind its beginning."""
    jpeg = encoded(image or scene())
    return jpeg[:2] + segments + jpeg[2:]


def gif_with(blocks: bytes, image: Image.Image | None = None) -> bytes:
    """A whole GIF with more blocks before its first frame."""
    gif = encoded(image or scene(), "GIF")
    at = 13 + 3 * 2 ** ((gif[10] & 7) + 1)
    return gif[:at] + blocks + gif[at:]


def tiff_with(strips: int, *, rows: int = 1, width: int = 100) -> bytes:
    """Return a grey TIFF with this number of strips, all at the same offset."""
    height = min(65_535, strips * rows)
    tags = [(256, 3, 1, width), (257, 3, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    tags += [(273, 4, strips, 300), (277, 3, 1, 1), (278, 3, 1, rows), (279, 4, strips, 300)]
    directory = struct.pack("<H", len(tags))
    for tag, kind, count, value in tags:
        directory += struct.pack("<HHI", tag, kind, count) + struct.pack("<I", value)
    head = b"II*\0" + struct.pack("<I", 8) + directory + bytes(4)
    return head.ljust(300, b"\0") + struct.pack("<I", 200) * strips


def webp_with(chunks: bytes, image: Image.Image | None = None) -> bytes:
    """A whole WebP with more chunks before its pixels."""
    webp = encoded(image or scene(), "WEBP")
    return webp[:12] + chunks + webp[12:]


def heif_with(boxes: bytes, image: Image.Image | None = None) -> bytes:
    """A whole HEIC with more boxes behind its first."""
    heif = encoded(image or scene(), "HEIF")
    [length] = struct.unpack(">I", heif[:4])
    return heif[:length] + boxes + heif[length:]


TIFF_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 12: 8}
STRIP_OFFSETS = 273


def with_directory_first(tiff: bytes) -> bytes:
    """A little-endian TIFF of one strip, as libtiff writes it, with its directory before its pixels."""
    [at] = struct.unpack_from("<I", tiff, 4)
    [count] = struct.unpack_from("<H", tiff, at)
    shift = 2 + 12 * count + 4
    directory = struct.pack("<H", count)
    for place in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind, values, held = struct.unpack_from("<HHII", tiff, place)
        is_position = tag == STRIP_OFFSETS or values * TIFF_TYPE_BYTES[kind] > 4
        directory += struct.pack("<HHII", tag, kind, values, held + shift if is_position else held)
    return b"II*\0" + struct.pack("<I", 8) + directory + bytes(4) + tiff[8:]
