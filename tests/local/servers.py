"""Run the local Rekognition for tests, and talk to it on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_rekognition import RekognitionClient

PROJECT = Path(__file__).parents[2]
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
SESSION = boto3.Session("test", "test", region_name="us-east-1")
COMMAND = (sys.executable, "-m", "local.rekognition", "--port")


def clean_environment(extra: Mapping[str, str] = {}) -> dict[str, str]:
    """Return the caller's environment without its AWS settings, and with `extra`."""
    return {k: v for k, v in os.environ.items() if not k.startswith("AWS_")} | CREDENTIALS | dict(extra)


@dataclass
class LocalRekognition:
    """A running `python -m local.rekognition`."""

    url: str
    process: subprocess.Popen[str]
    greeting: str

    def client(self, *, validate: bool = True, attempts: int = 1) -> RekognitionClient:
        """Return boto3's client for it. With `validate=False` it sends requests that botocore would refuse."""
        config = Config(parameter_validation=validate, retries={"total_max_attempts": attempts})
        return SESSION.client("rekognition", endpoint_url=self.url, config=config)

    def call(self, operation: str, body: object) -> tuple[int, Mapping[str, str], dict[str, Any]]:
        """Call an operation. Returns status, headers and the whole JSON body: botocore drops unknown members."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.post("/", data, {"X-Amz-Target": f"RekognitionService.{operation}"})

    def post(
        self,
        path: str,
        data: bytes,
        headers: Mapping[str, str] = {},
    ) -> tuple[int, Mapping[str, str], dict[str, Any]]:
        """Send a POST request. Returns status, headers and JSON body."""
        request = urllib.request.Request(self.url + path, data, dict(headers))  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
                return response.status, dict(response.headers), json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), json.load(error)

    def get(self, path: str) -> Any:
        """Return the JSON at a path."""
        with urllib.request.urlopen(self.url + path, timeout=30) as response:  # noqa: S310
            return json.load(response)


@contextmanager
def running(*options: str, environment: Mapping[str, str] = {}, folder: Path = PROJECT) -> Iterator[LocalRekognition]:
    """Run the server of a checkout on a free port. Yields it when it says that it is ready."""
    with TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [*COMMAND, "0", *options],
            cwd=folder,
            env=clean_environment(environment),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        assert process.stdout
        with process:
            greeting = process.stdout.readline()
            if " at http" not in greeting:
                process.kill()
                errors.seek(0)
                raise RuntimeError(f"the server did not start: {greeting}{errors.read()}")
            url = next(word for word in greeting.split() if word.startswith("http"))
            try:
                yield LocalRekognition(url, process, greeting)
            finally:
                process.terminate()
                process.wait(60)
