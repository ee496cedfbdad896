"""Documents as DynamoDB keeps them: real lists and maps, exact decimals, nothing empty."""

import json
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer


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
