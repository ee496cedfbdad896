"""Build the networks of the local Rekognition: `python -m local.rekognition.weights`."""

from __future__ import annotations

import sys

from local.rekognition.engines.text import TextEngine
from local.rekognition.sight import default_engines
from local.rekognition.weights.store import ensure_all

ENGINES = (*default_engines(), TextEngine())
EVERY = {weights.kind: weights for engine in ENGINES for weights in engine.weights}.values()

if __name__ == "__main__":
    sys.exit(0 if ensure_all(EVERY, lambda line: print(line, flush=True)) else 1)
