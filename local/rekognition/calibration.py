"""Turn a network's score into a confidence: the share of such claims that are right.

A score is not a probability that holds for other pictures than the network's own training set. Each
engine has a `Calibration`, fitted to the photos of benchmarks/photos.csv that thresholds may be chosen
by. `make bench-sight OPTIONS=--fit` prints the fits, and the check on photos that were not used.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

REPORTED = 75.0
"""A label with a smaller confidence (percent) is not reported: precision matters more than coverage."""

CERTAIN = 99.0
"""No confidence is higher: some hundred photos cannot prove more."""


@dataclass(frozen=True)
class Calibration:
    """A logistic curve (Platt scaling) over the logarithm of the score's odds."""

    slope: float
    offset: float

    def percent(self, score: float) -> float:
        """Return the confidence for a score in 0..1, both ends included."""
        inside = min(max(score, 1e-6), 1 - 1e-6)
        odds = self.slope * math.log(inside / (1 - inside)) + self.offset
        return min(CERTAIN, 100 / (1 + math.exp(-odds)))
