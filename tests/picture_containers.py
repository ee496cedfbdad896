"""Complete pictures with more in their files than pixels."""

import io
import re
import struct
import zlib

from PIL import Image

from tests.picture_files import encoded, scene


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_with(chunks: bytes, image: Image.Image | None = None) -> bytes:
    """A whole PNG with more chunks after its header."""
    png = encoded(image or scene(), "PNG")
    return png[:33] + chunks + png[33:]


def jpeg_with(segments: bytes, image: Image.Image | None = None) -> bytes:
    """A whole JPEG with more segments after its beginning."""
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
    """A whole HEIC with more boxes after its first."""
    heif = encoded(image or scene(), "HEIF")
    [length] = struct.unpack(">I", heif[:4])
    return heif[:length] + boxes + heif[length:]


BEFORE_BOXES = {b"meta": 4, b"iinf": 6, b"iref": 4}
"""Bytes of an outer box before its inner boxes."""


def box(name: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(content), name) + content


def nested_boxes(name: bytes, depth: int) -> bytes:
    return b"".join(struct.pack(">I4s", 8 * left, name) for left in range(depth, 0, -1))


def boxed_with(kind: str, path: list[bytes], content: bytes, *, is_whole: bool = False) -> bytes:
    """A HEIC or AVIF with `content` after the content of the box at `path`, or in place of that content if `is_whole`.

    The position of the pixels grows with it.
    """
    file = encoded(scene(), kind)
    changed = _with_content(file, path, content, is_whole)
    place = file.index(b"mdat") + 4
    return changed.replace(struct.pack(">I", place), struct.pack(">I", place + len(changed) - len(file)), 1)


def _with_content(boxes: bytes, path: list[bytes], content: bytes, is_whole: bool) -> bytes:
    if not path:
        return content if is_whole else boxes + content
    at, changed = 0, b""
    while at < len(boxes):
        length, name = struct.unpack_from(">I4s", boxes, at)
        held = boxes[at + 8 : at + length]
        if name == path[0]:
            begin = BEFORE_BOXES.get(name, 0)
            held = held[:begin] + _with_content(held[begin:], path[1:], content, is_whole)
        changed += box(name, held)
        at += length
    return changed


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


def tiff_with_tags(*tags: tuple[int, int, int, int | bytes]) -> bytes:
    """A little-endian TIFF with more tags: number, type, count, and the value or the bytes at the value's position."""
    body, directory = _parted(encoded(scene(), "TIFF"))
    entries = {directory[at : at + 2]: directory[at : at + 12] for at in range(0, len(directory), 12)}
    for tag, kind, count, value in tags:
        if isinstance(value, bytes):
            body, value = body + value + b"\0" * (len(value) % 2), len(body)  # noqa: PLW2901 - its position
        entries[struct.pack("<H", tag)] = struct.pack("<HHII", tag, kind, count, value)
    ordered = b"".join(sorted(entries.values(), key=lambda entry: struct.unpack_from("<H", entry)))
    return _with_directories(body, [ordered])


def tiff_with_pages(pages: int, *, is_circle: bool = False) -> bytes:
    """A TIFF with so many directories, all of the same pixels; the last one names the first if they are a circle."""
    body, directory = _parted(encoded(scene(), "TIFF"))
    return _with_directories(body, [directory] * pages, is_circle=is_circle)


def _parted(tiff: bytes) -> tuple[bytes, bytes]:
    """Return all of a TIFF, with an even length, and the entries of its directory."""
    [at] = struct.unpack_from("<I", tiff, 4)
    [count] = struct.unpack_from("<H", tiff, at)
    return tiff + b"\0" * (len(tiff) % 2), tiff[at + 2 : at + 2 + 12 * count]


def _with_directories(body: bytes, directories: list[bytes], *, is_circle: bool = False) -> bytes:
    parts, start = [body[:4] + struct.pack("<I", len(body)) + body[8:]], len(body)
    at = start
    for directory in directories:
        at += 2 + len(directory) + 4
        parts.append(struct.pack("<H", len(directory) // 12) + directory + struct.pack("<I", at))
    parts[-1] = parts[-1][:-4] + struct.pack("<I", start if is_circle else 0)
    return b"".join(parts)


def bmp_with(fields: dict[int, int], *, mode: str = "RGB", pixels: bytes | None = None) -> bytes:
    """A BMP with other numbers of four bytes at some places of its header, and other pixels."""
    bmp = bytearray(encoded(scene().convert(mode), "BMP"))
    for at, value in fields.items():
        struct.pack_into("<I", bmp, at, value)
    [start] = struct.unpack_from("<I", bmp, 10)
    return bytes(bmp if pixels is None else bmp[:start] + pixels)


def progressive_jpeg_with(scans: int, size: tuple[int, int]) -> bytes:
    """A progressive JPEG that sends one of its scans again and again."""
    buffer = io.BytesIO()
    Image.new("RGB", size, "grey").save(buffer, "JPEG", progressive=True)
    jpeg = buffer.getvalue()
    starts = [found.start() for found in re.finditer(rb"\xff\xda", jpeg)]
    begin, end = starts[1:3]
    return jpeg[:end] + jpeg[begin:end] * scans + jpeg[end:]
