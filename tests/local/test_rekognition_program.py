"""Test `python -m local.rekognition` as a program: it starts, finds its pictures and stops."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
import psutil
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.local.photos import photo
from tests.local.servers import COMMAND, CREDENTIALS, PROJECT, clean_environment, running


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_its_address_and_stops_in_spite_of_an_open_connection(stop: signal.Signals) -> None:
    with running() as server:
        assert server.greeting.startswith("Rekognition at http://127.0.0.1:")
        client = server.client()
        client.detect_labels(Image={"Bytes": photo("coffee.png")})  # leaves a connection open
        server.process.send_signal(stop)
        assert server.process.wait(60) == 0


def test_a_fetch_that_hangs_does_not_hold_up_its_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor(1) as pool:
        s3 = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with running(environment={"AWS_ENDPOINT_URL_S3": s3}) as server:
            call = pool.submit(server.client().detect_labels, Image={"S3Object": {"Bucket": "abc", "Name": "x"}})
            silent.accept()
            server.process.terminate()
            assert server.process.wait(18) == 0  # a fetch may take 20 seconds
        with pytest.raises((BotoCoreError, ClientError)):
            call.result()


def test_an_answer_is_not_held_back_by_the_network_stack() -> None:
    """Nagle's algorithm and delayed acknowledgements would add 40 ms to each answer."""
    with running("--engine", "blind") as server:
        client = server.client()
        took: list[float] = []
        ends_at = time.monotonic() + 30
        while min(took, default=1) > 0.03 and time.monotonic() < ends_at:
            started = time.monotonic()
            client.detect_labels(Image={"Bytes": photo("coffee.png")})
            took.append(time.monotonic() - started)
    assert min(took) <= 0.03


def test_a_taken_port_is_one_line_of_error() -> None:
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


def test_it_is_ready_before_it_opens_networks() -> None:
    """The networks take more than 100 MB. They are opened for the first picture, not at the start."""
    with running() as server:
        assert psutil.Process(server.process.pid).memory_info().rss < 180e6
