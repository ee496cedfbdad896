"""Damaged and forged pictures: an answer for each, the same from inspection and conversion, in half a gigabyte."""

import io
import os
import struct
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from common.imaging.decoder import Decoder
from common.imaging.pictures import PictureError
from tests.picture_files import FORMATS, encoded, scene

SECONDS = 30
MAX_PIXELS = (
    30_000_000  # a decoder believes a forged size, and a WebP of 60 megapixels takes 939 MB (make bench-conversion)
)
MAX_MEGABYTES = 512
EXAMPLES = int(os.environ.get("EXAMPLES", "200"))
TRAILERS = [b"", b"Image_UTC_Data1766900000000SEFHk\0\0\0\1\0\0\0$\0\0\0SEFT", bytes(64)]


def animation() -> bytes:
    buffer = io.BytesIO()
    scene((96, 96)).save(buffer, "WEBP", save_all=True, append_images=[scene((96, 96)).rotate(90)])
    return buffer.getvalue()


def progressive(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", progressive=True)
    return buffer.getvalue()


SOUND = [
    *(encoded(scene((96, 96)), kind) for kind in FORMATS),
    *(encoded(scene((96, 96)), kind, orientation=6) for kind in FORMATS if kind not in {"GIF", "BMP"}),
    animation(),
    progressive(scene((96, 96))),
]
GRAIN = Image.effect_noise((96, 96), 80).convert("RGB")
NOISE = [*(encoded(GRAIN, kind) for kind in FORMATS), progressive(GRAIN)]
"""A picture of noise has no long runs, so its pixels need many bytes. In a plain picture, 64 zero bytes may be half of
the pixels."""
NUMBERS = [struct.pack(form, number) for form in ("<I", ">I", "<H", ">H") for number in (0, 1, 255, 8_000, 65_535)]
PIECES = st.one_of(
    st.binary(min_size=1, max_size=8), st.sampled_from(NUMBERS), st.sampled_from([s[:24] for s in SOUND])
)
CHANGES = st.lists(
    st.tuples(st.sampled_from(["replace", "insert", "cut", "repeat"]), st.floats(0, 1), PIECES), min_size=1, max_size=6
)


def forged(sound: bytes, changes: list[tuple[str, float, bytes]]) -> bytes:
    body = sound
    for kind, where, piece in changes:
        # Make half of the changes after the signature, where they have more effect.
        at = 12 + int(where * 2 * 200) if where < 0.5 else int((where - 0.5) * 2 * len(body))
        rest = {"replace": len(piece), "insert": 0, "cut": len(body), "repeat": -64}[kind]
        body = body[:at] + (b"" if kind == "cut" else piece) + body[max(0, at + rest) :]
    return body


class Subject:
    """A decoder that gets pictures, and counts the results."""

    def __init__(self) -> None:
        self.decoder = Decoder()
        self.outcomes: Counter[str] = Counter()
        self.peak = 0

    def meet(self, body: bytes) -> str:
        """Inspect and convert; both must come to the same verdict."""
        inspected = self._outcome(lambda file: self.decoder.inspect(file, max_pixels=MAX_PIXELS, seconds=SECONDS), body)
        converted = self._outcome(lambda file: self.decoder.convert(file, max_pixels=MAX_PIXELS, seconds=SECONDS), body)
        assert inspected == converted, body
        self.outcomes[inspected] += 1
        return inspected

    def _outcome(self, look: Callable[[io.BytesIO], object], body: bytes) -> str:
        try:
            look(io.BytesIO(body))
        except PictureError as error:
            return type(error).__name__
        finally:
            self.peak = max(self.peak, self.decoder.last_usage.peak_kilobytes // 1024)
        return "whole"


@pytest.fixture(scope="module")
def subject() -> Iterator[Subject]:
    met = Subject()
    yield met
    met.decoder.stop()


THOROUGH = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)


def test_a_forged_picture_ends_in_an_answer(subject: Subject) -> None:
    @THOROUGH
    @given(st.sampled_from(SOUND), CHANGES)
    def looks(sound: bytes, changes: list[tuple[str, float, bytes]]) -> None:
        subject.meet(forged(sound, changes))

    looks()
    assert subject.peak < MAX_MEGABYTES
    assert subject.outcomes["whole"] > 10, subject.outcomes  # some reach the decoders, and get through


def test_a_flipped_bit_ends_in_an_answer(subject: Subject) -> None:
    @THOROUGH
    @given(st.sampled_from(SOUND), st.floats(0, 1, exclude_max=True), st.integers(0, 7))
    def looks(sound: bytes, where: float, bit: int) -> None:
        at = int(where * len(sound))
        subject.meet(sound[:at] + bytes([sound[at] ^ 1 << bit]) + sound[at + 1 :])

    looks()
    assert subject.peak < MAX_MEGABYTES


def test_half_a_picture_is_damaged(subject: Subject) -> None:
    """The place of the cut does not matter, nor does a phone's trailer that is shorter than the missing part."""

    @THOROUGH
    @given(st.sampled_from(NOISE), st.floats(0, 0.8), st.sampled_from(TRAILERS))
    def looks(sound: bytes, part: float, trailer: bytes) -> None:
        cut = sound[: int(len(sound) * part)]
        assume(len(cut) + len(trailer) < len(sound))
        outcome = subject.meet(cut + trailer)
        assert outcome in {"DamagedPictureError", "NoPictureError"}

    looks()
