"""Keep items below DynamoDB's size limit."""

import dataclasses
import json
from typing import Any, TypeVar

from common.runtime.recognition_event import shrinking

MAX_ITEM_BYTES = 350_000  # DynamoDB takes 400 KB

T = TypeVar("T")


def fit_into_item(labelled: T) -> T:
    """Return the first version of a dataclass with `labels` that fits into an item.

    `shrinking` yields the versions, each smaller than the previous one. If no version fits, returns the smallest.
    """
    value: Any = labelled
    for value in shrinking(labelled):
        if len(json.dumps(dataclasses.asdict(value)).encode()) <= MAX_ITEM_BYTES:
            break
    return value  # type: ignore[no-any-return]
