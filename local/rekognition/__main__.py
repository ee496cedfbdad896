"""`python -m local.rekognition`: the local Rekognition as a program."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sys
from pathlib import Path

# The server computes on a thread per core; libraries that add their own threads to that make it
# slower (numpy's BLAS alone doubled the CPU time of a picture). They read this when they are loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import uvicorn

from local.rekognition.engine import BlindEngine, Engine, SeeingEngine
from local.rekognition.onnx_model import ModelError, OnnxModel
from local.rekognition.pictures import PictureSource
from local.rekognition.server import Server
from local.rekognition.weights import WeightsError, ensure_face_weights

STOPS = (signal.SIGTERM, signal.SIGINT)

GRACE = 1
"""Seconds that open calls get to end when the server is told to stop."""


def main(arguments: list[str] | None = None) -> int:
    """Serves until SIGTERM or Ctrl-C; 0 after those, 1 if it could not start."""
    options = _options(arguments)
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    for stop in STOPS:
        signal.signal(stop, lambda *_: sys.exit(0))
    try:
        listener = socket.create_server((options.host, options.port))
        # Connections inherit it. asyncio sets it only on sockets that it made; without it, an answer's
        # body waits up to 40 ms for the client to acknowledge the head (Nagle and delayed ACK).
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        return _failed(f"cannot listen on {options.host}:{options.port}: {os.strerror(error.errno or 0)}")
    try:
        engine = _engine(options)
    except (ModelError, WeightsError) as error:
        return _failed(str(error))
    _serve(engine, listener)
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.rekognition", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True, help="0: any free one; the first line names it")
    parser.add_argument(
        "--model",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="an ONNX classifier or detector to look with as well; may be given several times",
    )
    parser.add_argument(
        "--engine", choices=["local", "blind"], default="local", help="blind: fixed answers, for benchmarks"
    )
    return parser.parse_args(arguments)


def _engine(options: argparse.Namespace) -> Engine:
    if options.engine == "blind":
        return BlindEngine()
    return SeeingEngine(ensure_face_weights(), [OnnxModel(directory) for directory in options.model])


def _serve(engine: Engine, listener: socket.socket) -> None:
    app = Server(engine=engine, source=PictureSource()).app()
    host, port = listener.getsockname()[:2]
    print(f"Rekognition at http://{host}:{port} sees {', '.join(engine.sees)}", flush=True)
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=GRACE)
    # uvicorn raises these signals again once it has stopped, for whoever called it. Here that is the
    # end, at once: an ordinary exit would wait for threads that wait for an S3 which does not answer.
    for stop in STOPS:
        signal.signal(stop, lambda *_: os._exit(0))
    uvicorn.Server(config).run(sockets=[listener])


def _failed(why: str) -> int:
    print(f"error: {why}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
