"""Start the servers that these tests share: the local Rekognition, and an S3 on loopback for its pictures."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from threading import Event
from typing import TYPE_CHECKING

import pytest
from botocore.config import Config

import tests.patient_hypothesis  # noqa: F401 - it changes settings
from tests.local.servers import SESSION, LocalRekognition, clean_environment, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client


@pytest.fixture(scope="session")
def s3_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of ministack's S3."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "TMPDIR": str(tmp_path_factory.mktemp("ministack")),
    }
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen(
        [sys.executable, "-m", "ministack"],
        env=clean_environment(settings),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            _await_answer(f"{url}/_ministack/health", process)
            yield url
        finally:
            process.terminate()


def _await_answer(url: str, process: subprocess.Popen[bytes]) -> None:
    ends_at = time.monotonic() + 60
    while time.monotonic() < ends_at:
        assert process.poll() is None, "ministack did not start"
        try:
            urllib.request.urlopen(url, timeout=60).close()  # noqa: S310 - loopback
        except urllib.error.URLError:
            Event().wait(0.02)
        else:
            return
    raise TimeoutError(url)


@pytest.fixture(scope="session")
def s3(s3_url: str) -> S3Client:
    return SESSION.client("s3", endpoint_url=s3_url, config=Config(s3={"addressing_style": "path"}))


@pytest.fixture(scope="session")
def bucket(s3: S3Client) -> str:
    """A versioned bucket."""
    s3.create_bucket(Bucket="pictures")
    s3.put_bucket_versioning(Bucket="pictures", VersioningConfiguration={"Status": "Enabled"})
    return "pictures"


@pytest.fixture(scope="session")
def rekognition(s3_url: str) -> Iterator[LocalRekognition]:
    """The local Rekognition with its default engines."""
    with running(environment={"AWS_ENDPOINT_URL_S3": s3_url}) as server:
        yield server
