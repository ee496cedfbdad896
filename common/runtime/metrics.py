"""What the functions count: metrics in the namespace `Sightline`, as lines of the log in CloudWatch's embedded format.

Each has the function's name as dimension `service`. Powertools' own store is not made for threads, so these only note
what they count, and all of it is written where the invocation ends.
"""

from collections import deque

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

NAMESPACE = "Sightline"

logger = Logger()

Dimensions = tuple[tuple[str, str], ...]

_noted: deque[tuple[Dimensions, str, MetricUnit, float]] = deque()


def count(name: str, value: float = 1, unit: MetricUnit = MetricUnit.Count, **dimensions: str) -> None:
    """Note a value, from any thread. Each combination of dimensions is a metric of its own, and is paid for as one."""
    _noted.append((tuple(sorted(dimensions.items())), name, unit, value))


def flush() -> None:
    """Write what was noted, one line for all metrics of the same dimensions. If that fails nothing else does."""
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
