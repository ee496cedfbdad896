"""Damaged and forged pictures: no crash, no hang, no more than half a gigabyte."""

import io
import os
import select
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.picture_files import FORMATS, encoded, scene

HANG_SECONDS = 10
MAX_MEGABYTES = 512
EXAMPLES = int(os.environ.get("EXAMPLES", "500"))


def animation() -> bytes:
    buffer = io.BytesIO()
    scene((96, 96)).save(buffer, "WEBP", save_all=True, append_images=[scene((96, 96)).rotate(90)])
    return buffer.getvalue()


def progressive() -> bytes:
    buffer = io.BytesIO()
    scene((96, 96)).save(buffer, "JPEG", progressive=True)
    return buffer.getvalue()


SOUND = [
    *(encoded(scene((96, 96)), kind) for kind in FORMATS),
    *(encoded(scene((96, 96)), kind, orientation=6) for kind in FORMATS if kind not in {"GIF", "BMP"}),
    animation(),
    progressive(),
]
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
        # Half of the changes in what follows the signature, where they say more.
        at = 12 + int(where * 2 * 200) if where < 0.5 else int((where - 0.5) * 2 * len(body))
        rest = {"replace": len(piece), "insert": 0, "cut": len(body), "repeat": -64}[kind]
        body = body[:at] + (b"" if kind == "cut" else piece) + body[max(0, at + rest) :]
    return body


class Victim:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.outcomes: Counter[str] = Counter()
        self.peak = 0

    def meet(self, body: bytes) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(struct.pack(">I", len(body)) + body)
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], HANG_SECONDS)
        assert ready, f"it hangs at {body!r}"
        answer = self.process.stdout.readline().decode().split()
        assert answer, f"it ended with {self.process.wait()} at {body!r}"
        self.peak = int(answer[0])
        self.outcomes[answer[2] if not answer[2].isdecimal() else "converted"] += 1


@contextmanager
def victim() -> Iterator[Victim]:
    program = Path(__file__).with_name("picture_victim.py")
    path = os.pathsep.join(filter(None, sys.path))
    with subprocess.Popen(
        [sys.executable, str(program)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
        bufsize=0,
    ) as process:
        yield Victim(process)
        process.kill()


def test_no_picture_is_the_end_of_who_looks_at_it() -> None:
    with victim() as process:

        @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(st.sampled_from(SOUND), CHANGES)
        def looks(sound: bytes, changes: list[tuple[str, float, bytes]]) -> None:
            process.meet(forged(sound, changes))

        looks()
        assert process.peak < MAX_MEGABYTES
        assert process.outcomes["converted"] > 10, process.outcomes  # some get as far as the decoders, and through
