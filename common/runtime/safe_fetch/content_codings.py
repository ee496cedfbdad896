"""Decodes answers that a source compressed, although we ask for `identity`."""

import zlib
from collections.abc import Iterable

from common.runtime.safe_fetch.errors import SourceFailedError

KNOWN = {"gzip", "x-gzip", "deflate"}
REFUSED = {"br", "dcb", "dcz", "zstd"}
"""Codings that browsers decode and we do not. The bytes are never plain, so none of them is passed on."""
GZIP_BEGIN = b"\x1f\x8b"
MAX_MEMBERS = 1000
"""bgzip writes one member per 64 KB, which is 240 for 15 MB."""
CHUNK = 16 * 1024


def decode(body: bytes, headers: Iterable[str], *, max_bytes: int) -> tuple[bytes, str | None]:
    """Decode the codings of the Content-Encoding headers.

    Returns at most `max_bytes` + 1 decoded bytes, and the codings that we do not know. Like browsers, we pass on bytes
    in an unknown coding. Often it is only a name, and the bytes are plain.

    Raises:
        SourceFailedError: the bytes are not in the named coding, are compressed twice, or need another decoder.
    """
    codings = [coding.strip().lower() for header in headers for coding in header.split(",")]
    if refused := REFUSED.intersection(codings):
        raise SourceFailedError(
            f"the source's answer is in {refused.pop()}, and not in gzip or deflate (Content-Encoding)"
        )
    known = [coding for coding in codings if coding in KNOWN]
    unknown = ", ".join(coding for coding in codings if coding not in {*KNOWN, "identity", ""}) or None
    is_gzip = body.startswith(GZIP_BEGIN)
    if not known or not body or (unknown and not is_gzip):
        return body, unknown
    if len(known) > 1:
        raise SourceFailedError(
            "the source's answer is compressed twice, and not in gzip or deflate once (Content-Encoding)"
        )
    try:
        return (_gunzip if is_gzip else _inflate)(body, max_bytes), None
    except zlib.error as error:
        raise SourceFailedError("the source sends something else than its Content-Encoding says") from error


def _inflate(body: bytes, max_bytes: int) -> bytes:
    """Decompress `deflate`. Some sources leave out the zlib header, which RFC 9110 requires."""
    try:
        return _decompressed(zlib.MAX_WBITS, body, 0, max_bytes)[0]
    except zlib.error:
        return _decompressed(-zlib.MAX_WBITS, body, 0, max_bytes)[0]


def _gunzip(body: bytes, max_bytes: int) -> bytes:
    """Decompress all members of a gzip file. Like browsers, ignore padding and other bytes behind them."""
    output, position, members = bytearray(), 0, 0
    while body.startswith(GZIP_BEGIN, position) and len(output) <= max_bytes:
        if members == MAX_MEMBERS:
            raise SourceFailedError(f"the source sends more than {MAX_MEMBERS:,} gzip members (Content-Encoding)")
        member, position = _decompressed(16 + zlib.MAX_WBITS, body, position, max_bytes - len(output))
        output += member
        members += 1
    return bytes(output)


def _decompressed(wbits: int, body: bytes, position: int, max_bytes: int) -> tuple[bytes, int]:
    """Decompress one stream that begins at `position`. Returns at most `max_bytes` + 1 bytes, and where it ends."""
    decompressor = zlib.decompressobj(wbits)
    output = bytearray()
    while not decompressor.eof:
        chunk = body[position : position + CHUNK]
        if not chunk:
            raise SourceFailedError("the source's answer ends within one stream of its Content-Encoding")
        output += decompressor.decompress(chunk, max_bytes + 1 - len(output))
        position += len(chunk)
        if len(output) > max_bytes:
            break
    return bytes(output), position - len(decompressor.unused_data)
