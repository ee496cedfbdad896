"""Looks at pictures and converts them until one of them is its end: the other side of test_hostile_pictures.py.

Reads a length (4 bytes, big endian) and so many bytes, answers with a line, and goes on.
"""

import io
import resource
import struct
import sys
from pathlib import Path

from common.imaging import conversion_process, picture_headers

MAX_PIXELS = 30_000_000  # a forged size is believed: 60 megapixels of WebP alone take 939 MB (make bench-conversion)
FORM = conversion_process.FORMS["recognition"]


def outcome(body: bytes) -> str:
    try:
        picture_headers.check_whole(io.BytesIO(body))
        whole = "whole"
    except picture_headers.PictureError as error:
        whole = type(error).__name__
    try:
        return f"{whole} {len(conversion_process.convert(io.BytesIO(body), max_pixels=MAX_PIXELS, form=FORM))}"
    except (picture_headers.PictureError, MemoryError) as error:
        return f"{whole} {type(error).__name__}"


def peak_megabytes() -> int:
    """This program's own: what getrusage() tells begins with what the process had that started it."""
    status = Path("/proc/self/status")
    if not status.exists():  # not Linux
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024 // 1024
    [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) // 1024


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (conversion_process.MEMORY_BYTES, conversion_process.MEMORY_BYTES))
    while head := sys.stdin.buffer.read(4):
        said = outcome(sys.stdin.buffer.read(struct.unpack(">I", head)[0]))
        sys.stdout.write(f"{peak_megabytes()} {said}\n")
        sys.stdout.flush()
