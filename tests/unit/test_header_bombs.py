"""An absurd header is refused within seconds, and takes a function little memory."""

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from common.imaging.frames import write_frame
from tests.conftest import ROOT
from tests.header_bombs import BOMBS

MAX_SECONDS = 5
MAX_MEGABYTES = 300

FUNCTION = """
import io, sys
import boto3
from api.runtime import get_save_image
from common.imaging import decoder
from common.imaging.frames import read_frame
from common.imaging.pictures import TooLargePictureError

boto3.client("s3", region_name="us-east-1")
while True:
    _, body = read_frame(sys.stdin.buffer)
    try:
        decoder.inspect(io.BytesIO(body), max_pixels=60_000_000, seconds=8)
    except TooLargePictureError as error:
        print("refused:", error, flush=True)
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


@pytest.mark.parametrize("name", BOMBS)
def test_an_absurd_header_is_refused_in_seconds_and_megabytes(function: subprocess.Popen[bytes], name: str) -> None:
    assert function.stdin
    assert function.stdout
    body, peak, process = BOMBS[name](), 0.0, psutil.Process(function.pid)
    started = time.monotonic()
    write_frame(function.stdin, {}, body)
    while not select.select([function.stdout], [], [], 0.005)[0]:
        peak = max(peak, tree_megabytes(process))
        assert time.monotonic() - started < MAX_SECONDS
    assert b"refused: the picture has more than" in function.stdout.readline()
    assert peak < MAX_MEGABYTES
