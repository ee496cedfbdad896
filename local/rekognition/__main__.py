"""Run the local Rekognition: `python -m local.rekognition`."""

from __future__ import annotations

import argparse
import ctypes
import logging
import os
import signal
import socket
import sys
from pathlib import Path

# The server computes on a thread per core. Libraries that add threads of their own make it slower:
# numpy's BLAS alone doubled the CPU time of a picture. They read these variables when they are loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import uvicorn

from local.rekognition.engines.blind import BlindEngine
from local.rekognition.engines.moderation import WEIGHTS, ModerationEngine
from local.rekognition.engines.onnx_model import ModelError, OnnxModel
from local.rekognition.engines.text import TextEngine
from local.rekognition.operations import Operations
from local.rekognition.pictures import PictureSource
from local.rekognition.server import Server
from local.rekognition.sight import Sight, default_engines
from local.rekognition.weights.store import AGAIN, WeightsError

MALLOC_SETTINGS = {-8: 1, -1: 64 << 20, -3: 32 << 20}
"""Parameters of glibc's mallopt: M_ARENA_MAX, M_TRIM_THRESHOLD, M_MMAP_THRESHOLD. See _save_memory."""

STOPS = (signal.SIGTERM, signal.SIGINT)

GRACE = 1
"""The seconds that open calls may still take after the server gets the signal to stop."""


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C, then return 0. Returns 1 if the server cannot start."""
    options = _options(arguments)
    _save_memory()
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    for stop in STOPS:
        signal.signal(stop, lambda *_: sys.exit(0))
    try:
        listener = socket.create_server((options.host, options.port))
        # Connections inherit this option. asyncio sets the option only on sockets that it creates itself. Without the
        # option, an answer's body waits up to 40 ms until the client acknowledges the head (Nagle and delayed ACK).
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        return _failed(f"cannot listen on {options.host}:{options.port}: {os.strerror(error.errno or 0)}")
    try:
        sight = _sight(options)
        operations = _operations(options, sight)
    except (ModelError, WeightsError) as error:
        return _failed(str(error))
    _serve(sight, operations, listener)
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.rekognition", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument(
        "--port", type=int, required=True, help="0 takes a free port, which the first line of the output names"
    )
    parser.add_argument(
        "--model",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="an ONNX classifier or detector, in place of the default one; may be given several times",
    )
    parser.add_argument(
        "--moderation", action="store_true", help="answer DetectModerationLabels with a network of unknown recall"
    )
    parser.add_argument(
        "--engine", choices=["local", "blind"], default="local", help="blind gives fixed answers, for benchmarks"
    )
    return parser.parse_args(arguments)


def _save_memory() -> None:
    """Make glibc return freed memory.

    The process then has 317 MB instead of 345 MB after some photos, and 337 MB instead of 574 MB after reading text.
    """
    if set_option := getattr(ctypes.CDLL(None), "mallopt", None):
        for option, value in MALLOC_SETTINGS.items():
            set_option(option, value)


def _sight(options: argparse.Namespace) -> Sight:
    if options.engine == "blind":
        return Sight([BlindEngine()])
    return Sight(default_engines([OnnxModel(directory) for directory in options.model]))


def _operations(options: argparse.Namespace, sight: Sight) -> Operations:
    if options.moderation:
        WEIGHTS.ensure()
    return Operations(
        sight,
        text=TextEngine() if options.engine == "local" else None,
        moderation=ModerationEngine() if options.moderation else None,
    )


def _serve(sight: Sight, operations: Operations, listener: socket.socket) -> None:
    app = Server(sight=sight, operations=operations, source=PictureSource()).app()
    host, port = listener.getsockname()[:2]
    if sight.missing:
        print(f"missing: {', '.join(sight.missing)}; to build them: {AGAIN}", file=sys.stderr)
    networks = [
        f"{engine.name}: {weights.name}; {weights.licence}; {weights.source}"
        for engine in (*sight.engines, *operations.further_engines)
        for weights in engine.weights
    ]
    first = f"Rekognition at http://{host}:{port} sees {', '.join(sight.describe()['sees'])}"
    print("\n".join([first, *networks]), flush=True)
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=GRACE)
    # uvicorn raises these signals again once it has stopped. The process ends at once then: an ordinary
    # exit would wait for threads that wait for an S3 that does not answer.
    for stop in STOPS:
        signal.signal(stop, lambda *_: os._exit(0))
    uvicorn.Server(config).run(sockets=[listener])


def _failed(why: str) -> int:
    print(f"error: {why}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
