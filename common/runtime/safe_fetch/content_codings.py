"""Decodes compressed answers. Some sources compress although we ask for `identity`."""

import zlib
from collections.abc import Iterable

from common.runtime.safe_fetch.errors import SourceFailedError

KNOWN = {"gzip", "x-gzip", "deflate"}
REFUSED = {"br", "dcb", "dcz", "zstd"}
"""Codings that browsers decode and we do not. Their bytes are never plain, so we refuse them."""
GZIP_BEGIN = b"\x1f\x8b"
MAX_MEMBERS = 1000
"""The highest number of members in a gzip file. bgzip writes one member per 64 KB, so 15 MB have 240 members."""
CHUNK = 16 * 1024

_NOT_ALONE = "and not in gzip or deflate alone (Content-Encoding)"


def decode(body: bytes, headers: Iterable[str], *, max_bytes: int) -> tuple[bytes, str | None]:
    """Decode the codings of the Content-Encoding headers.

    Returns at most `max_bytes` + 1 decoded bytes, and the codings that we do not know. Like browsers, we pass on bytes
    in an unknown coding. Often the bytes are plain, although the header names a coding.

    Raises:
        SourceFailedError: the bytes are not in the named coding, are compressed twice, or need another decoder.
    """
    codings = [coding.strip().lower() for header in headers for coding in header.split(",")]
    if refused := REFUSED.intersection(codings):
        raise SourceFailedError(f"the source's answer is in {refused.pop()}, {_NOT_ALONE}")
    known = [coding for coding in codings if coding in KNOWN]
    unknown = ", ".join(coding for coding in codings if coding not in {*KNOWN, "identity", ""}) or None
    is_gzip = body.startswith(GZIP_BEGIN)
    if not known or not body or (unknown and not is_gzip):
        return body, unknown
    if len(known) > 1:
        raise SourceFailedError(f"the source's answer is compressed more than once, {_NOT_ALONE}")
    try:
        return bytes((_gunzip if is_gzip else _inflate)(body, max_bytes)), None
    except zlib.error as error:
        raise SourceFailedError("the source's answer is not in the coding that its Content-Encoding names") from error


def _inflate(body: bytes, max_bytes: int) -> bytearray:
    """Decompress `deflate`. Some sources leave out the zlib header, which RFC 9110 requires."""
    output = bytearray()
    try:
        _decompress(body, 0, output, wbits=zlib.MAX_WBITS, max_bytes=max_bytes)
    except zlib.error:
        output.clear()
        _decompress(body, 0, output, wbits=-zlib.MAX_WBITS, max_bytes=max_bytes)
    return output


def _gunzip(body: bytes, max_bytes: int) -> bytearray:
    """Decompress all members of a gzip file. Like browsers, ignore padding and other bytes behind them."""
    output, position, members = bytearray(), 0, 0
    while body.startswith(GZIP_BEGIN, position) and len(output) <= max_bytes:
        if members == MAX_MEMBERS:
            raise SourceFailedError(f"the source sends more than {MAX_MEMBERS:,} gzip members (Content-Encoding)")
        position = _decompress(body, position, output, wbits=16 + zlib.MAX_WBITS, max_bytes=max_bytes)
        members += 1
    return output


def _decompress(body: bytes, position: int, output: bytearray, *, wbits: int, max_bytes: int) -> int:
    """Append one stream from `position` on, until `output` has `max_bytes` + 1 bytes. Returns the stream's end."""
    decompressor = zlib.decompressobj(wbits)
    while not decompressor.eof:
        chunk = body[position : position + CHUNK]
        if not chunk:
            raise SourceFailedError("the source's answer ends within one stream of its Content-Encoding")
        output += decompressor.decompress(chunk, max_bytes + 1 - len(output))
        position += len(chunk)
        if len(output) > max_bytes:
            break
    return position - len(decompressor.unused_data)
