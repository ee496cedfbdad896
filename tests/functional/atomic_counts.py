"""Counts in moto as DynamoDB keeps them."""

import threading
from typing import Any

import boto3


class Atomic:
    """DynamoDB handles an item's writes one after the other; moto's threads lose some."""

    def __init__(self) -> None:
        self._client = boto3.client("dynamodb")
        self._lock = threading.Lock()

    def update_item(self, **request: Any) -> Any:
        with self._lock:
            return self._client.update_item(**request)
