"""Build the networks of the local Rekognition: `python -m local.rekognition.weights`."""

from __future__ import annotations

import sys

from local.rekognition.engines import classifier, detector, faces, text
from local.rekognition.weights.store import ensure_all

EVERY = (faces.WEIGHTS, detector.WEIGHTS, classifier.WEIGHTS, text.WEIGHTS)

if __name__ == "__main__":
    sys.exit(0 if ensure_all(EVERY, lambda line: print(line, flush=True)) else 1)
