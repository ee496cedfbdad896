"""Decodes the bodies of chunked answers as tolerantly as browsers do."""

import io
import re
from http.client import IncompleteRead
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_LINE_BYTES = 16 * 1024
"""The limit for a line with the size of a chunk and its extensions, as in Chromium."""

MAX_TRAILER_BYTES = 256 * 1024
SIZE = re.compile(rb"[ \t]*\+?(?:0x)?(0*[0-9a-f]{1,15})[ \t]*(?:;.*)?", re.IGNORECASE | re.DOTALL)


class ChunkedBody(io.RawIOBase):
    """The decoded body of a chunked answer. Trailers are left out.

    Like Firefox, it takes lines that end in LF alone, and an empty line too many or too few between chunks. Like all
    browsers, it refuses a body without its last chunk, because such a body may be a part.
    """

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream
        self._left = 0
        """The number of bytes left in the chunk."""
        self._has_ended = False

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Read some bytes of the body. Returns 0 at its end.

        Raises:
            IncompleteRead: the body is not chunked, or the connection ends before the last chunk.
        """
        if not self._left and not self._has_ended:
            self._begin_chunk()
        if self._has_ended:
            return 0
        view = memoryview(buffer)
        part = self._stream.read1(min(len(view), self._left))
        if not part:
            raise IncompleteRead(b"", self._left)
        view[: len(part)] = part
        self._left -= len(part)
        return len(part)

    def close(self) -> None:
        """Close the connection too."""
        try:
            super().close()
        finally:
            self._stream.close()

    def _begin_chunk(self) -> None:
        line = self._line() or self._line()  # an empty line ends the previous chunk
        size = SIZE.fullmatch(line)
        if size is None:
            raise IncompleteRead(b"")
        self._left = int(size[1], 16)
        if not self._left:
            self._skip_trailers()
            self._has_ended = True

    def _line(self) -> bytes:
        line = self._stream.readline(MAX_LINE_BYTES)
        if not line.endswith(b"\n"):
            raise IncompleteRead(b"")
        return line.rstrip(b"\r\n")

    def _skip_trailers(self) -> None:
        left = MAX_TRAILER_BYTES
        while (line := self._stream.readline(left)).strip(b"\r\n"):
            left -= len(line)
            if not left:
                raise IncompleteRead(b"")
