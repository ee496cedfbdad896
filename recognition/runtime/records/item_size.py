"""Keep items below DynamoDB's size limit."""

import dataclasses
import json
from typing import Any, TypeVar

from common.runtime.recognition_event import fitting

MAX_ITEM_BYTES = 350_000  # DynamoDB takes 400 KB

T = TypeVar("T")


def fit_into_item(labelled: T) -> T:
    """Return a dataclass with `labels`, or a smaller version of it that fits into an item (`fitting`)."""
    return fitting(labelled, _item_bytes, MAX_ITEM_BYTES)


def _item_bytes(value: Any) -> int:
    return len(json.dumps(dataclasses.asdict(value)))
