"""Decodes compressed answers. Some sources compress although we ask for `identity`."""

import zlib
from collections.abc import Iterable

from common.runtime.safe_fetch.errors import SourceFailedError

KNOWN = {"gzip", "x-gzip", "deflate"}
REFUSED = {"br", "dcb", "dcz", "zstd"}
"""Codings that browsers decode and we do not. Their bytes are never plain, so we refuse them."""
MAX_MEMBERS = 1000
"""The highest number of members in a gzip file. bgzip writes one member per 64 KB, so 15 MB have 240 members."""
CHUNK = 16 * 1024

GZIP_BEGIN = b"\x1f\x8b"
GZIP_HEAD_BYTES = 10
GZIP_TRAILER_BYTES = 8
HAS_HEADER_CHECKSUM, HAS_EXTRA, HAS_NAME, HAS_COMMENT = 2, 4, 8, 16
"""Flags of a gzip member (RFC 1952)."""
ZLIB_HEAD_BYTES = 2

_EXPECTED = "expected gzip or deflate alone (Content-Encoding)"


def decode(body: bytes, headers: Iterable[str], *, max_bytes: int) -> tuple[bytes, str | None]:
    """Decode the codings of the Content-Encoding headers.

    Returns at most `max_bytes` + 1 decoded bytes, and the codings that we do not know. Like browsers, we pass on bytes
    in an unknown coding. Often the bytes are plain, although the header names a coding. Like browsers, we do not
    compare checksums, which sources may leave out. The decoder of the picture decides whether it is whole.

    Raises:
        SourceFailedError: the bytes are not in the named coding, are compressed twice, or need another decoder.
    """
    codings = [coding.strip().lower() for header in headers for coding in header.split(",")]
    if refused := REFUSED.intersection(codings):
        raise SourceFailedError(f"the source's answer is in {refused.pop()}; {_EXPECTED}")
    known = [coding for coding in codings if coding in KNOWN]
    unknown = ", ".join(coding for coding in codings if coding not in {*KNOWN, "identity", ""}) or None
    is_gzip = body.startswith(GZIP_BEGIN)
    if not known or not body or (unknown and not is_gzip):
        return body, unknown
    if len(known) > 1:
        raise SourceFailedError(f"the source's answer is compressed more than once; {_EXPECTED}")
    try:
        return bytes((_gunzip if is_gzip else _inflate)(body, max_bytes)), None
    except zlib.error as error:
        raise SourceFailedError("the source's answer is not in the coding that its Content-Encoding names") from error


def _inflate(body: bytes, max_bytes: int) -> bytearray:
    """Decompress `deflate`. Some sources leave out the zlib header, which RFC 9110 requires."""
    output = bytearray()
    try:
        zlib.decompressobj().decompress(body[:ZLIB_HEAD_BYTES])  # raises if this is not a zlib header
        _decompress(body, ZLIB_HEAD_BYTES, output, max_bytes=max_bytes)
    except zlib.error:
        output.clear()
        _decompress(body, 0, output, max_bytes=max_bytes)
    return output


def _gunzip(body: bytes, max_bytes: int) -> bytearray:
    """Decompress all members of a gzip file. Like browsers, ignore padding and other bytes after them."""
    output, position, members = bytearray(), 0, 0
    while body.startswith(GZIP_BEGIN, position) and len(output) <= max_bytes:
        if members == MAX_MEMBERS:
            raise SourceFailedError(f"the source sends more than {MAX_MEMBERS:,} gzip members (Content-Encoding)")
        end = _decompress(body, _gzip_data(body, position), output, max_bytes=max_bytes)
        position = end + GZIP_TRAILER_BYTES
        members += 1
    return output


def _gzip_data(body: bytes, position: int) -> int:
    """Return the position of the compressed data in the gzip member that begins at `position`."""
    flags = body[position + 3] if len(body) > position + 3 else 0
    position += GZIP_HEAD_BYTES
    if flags & HAS_EXTRA:
        position += 2 + int.from_bytes(body[position : position + 2], "little")
    for flag in (HAS_NAME, HAS_COMMENT):
        if flags & flag:
            position = body.find(b"\0", position) + 1 or len(body)
    return position + (2 if flags & HAS_HEADER_CHECKSUM else 0)


def _decompress(body: bytes, position: int, output: bytearray, *, max_bytes: int) -> int:
    """Append one deflate stream from `position` on, until `output` has `max_bytes` + 1 bytes. Returns its end."""
    decompressor = zlib.decompressobj(-zlib.MAX_WBITS)
    while not decompressor.eof:
        chunk = body[position : position + CHUNK]
        if not chunk:
            raise SourceFailedError("the source's answer ends within one stream of its Content-Encoding")
        output += decompressor.decompress(chunk, max_bytes + 1 - len(output))
        position += len(chunk)
        if len(output) > max_bytes:
            break
    return position - len(decompressor.unused_data)
