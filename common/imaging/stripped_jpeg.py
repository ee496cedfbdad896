"""Find the parts of a JPEG that hold its pixels. These are the tables and scans. Comments, application segments and
trailers are left out."""

import re
import struct
from dataclasses import dataclass, field

from common.imaging.pictures import DamagedPictureError, TooLargePictureError

MARKER = re.compile(rb"\xff[^\x00\xff]")
END_OF_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""A marker that ends a scan. RST0 to RST7 only restart the coding within a scan, so they do not match."""

ALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a length: TEM, RST0 to RST7, SOI
APPLICATION = {*range(0xE0, 0xF0), 0xFE}  # APP0 to APP15, COM
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # SOF0 to SOF15, without DHT, JPG and DAC
PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
LOSSLESS = {0xC3, 0xC7, 0xCB, 0xCF}
COMMON = {0xC0, 0xC1, 0xC2}  # baseline, extended and progressive, with Huffman codes
COMMON_COLORS = {1, 3}  # numbers of components: grey, and three colors
TABLES = {0xC4, 0xCC, 0xDB, 0xDD}  # DHT, DAC, DQT, DRI
START_OF_SCAN, END_OF_IMAGE, EXIF = 0xDA, 0xD9, 0xE1
END_MARK = bytes([0xFF, END_OF_IMAGE])
KEPT = {0xE0: (b"JFIF\0", 14), 0xEE: (b"Adobe", 12)}
"""Application segments that describe how colors are stored. Each has the bytes that it begins with, and the length that
libjpeg requires."""

MAX_SCANS = 200
"""The highest number of scans. Encoders write about ten. A decoder processes all pixels for each scan."""
COEFFICIENTS = 64
MISSING = 99
"""The number of missing bits for a coefficient before its first scan. It is larger than any number that a progressive
JPEG can state."""


@dataclass
class Jpeg:
    """The pixels of a JPEG, without an end mark.

    `is_regular` is True if an end mark followed the pixels, and if every decoder knows their coding and colors.
    """

    data: bytes
    exif: bytes
    is_regular: bool
    has_several_scans: bool
    is_lossless: bool


@dataclass
class Coverage:
    """Records which bits the scans of a JPEG have sent.

    `lacking` has the missing bits of each component's coefficients.
    """

    is_progressive: bool = False
    is_lossless: bool = False
    is_common: bool = False
    scans: int = 0
    lacking: dict[int, list[int]] = field(default_factory=dict)

    def begin(self, marker: int, frame: bytes) -> None:
        """Read a frame header."""
        self.is_progressive, self.is_lossless = marker in PROGRESSIVE, marker in LOSSLESS
        self.is_common = marker in COMMON and frame[5] in COMMON_COLORS
        self.lacking = {frame[6 + 3 * number]: [MISSING] * COEFFICIENTS for number in range(frame[5])}

    def add(self, scan: bytes) -> None:
        """Read a scan header."""
        self.scans += 1
        count = scan[0]
        first, last, bits = scan[1 + 2 * count : 4 + 2 * count]
        if not self.is_progressive:
            first, last, bits = 0, COEFFICIENTS - 1, 0
        refined, left = divmod(bits, 16)
        for component in scan[1 : 1 + 2 * count : 2]:
            if component in self.lacking:
                lacking = self.lacking[component]
                for coefficient in range(first, min(last + 1, COEFFICIENTS)):
                    if not refined or lacking[coefficient] == refined:  # otherwise an earlier scan is missing
                        lacking[coefficient] = left

    @property
    def is_complete(self) -> bool:
        """Return True if every bit of every coefficient was sent."""
        return all(not any(bits) for bits in self.lacking.values())


def read(data: bytes, *, max_segments: int) -> Jpeg:
    """Return the pixels of a JPEG.

    Raises:
        DamagedPictureError: the file ends before its pixels do.
        TooLargePictureError: the file has more than `max_segments` segments.
        struct.error, IndexError: a segment is shorter than it should be.
    """
    kept, exif, coverage, at = [data[:2]], b"", Coverage(), 2
    for _ in range(max_segments):
        found = MARKER.search(data, at)
        if not found:
            raise DamagedPictureError("the picture is truncated: its pixels are missing")
        at, marker = found.end(), data[found.end() - 1]
        if marker in ALONE:
            continue
        if marker == END_OF_IMAGE:
            raise DamagedPictureError("the picture is truncated: its pixels are missing")
        end = _end_of_segment(data, at)
        segment = data[at + 2 : end]
        if marker == START_OF_SCAN:
            break
        if marker in FRAMES:
            coverage.begin(marker, segment)
        elif marker == EXIF and segment.startswith(b"Exif\0"):
            exif = exif or segment
        if marker not in APPLICATION or _tells_colors(marker, segment):
            kept.append(data[found.start() : end])
        at = end
    else:
        raise TooLargePictureError(f"the picture has more than {max_segments:,} blocks of metadata")
    end = _follow_scans(data, found.start(), coverage, max_segments)
    return Jpeg(
        b"".join(kept) + data[found.start() : end],
        exif,
        is_regular=coverage.is_common and data[end : end + 2] == END_MARK,
        has_several_scans=coverage.scans > 1 or coverage.is_progressive,
        is_lossless=coverage.is_lossless,
    )


def _end_of_segment(data: bytes, at: int) -> int:
    [length] = struct.unpack_from(">H", data, at)
    end: int = at + max(2, length)
    if end > len(data):
        raise DamagedPictureError("the picture is truncated: it ends within a segment")
    return end


def _tells_colors(marker: int, segment: bytes) -> bool:
    start, length = KEPT.get(marker, (b"", len(segment) + 1))
    return segment.startswith(start) and len(segment) >= length


def _follow_scans(data: bytes, start: int, coverage: Coverage, max_segments: int) -> int:
    """Return the position at which the last useful scan ends. Scans after complete pixels send nothing new.

    Raises:
        DamagedPictureError: scans are missing.
    """
    at = start
    for _ in range(max_segments):
        marker = data[at + 1]
        if marker == END_OF_IMAGE:
            break
        if marker in {START_OF_SCAN, *TABLES, *APPLICATION}:
            end = _end_of_segment(data, at + 2)
            if marker == START_OF_SCAN:
                coverage.add(data[at + 4 : end])
                if coverage.scans > MAX_SCANS:
                    raise TooLargePictureError(f"the picture has more than {MAX_SCANS:,} scans")
            at = end
        else:
            at += 2  # a stray marker, which decoders skip
        found = END_OF_SCAN.search(data, at)
        at = found.start() if found else len(data)
        if coverage.is_complete:
            return at
        if not found:
            break
    else:
        raise TooLargePictureError(f"the picture has more than {max_segments:,} segments")
    raise DamagedPictureError("the picture is truncated: its last scans are missing")
