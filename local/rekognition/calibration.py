"""Turn a network's score into a confidence. The confidence is the share of results with this score that are right.

A network's score is a probability only for pictures like its training set. Each engine has a
`Calibration`. It is fitted to those photos of benchmarks/photos.csv that may be used to choose thresholds.
`make bench-sight OPTIONS=--fit` prints the fits, and checks them on photos that were not used for fitting.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

REPORTED = 75.0
"""A label with a smaller confidence (percent) is not reported: precision matters more than coverage."""

CERTAIN = 99.0
"""The highest confidence. A few hundred photos cannot prove a higher one."""


@dataclass(frozen=True)
class Calibration:
    """A logistic curve (Platt scaling). Its variable is the logarithm of the score's odds."""

    slope: float
    offset: float

    def percent(self, score: float) -> float:
        """Return the confidence for a score in 0..1, both ends included."""
        inside = min(max(score, 1e-6), 1 - 1e-6)
        odds = self.slope * math.log(inside / (1 - inside)) + self.offset
        return min(CERTAIN, 100 / (1 + math.exp(-odds)))
