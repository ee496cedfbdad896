"""Keep items below DynamoDB's size limit."""

import dataclasses
import json
from typing import Any, TypeVar

from common.runtime.recognition_event import without_instances

MAX_ITEM_BYTES = 350_000  # DynamoDB takes 400 KB

T = TypeVar("T")


def fit_into_item(labelled: T) -> T:
    """Return a dataclass with `labels` itself if it fits, otherwise one without instances and with `truncated`."""
    value: Any = labelled
    if len(json.dumps(dataclasses.asdict(value)).encode()) > MAX_ITEM_BYTES:
        value = dataclasses.replace(value, labels=without_instances(value.labels), truncated=True)
    return value  # type: ignore[no-any-return]
