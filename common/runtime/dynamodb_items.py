"""Converts documents to DynamoDB items: lists and maps, exact decimals, no empty values."""

import json
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BATCH = 100  # the limit of BatchGetItem
UNPROCESSED_SECONDS = 0.05


def get_items(
    dynamodb: "DynamoDBClient",
    table: str,
    keys: Sequence[dict[str, Any]],
    *,
    attributes: str | None = None,
    consistent: bool = False,
) -> Iterator[dict[str, Any]]:
    """Yield the existing items with these keys, in any order and in DynamoDB's notation. Makes one call per 100 keys.

    `attributes` is a projection expression. Without it, the items are whole.
    """
    projection = {"ProjectionExpression": attributes} if attributes else {}
    left = list(keys)
    while left:
        batch, left = left[:BATCH], left[BATCH:]
        asked: Any = {"Keys": batch, "ConsistentRead": consistent, **projection}
        answer = dynamodb.batch_get_item(RequestItems={table: asked})
        yield from answer["Responses"][table]
        if unprocessed := answer.get("UnprocessedKeys", {}).get(table):
            left += unprocessed["Keys"]
            time.sleep(UNPROCESSED_SECONDS)


def to_attributes(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document's members that are not None, in DynamoDB's notation."""
    # Convert through JSON, because boto3 refuses floats, and Decimal(str(float)) has the digits that a reader expects.
    values = json.loads(json.dumps(document), parse_float=Decimal)
    return {name: TypeSerializer().serialize(value) for name, value in values.items() if value is not None}


def from_attributes(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item as a document with ints and floats."""
    return {name: _plain(TypeDeserializer().deserialize(value)) for name, value in item.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value.as_tuple().exponent == 0 else float(value)
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    return value
