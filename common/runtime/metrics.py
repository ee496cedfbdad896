"""Counts metrics in the namespace `Sightline`. They are log lines in CloudWatch's embedded metric format.

Each metric has the function's name as its dimension `service`. Powertools' store is not thread-safe. So threads only
note values, and all values are written at the end of the invocation.
"""

from collections import deque

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

NAMESPACE = "Sightline"

logger = Logger()

Dimensions = tuple[tuple[str, str], ...]

_noted: deque[tuple[Dimensions, str, MetricUnit, float]] = deque()


def count(name: str, value: float = 1, unit: MetricUnit = MetricUnit.Count, **dimensions: str) -> None:
    """Note a value, from any thread. Each combination of dimensions is billed as one metric."""
    _noted.append((tuple(sorted(dimensions.items())), name, unit, value))


def flush() -> None:
    """Write all noted values, with one line for each combination of dimensions. A failure is logged and not raised."""
    written: dict[Dimensions, EphemeralMetrics] = {}
    try:
        while _noted:
            dimensions, name, unit, value = _noted.popleft()
            if dimensions not in written:
                written[dimensions] = EphemeralMetrics(namespace=NAMESPACE)
                for dimension, text in dimensions:
                    written[dimensions].add_dimension(dimension, text)
            written[dimensions].add_metric(name, unit, value)
        for metrics in written.values():
            metrics.flush_metrics()
    except Exception:
        logger.warning("metrics were lost", exc_info=True)
        _noted.clear()
