"""How many pictures a second the local Rekognition looks at, and what that costs: `python benchmarks/rekognition.py`.

Runs the server as it comes, and with a stand-in for its default model, each with 1, 2 and 4 clients that
send real photographs with boto3 from this same machine. Prints JSON.

The stand-in is no trained model: it is a graph with D-FINE-N's inputs and outputs, its number of parameters
(3.8 million) and random weights. What it says means nothing; what it costs is right: 49 ms on a core where
D-FINE-N, exported from transformers with random weights as well, takes 53 ms.
"""

from __future__ import annotations

import argparse
import itertools
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import numpy as np
import onnx
import psutil
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).parents[1]
CLIENTS = (1, 2, 4)
QUERIES, CLASSES, WIDTH = 300, 80, 256


class StandIn:
    """Writes a detector with random weights as an ONNX directory."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(0)
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []

    def write(self, directory: Path) -> Path:
        """The directory, with all that the server needs."""
        graph = self._graph()
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model)
        (directory / "onnx").mkdir(parents=True)
        onnx.save(model, directory / "onnx" / "model.onnx")
        config = {"model_type": "d_fine", "id2label": {n: f"nonsense {n}" for n in range(CLASSES)}}
        (directory / "config.json").write_text(json.dumps(config))
        (directory / "preprocessor_config.json").write_text(
            json.dumps({"size": {"height": 640, "width": 640}, "do_rescale": True, "do_normalize": False})
        )
        return directory

    def _graph(self) -> onnx.GraphProto:
        """Convolutions down to 20 x 20 cells, then queries that attend to the cells, as detectors of this kind do."""
        x = "pixel_values"
        for channels_in, channels, stride in (
            (3, 16, 2), (16, 32, 2), *[(32, 32, 1)] * 6, (32, 64, 2), *[(64, 64, 1)] * 6,
            (64, 128, 2), *[(128, 128, 1)] * 5, (128, 256, 2), *[(256, 256, 1)] * 3,
        ):  # fmt: skip
            x = self._convolution(x, channels_in, channels, stride)
        x = self._node("Reshape", x, self._constant(np.array([1, WIDTH, 400])))
        memory = self._node("Transpose", x, perm=[0, 2, 1])
        queries = self._constant(self._random.normal(size=(1, QUERIES, WIDTH)).astype(np.float32))
        for _ in range(2):
            queries = self._attention(queries, memory)
        self._nodes.append(helper.make_node("Identity", [self._linear(queries, CLASSES)], ["logits"]))
        self._nodes.append(helper.make_node("Sigmoid", [self._linear(queries, 4)], ["pred_boxes"]))
        return helper.make_graph(
            self._nodes,
            "stand-in",
            [helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, [1, 3, 640, 640])],
            [
                helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, QUERIES, CLASSES]),
                helper.make_tensor_value_info("pred_boxes", TensorProto.FLOAT, [1, QUERIES, 4]),
            ],
            self._weights,
        )

    def _convolution(self, x: str, channels_in: int, channels: int, stride: int) -> str:
        kernel = self._matrix((channels, channels_in, 3, 3), channels_in * 9)
        y = self._node("Conv", x, kernel, kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[stride, stride])
        return self._node("Relu", y)

    def _attention(self, queries: str, memory: str) -> str:
        asked, offered = self._linear(queries, WIDTH), self._linear(memory, WIDTH)
        likeness = self._node("MatMul", asked, self._node("Transpose", offered, perm=[0, 2, 1]))
        found = self._node("MatMul", self._node("Softmax", likeness, axis=-1), self._linear(memory, WIDTH))
        return self._node("Add", queries, self._linear(found, WIDTH))

    def _linear(self, x: str, width: int) -> str:
        return self._node("MatMul", x, self._matrix((WIDTH, width), WIDTH))

    def _matrix(self, shape: tuple[int, ...], inputs: int) -> str:
        return self._constant(self._random.normal(0, (2 / inputs) ** 0.5, shape).astype(np.float32))

    def _constant(self, value: np.ndarray) -> str:
        name = f"w{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(value, name))
        return name

    def _node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"x{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name


def photographs() -> list[bytes]:
    """The photographs that scikit-image and scikit-learn bring along, as files."""
    folders = {"skimage": "data", "sklearn": "datasets/images"}
    specs = {package: find_spec(package) for package in folders}
    roots = [Path(spec.origin).parent / folders[name] for name, spec in specs.items() if spec and spec.origin]
    return [file.read_bytes() for root in roots for file in sorted(root.iterdir()) if file.suffix in (".jpg", ".png")]


@contextmanager
def running(*options: str) -> Iterator[tuple[str, psutil.Process]]:
    """The server on a free port: its address and its process."""
    command = [sys.executable, "-m", "local.rekognition", "--port", "0", *options]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 - own module
        try:
            line = server.stdout.readline() if server.stdout else ""
            yield next(word for word in line.split() if word.startswith("http")), psutil.Process(server.pid)
        finally:
            server.terminate()


def measure(url: str, server: psutil.Process, pictures: list[bytes], *, clients: int, seconds: float) -> dict[str, Any]:
    """Pictures a second, their latency and cost, while so many clients send as fast as they are answered."""
    session = boto3.Session("test", "test", region_name="us-east-1")
    rekognition = session.client("rekognition", endpoint_url=url)
    rekognition.detect_labels(Image={"Bytes": pictures[0]})
    turns = itertools.count()
    before, started = sum(server.cpu_times()[:2]), time.perf_counter()

    def send(_: int) -> list[float]:
        took = []
        while (now := time.perf_counter()) < started + seconds:
            rekognition.detect_labels(Image={"Bytes": pictures[next(turns) % len(pictures)]})
            took.append(time.perf_counter() - now)
        return took

    with ThreadPoolExecutor(clients) as pool:
        latencies = [one for many in pool.map(send, range(clients)) for one in many]
    elapsed, cpu = time.perf_counter() - started, sum(server.cpu_times()[:2]) - before
    return {
        "clients": clients,
        "images_per_second": round(len(latencies) / elapsed, 1),
        "p50_ms": round(1000 * statistics.median(latencies)),
        "p95_ms": round(1000 * statistics.quantiles(latencies, n=20)[-1]),
        "server_cpu_ms_per_image": round(1000 * cpu / len(latencies)),
        "server_rss_mb": round(server.memory_info().rss / 2**20),
    }


def main() -> int:
    """Measures both configurations and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=10, help="for each number of clients")
    seconds = parser.parse_args().seconds
    pictures, rows = photographs(), []
    with tempfile.TemporaryDirectory() as folder:
        stand_in = StandIn().write(Path(folder) / "stand-in")
        for name, options in (("faces and codes", ()), ("and a D-FINE-N stand-in", ("--model", str(stand_in)))):
            with running(*options) as (url, server):
                for clients in CLIENTS:
                    row = measure(url, server, pictures, clients=clients, seconds=seconds)
                    rows.append({"looks_with": name, **row})
    machine = {"cores": psutil.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    print(
        json.dumps({"benchmark": "local rekognition", **machine, "photographs": len(pictures), "runs": rows}, indent=2)
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
