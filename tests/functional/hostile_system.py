"""The system for tests of hostile URLs and sources: the real handler, real servers, and a canary."""

import json
import re
import threading
from collections.abc import Callable, Iterator

import pytest

from api.runtime import get_save_image
from common.runtime.safe_fetch import transport
from tests.functional.conftest import Answer
from tests.internet import Internet
from tests.source_server import Source, serve

PUBLIC = "93.184.216.34"


@pytest.fixture(scope="module", name="start")
def start_fixture() -> Iterator[Source]:
    """An allowed source. It redirects, and gives bad answers."""
    with serve() as running:
        yield running


@pytest.fixture(scope="module", name="canary")
def canary_fixture() -> Iterator[Source]:
    """A server on loopback that no setting allows, on a port that the settings allow."""
    with serve() as running:
        yield running
    assert running.requests == []


@pytest.fixture(name="internet")
def internet_fixture(monkeypatch: pytest.MonkeyPatch) -> Internet:
    """Names of an attacker. No server listens at the public address."""
    internet = Internet(
        names={
            "localhost": [["127.0.0.1", "::1"]],
            "public.example": [[PUBLIC]],
            "denied.example": [[PUBLIC]],
            "www.denied.example": [[PUBLIC]],
            "other.example": [["8.8.8.8"]],
            "127.0.0.1.nip.io": [["127.0.0.1"]],
            "169-254-169-254.sslip.io": [["169.254.169.254"]],
            "metadata.internal": [["169.254.169.254"]],
            "some.example": [[PUBLIC, "10.0.0.1"]],
            "six.example": [[PUBLIC, "::1"]],
            "mapped.example": [["::ffff:127.0.0.1"]],
            "nat64.example": [["64:ff9b::7f00:1"]],
            "rebinding.example": [[PUBLIC], ["127.0.0.1"]],
        }
    )
    internet.install(monkeypatch)
    return internet


@pytest.fixture(name="ask")
def ask_fixture(
    start: Source, canary: Source, internet: Internet, call: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Answer]:
    """Call the API with this URL. `{start}` and `{port}` stand for the source and the canary's port."""
    monkeypatch.setattr(transport, "MAX_BYTES", 1024 * 1024)
    monkeypatch.setenv("IMAGE_BUCKET", "nothing-is-stored")
    monkeypatch.setenv("MAX_IMAGE_PIXELS", "1000000")
    rules = {
        "source_ports": [80, 443, canary.port],
        "allowed_sources": [],
        "denied_sources": ["denied.example", "*.denied.example", "8.8.0.0/16"],
        "private_sources": [start.host_and_port],
    }
    monkeypatch.setenv("SOURCES", json.dumps(rules))

    def asked(url: str) -> Answer:
        url = url.replace("{start}", start.address).replace("{port}", str(canary.port))
        return call(get_save_image.handler, "GET", "/", query={"url": url, "name": "a.jpg"})

    return asked


def assert_refused(answer: Answer, status: int, code: str, says: str) -> None:
    error = answer.document["error"]
    assert (answer.status, error["code"]) == (status, code), error
    assert re.search(says, error["message"])
    assert "secret" not in error["message"]
    if status != 400:  # which repeats what the caller wrote
        assert not re.search(r"\d+\.\d+\.\d+|::|ffff|localhost|internal", error["message"])


def assert_no_fetch_is_left() -> None:
    """Check that an abandoned fetch has ended, or ends now because its connection is cut."""
    for thread in threading.enumerate():
        if thread.name == "fetch":
            thread.join(60)
            assert not thread.is_alive()
