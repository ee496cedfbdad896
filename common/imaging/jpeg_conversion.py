"""Any picture as a JPEG that Rekognition takes as bytes, or that any browser shows.

Decoders are written in C, and the bytes come from strangers. So each picture is decoded in a process of its own, with
limits on its memory and time: one that crashes, hangs or swells fails alone.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, Literal

from common.imaging import picture_headers

PROGRAM = Path(__file__).with_name("conversion_process.py")
REFUSED = 3  # the program's exit status where the picture is at fault
CRASHES = {signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV}
"""What a decoder ends with that was led astray; SIGTERM and SIGKILL come from outside."""

KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "LANG", "TMPDIR")
"""What a decoder may know of us: no credentials."""


FormName = Literal["recognition", "display", "thumbnail"]
"""Of the program's forms: with Rekognition's limits, for a large look, for a small one."""


class ConversionTimeoutError(Exception):
    """There was not enough time, which is no fault of the picture."""


def convert(file: IO[bytes], *, max_pixels: int, seconds: float, form: FormName = "recognition") -> bytes:
    """The picture as a JPEG of at most 5 MB, made within so many seconds by a process of its own.

    Raises:
        picture_headers.PictureError: it cannot be decoded, or not within the limits.
        ConversionTimeoutError: it took longer than `seconds`.
        RuntimeError: the process failed for another reason, which is a fault of ours.
    """
    variables = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    try:
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, str(PROGRAM), str(max_pixels), form],
            stdin=file,
            capture_output=True,
            env=variables | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ConversionTimeoutError(f"a picture was not converted within {seconds:.0f} s") from error
    if done.returncode == 0:
        return done.stdout
    if done.returncode == REFUSED:
        reason = json.loads(done.stderr)
        raise getattr(picture_headers, reason["error"])(reason["message"])
    if done.returncode == -signal.SIGXCPU:
        raise picture_headers.TooLargePictureError("the picture takes too much time to decode")
    if -done.returncode in CRASHES:
        raise picture_headers.DamagedPictureError(
            f"the picture's decoder ended with {signal.Signals(-done.returncode).name}"
        )
    ending = signal.Signals(-done.returncode).name if done.returncode < 0 else f"exit status {done.returncode}"
    complaint = done.stderr.decode(errors="replace")[-1000:]
    raise RuntimeError(f"a picture could not be converted ({ending}): {complaint}")
