"""The decoder service: a program that forks a limited process for each picture. `decoder.py` starts it and talks to it.

Decoders are written in C, and the bytes come from strangers. This program has already loaded Pillow. So a fork takes
3 ms, while a new Python takes 120 ms. The forked process has no environment and opens no files and no sockets. Its
memory and its processor time are limited. It answers on a separate pipe, because libtiff writes complaints to standard
error.
"""

import gc
import importlib
import io
import mmap
import os
import resource
import select
import signal
import sys
import time
import warnings
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

from common.imaging import decoding
from common.imaging.frames import read_head, write_frame
from common.imaging.pictures import DecoderFailedError, PictureError, TooLargePictureError

MEGABYTE = 1024 * 1024
HEADER_CPU_SECONDS = 2
HEADER_MEMORY_BYTES = 48 * MEGABYTE
"""Address space for reading a header. It is added to the service's address space and to three times the file's size."""
HEADER_COPIES = 3

MAX_CPU_SECONDS = 20
PIXELS_CPU_SECONDS = 3.0
CPU_SECONDS_PER_MEGAPIXEL = 0.15  # 60 megapixels of HEIC, the slowest, take 1.6 s (make bench-conversion)
MAX_MEMORY_BYTES = 1280 * MEGABYTE  # 60 megapixels of WebP, the hungriest, take 1 GB

MAX_ANSWER_BYTES = decoding.MAX_JPEG_BYTES + MEGABYTE
STANDARD_FILES = 3
CHUNK = 64 * 1024


@dataclass(frozen=True)
class Ending:
    """The end of a limited process.

    `signal` is 0 if the process exited. The bytes of its answer follow in the frame.
    """

    signal: int
    timed_out: bool
    cpu_seconds: float
    peak_kilobytes: int


def main() -> None:
    """Answer requests until standard input ends. It ends when the function's process ends."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    warnings.simplefilter("ignore")  # a limited process cannot open the source that a warning quotes
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    gc.collect()
    gc.freeze()
    while True:
        try:
            request, length = read_head(requests)
        except EOFError:
            return
        if request["kind"] == "HEIF":
            importlib.import_module("pillow_heif")  # imported once here, because limited processes open no files
        with mmap.mmap(
            -1, max(1, length)
        ) as picture:  # a mapping returns to the operating system, unlike memory of the heap
            if requests.readinto(memoryview(picture)[:length]) < length:
                return
            ends_at = time.monotonic() + request["seconds"]
            pid, reader = _fork(request, picture, length)
        with io.FileIO(reader) as pipe:
            answer, timed_out = _collect(pipe, pid, ends_at)
        _, status, usage = os.wait4(pid, 0)
        ending = Ending(
            signal=os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
            timed_out=timed_out,
            cpu_seconds=usage.ru_utime + usage.ru_stime,
            peak_kilobytes=usage.ru_maxrss // (1 if sys.platform == "linux" else 1024),
        )
        write_frame(answers, asdict(ending), answer)


def _fork(request: dict[str, Any], picture: mmap.mmap, length: int) -> tuple[int, int]:
    """Start a limited process. Returns its id and the pipe on which it answers."""
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            _decode(request, picture, length, writer)
        finally:
            os._exit(1)
    os.close(writer)
    return pid, reader


def _collect(pipe: io.FileIO, pid: int, ends_at: float) -> tuple[bytes, bool]:
    """Return everything that a limited process writes, and True if the process ran out of time."""
    answer = b""
    while True:
        ready, _, _ = select.select([pipe.fileno(), 0], [], [], max(0.0, ends_at - time.monotonic()))
        if (
            0 in ready
        ):  # the input ended, because no request is sent before this one is answered. So the function has ended
            os.kill(pid, signal.SIGKILL)
            sys.exit(0)
        if not ready:
            os.kill(pid, signal.SIGKILL)
            return b"", True
        chunk = pipe.read(CHUNK)
        if not chunk:
            return answer, False
        answer += chunk
        if len(answer) > MAX_ANSWER_BYTES:
            os.kill(pid, signal.SIGKILL)
            return b"", False


def _decode(request: dict[str, Any], picture: mmap.mmap, length: int, writer: int) -> NoReturn:
    """Decode one picture, and exit. The limited process runs this function."""
    content = b""
    try:
        _leave_behind(writer)
        limit_header(length)
        data = picture.read(length)
        picture.close()
        document, content = _answer(request, data)
    except PictureError as error:
        document = {"error": type(error).__name__, "message": str(error)}
    except MemoryError:
        document = {"error": TooLargePictureError.__name__, "message": "the picture takes too much memory to decode"}
    except Exception as error:  # noqa: BLE001 - any failure is an answer
        message = f"the decoder failed: {type(error).__name__}: {error}"
        document = {"error": DecoderFailedError.__name__, "message": message}
    with os.fdopen(writer, "wb") as file:
        write_frame(file, document, content)
    os._exit(0)


def _leave_behind(writer: int) -> None:
    """Close the service's files and clear the environment. The process keeps only the pipe."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in range(STANDARD_FILES):
        os.dup2(nothing, standard)
    os.closerange(STANDARD_FILES, writer)
    os.closerange(writer + 1, max(writer, nothing) + 16)
    os.environ.clear()


def limit_header(length: int) -> None:
    """Limit this process to the memory and time that reading a header takes. Forbid it to open anything.

    The file has `length` bytes.
    """
    _limit_memory(_address_space() + HEADER_COPIES * length + HEADER_MEMORY_BYTES)
    resource.setrlimit(resource.RLIMIT_CPU, (HEADER_CPU_SECONDS, MAX_CPU_SECONDS))
    for limit in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE):
        resource.setrlimit(limit, (0, 0))


def limit_pixels(pixels: int) -> None:
    """Limit this process to the memory and time that decoding the pixels takes."""
    spent = time.process_time()
    seconds = spent + PIXELS_CPU_SECONDS + CPU_SECONDS_PER_MEGAPIXEL * pixels / 1e6
    resource.setrlimit(resource.RLIMIT_CPU, (min(MAX_CPU_SECONDS, round(seconds)), MAX_CPU_SECONDS))
    _limit_memory(MAX_MEMORY_BYTES)


def _limit_memory(size: int) -> None:
    with suppress(ValueError):  # macOS has no limit of address space
        resource.setrlimit(resource.RLIMIT_AS, (min(size, MAX_MEMORY_BYTES), MAX_MEMORY_BYTES))


def _address_space() -> int:
    """Return the size of this process's address space in bytes. Returns 0 on macOS, which has no such limit."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[0]) * mmap.PAGESIZE if statm.exists() else 0


def _answer(request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    kind, max_pixels = request["kind"], request["max_pixels"]
    if request["operation"] == "inspect":
        picture = decoding.inspect(data, kind, max_pixels=max_pixels, begin=limit_pixels)
        return asdict(picture), b""
    form = decoding.FORMS[request["form"]]
    return {}, decoding.convert(data, kind, max_pixels=max_pixels, form=form, begin=limit_pixels)


if __name__ == "__main__":
    main()
