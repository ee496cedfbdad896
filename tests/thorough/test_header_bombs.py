"""A picture with an absurd header is accepted or refused within seconds, and takes little memory."""

import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator

import psutil
import pytest

from common.imaging.frames import write_frame
from tests.conftest import ROOT
from tests.header_bombs import BOMBS, DAMAGED_BOMBS, HARMLESS_BOMBS, processor_seconds

MAX_SECONDS = 5
"""Of the processor. A decoder would take a minute for some bombs, and a busy machine counts more than an idle one."""

MAX_MEGABYTES = 300

FUNCTION = """
import io, sys
import boto3
from api.runtime import get_save_image
from common.imaging import decoder
from common.imaging.frames import read_frame
from common.imaging.pictures import PictureError

boto3.client("s3", region_name="us-east-1")
while True:
    _, body = read_frame(sys.stdin.buffer)
    try:
        decoder.inspect(io.BytesIO(body), max_pixels=60_000_000, seconds=60)
    except PictureError as error:
        print(type(error).__name__, flush=True)
    else:
        print("taken", flush=True)
    del body
"""


def tree_megabytes(root: psutil.Process) -> float:
    total = 0
    for process in [root, *root.children(recursive=True)]:
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total / 1024 / 1024


@pytest.fixture(scope="module")
def function() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has imported the upload API's function."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", FUNCTION], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as process:
        yield process
        process.kill()


@pytest.mark.parametrize(
    ("bombs", "verdict", "name"),
    [
        (bombs, verdict, name)
        for bombs, verdict in (
            (BOMBS, b"TooLargePictureError\n"),
            (DAMAGED_BOMBS, b"DamagedPictureError\n"),
            (HARMLESS_BOMBS, b"taken\n"),
        )
        for name in bombs
    ],
)
def test_an_absurd_header_is_judged_in_seconds_and_megabytes(
    function: subprocess.Popen[bytes], bombs: dict[str, Callable[[], bytes]], verdict: bytes, name: str
) -> None:
    assert function.stdin
    assert function.stdout
    body, peak, process = bombs[name](), 0.0, psutil.Process(function.pid)
    started = processor_seconds(process)
    write_frame(function.stdin, {}, body)
    while not select.select([function.stdout], [], [], 0.005)[0]:
        peak = max(peak, tree_megabytes(process))
    assert function.stdout.readline() == verdict
    assert processor_seconds(process) - started < MAX_SECONDS
    assert peak < MAX_MEGABYTES
