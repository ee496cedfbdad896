"""Fetching the default model: pinned, once, and without waiting for a hub that is not there."""

from __future__ import annotations

import hashlib
import socket
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from local.rekognition import weights
from local.rekognition.weights import MODEL_PINS, REPOSITORY, REVISION, ensure_default_model

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILES = {name: f"the content of {name}".encode() * 1000 for name in MODEL_PINS}


class Hub(ThreadingHTTPServer):
    """Serves FILES at the addresses that the real hub has, and remembers what was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = dict(FILES)
        self.asked: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        name = self.path.removeprefix(f"/{REPOSITORY}/resolve/{REVISION}/")
        self.server.asked.append(name)
        content = self.server.files.get(name)
        self.send_response(404 if content is None else 200)
        self.send_header("content-length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A model hub on loopback whose files are the pinned ones."""
    monkeypatch.setattr(weights, "MODEL_PINS", {n: hashlib.sha256(c).hexdigest() for n, c in FILES.items()})
    with Hub() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        yield server
        server.shutdown()


def files_in(directory: Path) -> dict[str, bytes]:
    return {str(f.relative_to(directory)): f.read_bytes() for f in directory.rglob("*") if f.is_file()}


def test_the_model_is_fetched_once(hub: Hub, tmp_path: Path) -> None:
    lines: list[str] = []
    model = tmp_path / "models" / "default"
    assert ensure_default_model(lines.append, model) == model
    assert files_in(tmp_path / "models") == {f"default/{name}": content for name, content in FILES.items()}
    assert sorted(hub.asked) == sorted(FILES)

    assert ensure_default_model(lines.append, model) == model
    assert len(hub.asked) == len(FILES)
    assert lines == []


def test_files_that_were_put_there_by_hand_are_not_asked_for(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "model.onnx").write_bytes(FILES["onnx/model.onnx"])
    assert ensure_default_model(print, tmp_path) == tmp_path
    assert sorted(hub.asked) == ["config.json", "preprocessor_config.json"]


def test_a_file_that_is_not_the_pinned_one_is_refused_and_nothing_is_kept(hub: Hub, tmp_path: Path) -> None:
    hub.files["onnx/model.onnx"] += b"!"
    lines: list[str] = []
    assert ensure_default_model(lines.append, tmp_path / "default") is None
    assert files_in(tmp_path) == {}
    (line,) = lines
    assert "the onnx/model.onnx that came is not the pinned one; nothing was kept" in line


def test_a_file_that_the_hub_does_not_have_is_named(hub: Hub, tmp_path: Path) -> None:
    del hub.files["onnx/model.onnx"]
    lines: list[str] = []
    assert ensure_default_model(lines.append, tmp_path / "default") is None
    assert files_in(tmp_path) == {}
    assert "404" in lines[0]
    assert "onnx/model.onnx" in lines[0]


@pytest.mark.parametrize("kind", ["closed", "silent"])
def test_a_hub_that_does_not_answer_costs_three_seconds_at_most_and_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1] if kind == "silent" else 9
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{port}")
        lines: list[str] = []
        started = time.monotonic()
        assert ensure_default_model(lines.append, tmp_path / "default") is None
        assert time.monotonic() - started < 3.3
    (line,) = lines
    assert line.startswith(f"No object model: 127.0.0.1:{port} ")
    assert "\n" not in line
    assert "By hand: put config.json" in line
    assert str(tmp_path / "default") in line
