"""Documents as DynamoDB keeps them: real lists and maps, exact decimals, nothing empty."""

import json
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BATCH = 100  # of BatchGetItem
UNPROCESSED_SECONDS = 0.05


def get_items(dynamodb: "DynamoDBClient", table: str, keys: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The items of those keys that are in the table, in no order, in DynamoDB's notation; a call for each hundred."""
    left = list(keys)
    while left:
        batch, left = left[:BATCH], left[BATCH:]
        answer = dynamodb.batch_get_item(RequestItems={table: {"Keys": batch}})
        yield from answer["Responses"][table]
        if unprocessed := answer.get("UnprocessedKeys", {}).get(table):
            left += unprocessed["Keys"]
            time.sleep(UNPROCESSED_SECONDS)


def to_attributes(document: dict[str, Any]) -> dict[str, Any]:
    """The document's members that are not None, in DynamoDB's notation."""
    # Through JSON, because boto3 takes no floats, and Decimal(str(float)) is what a reader expects to see.
    values = json.loads(json.dumps(document), parse_float=Decimal)
    return {name: TypeSerializer().serialize(value) for name, value in values.items() if value is not None}


def from_attributes(item: dict[str, Any]) -> dict[str, Any]:
    """An item with Python's own numbers."""
    return {name: _plain(TypeDeserializer().deserialize(value)) for name, value in item.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value.as_tuple().exponent == 0 else float(value)
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    return value
