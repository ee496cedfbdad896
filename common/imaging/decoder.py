"""Inspect and convert pictures. This process never decodes the bytes of pictures itself.

The decoder service is a separate process (`decoder_service.py`). It forks a limited process for each picture. If a
decoder crashes, hangs or takes too much memory, only its picture is refused. The service starts with the first picture,
handles one picture after the other, and ends with this process.
"""

import atexit
import io
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any, Literal

from common.imaging.frames import read_frame, write_frame
from common.imaging.pictures import (
    DamagedPictureError,
    DecoderFailedError,
    Picture,
    PictureError,
    TooLargePictureError,
    kind_of,
)

PROGRAM = "from common.imaging.decoder_service import main\nmain()"
"""The program of the service. It imports the module, so that Python uses the module's stored byte code."""
KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "LANG", "TMPDIR")
"""The environment variables that the service gets. None of them holds credentials."""

SIGNALS_FROM_OUTSIDE = {signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT}
GRACE_SECONDS = 2.0
"""Additional time in which the service can report that a picture took too long."""

ERRORS = {error.__name__: error for error in PictureError.__subclasses__()}

FormName = Literal["recognition", "display", "thumbnail"]
"""The forms of a converted picture: a JPEG within Rekognition's limits, a large JPEG, and a small JPEG."""


class DecoderUnavailableError(Exception):
    """A picture could not be decoded now. The picture is not the cause."""


class DecoderTimeoutError(DecoderUnavailableError):
    """There was not enough time to decode the picture."""


class DecoderStoppedError(DecoderUnavailableError):
    """Something outside the decoder ended it."""


@dataclass(frozen=True)
class Usage:
    """The time and memory that a picture took."""

    cpu_seconds: float
    peak_kilobytes: int


class Decoder:
    """Talks to one decoder service. Threads take turns, because decoding one picture uses a whole processor."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._service: subprocess.Popen[bytes] | None = None
        self.last_usage = Usage(0, 0)

    def inspect(self, file: IO[bytes], *, max_pixels: int, seconds: float) -> Picture:
        """Check that a picture is whole and within the limits.

        Raises:
            PictureError: the picture cannot be recognized.
            DecoderUnavailableError: the check did not finish within `seconds`.
        """
        request = {"operation": "inspect", "kind": kind_of(file), "max_pixels": max_pixels}
        document, _ = self._ask(request, file, seconds)
        return Picture(**document)

    def convert(self, file: IO[bytes], *, max_pixels: int, seconds: float, form: FormName = "recognition") -> bytes:
        """Return the picture as an upright JPEG of at most 5 MB.

        Raises:
            PictureError: the picture cannot be recognized.
            DecoderUnavailableError: the conversion did not finish within `seconds`.
        """
        request = {"operation": "convert", "kind": kind_of(file), "max_pixels": max_pixels, "form": form}
        _, jpeg = self._ask(request, file, seconds)
        return jpeg

    @property
    def pid(self) -> int:
        """Return the process id of the service, or 0 if the service does not run."""
        return self._service.pid if self._service else 0

    def stop(self) -> None:
        """End the service; the next picture starts another one."""
        service, self._service = self._service, None
        if service:
            _kill(service)
            for pipe in (service.stdin, service.stdout):
                with suppress(OSError):  # bytes that were not written are not needed
                    pipe.close()  # type: ignore[union-attr]
            service.wait()

    def _ask(self, request: dict[str, Any], file: IO[bytes], seconds: float) -> tuple[dict[str, Any], bytes]:
        ends_at = time.monotonic() + seconds
        if not self._turn.acquire(timeout=max(0.0, seconds)):
            raise DecoderTimeoutError(f"other pictures used the decoder for {seconds:.0f} s")
        try:
            ending, answer = self._exchange(request, file, ends_at)
        finally:
            self._turn.release()
        self.last_usage = Usage(ending["cpu_seconds"], ending["peak_kilobytes"])
        if ending["timed_out"]:
            raise DecoderTimeoutError(f"a picture was not decoded within {seconds:.0f} s")
        return _result(answer, ending["signal"])

    def _exchange(self, request: dict[str, Any], file: IO[bytes], ends_at: float) -> tuple[dict[str, Any], bytes]:
        """Send a picture to the service. If the service has died, start another one and try once more."""
        for is_last in (False, True):
            service = self._started()
            watchdog = threading.Timer(max(0.0, ends_at - time.monotonic()) + GRACE_SECONDS, _kill, [service])
            watchdog.start()
            try:
                write_frame(service.stdin, {**request, "seconds": ends_at - time.monotonic()}, file)  # type: ignore[arg-type]
                return read_frame(service.stdout)  # type: ignore[arg-type]
            except (EOFError, OSError) as error:
                self.stop()
                if time.monotonic() >= ends_at:
                    raise DecoderTimeoutError("the decoder service did not answer in time") from error
                if is_last:
                    raise DecoderStoppedError("the decoder service ended twice while it had a picture") from error
            finally:
                watchdog.cancel()
        raise AssertionError  # the loop returns or raises

    def _started(self) -> subprocess.Popen[bytes]:
        if self._service and self._service.poll() is not None:
            self.stop()
        if not self._service:
            variables = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
            self._service = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-S", "-P", "-c", PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=variables | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                start_new_session=True,  # Ctrl-C does not reach it; it ends when its input ends
            )
            atexit.register(self.stop)
        return self._service


def _kill(service: subprocess.Popen[bytes]) -> None:
    """End the service and the process that it has forked."""
    if service.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(service.pid, signal.SIGKILL)


def _result(answer: bytes, signal_number: int) -> tuple[dict[str, Any], bytes]:
    """Read the answer of a limited process. Without an answer, raise the error that explains the end of the process.

    Raises:
        PictureError: the picture was refused, or its decoder failed.
        DecoderStoppedError: a signal from outside ended the process.
    """
    if signal_number == signal.SIGXCPU:
        raise TooLargePictureError("the picture takes too much time to decode")
    if signal_number in SIGNALS_FROM_OUTSIDE:
        raise DecoderStoppedError(f"{signal.Signals(signal_number).name} ended the decoder")
    if signal_number:
        raise DamagedPictureError(f"the picture's decoder ended with {signal.Signals(signal_number).name}")
    try:
        document, content = read_frame(io.BytesIO(answer))
    except EOFError as error:
        raise DecoderFailedError("the decoder ended without an answer") from error
    if "error" in document:
        raise ERRORS[document["error"]](document["message"])
    return document, content


_DECODER = Decoder()
inspect, convert = _DECODER.inspect, _DECODER.convert
"""The methods of the decoder that this process uses."""
