"""The table in which workers share the state of receivers. It has one item per receiver."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from common.runtime.dynamodb_items import from_attributes, to_attributes
from integration.runtime.webhooks.circuit_breaker import State

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True)
class BreakerTable:
    """The item of one receiver, as a `circuit_breaker.Store`."""

    dynamodb: "DynamoDBClient"
    table: str
    receiver: str

    def read(self) -> State:
        """Return the state as of the last write."""
        answer = self.dynamodb.get_item(TableName=self.table, Key=self._key, ConsistentRead=True)
        return _state(answer.get("Item", {}))

    def failed(self) -> State:
        """Count a failure, and return the new state."""
        _, state = self._update("ADD failures :one", {":one": 1})
        return state

    def open(self, *, retry_at: float, interval: int, seen: float | None) -> tuple[bool, State]:
        """Open the breaker unless another worker changed it since we read it. Returns (opened, state)."""
        values = {":retry_at": retry_at, ":interval": interval}
        condition = "attribute_not_exists(retry_at)"
        if seen is not None:
            condition = "retry_at = :seen"
            values[":seen"] = seen
        change = "SET retry_at = :retry_at, probe_interval = :interval REMOVE probe_until"
        return self._update(change, values, condition)

    def probe(self, *, now: float, until: float) -> tuple[bool, State]:
        """Claim the probe if it is due and no other worker holds it. Returns (claimed, state)."""
        due = "retry_at <= :now AND (attribute_not_exists(probe_until) OR probe_until <= :now)"
        return self._update("SET probe_until = :until", {":now": now, ":until": until}, due)

    def close(self, *, seen: float | None) -> tuple[bool, State]:
        """Forget the state unless another worker changed it since we read it. Returns (closed, state)."""
        request: Any = {"ConditionExpression": "attribute_not_exists(retry_at)"}
        if seen is not None:
            request = {
                "ConditionExpression": "retry_at = :seen",
                "ExpressionAttributeValues": to_attributes({":seen": seen}),
            }
        try:
            self.dynamodb.delete_item(
                TableName=self.table, Key=self._key, ReturnValuesOnConditionCheckFailure="ALL_OLD", **request
            )
        except ClientError as error:
            return False, _refused(error)
        return True, State()

    @property
    def _key(self) -> dict[str, Any]:
        return {"receiver": {"S": self.receiver}}

    def _update(self, change: str, values: dict[str, Any], condition: str | None = None) -> tuple[bool, State]:
        conditional: Any = {}
        if condition:
            conditional = {"ConditionExpression": condition, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        try:
            answer = self.dynamodb.update_item(
                TableName=self.table,
                Key=self._key,
                UpdateExpression=change,
                ExpressionAttributeValues=to_attributes(values),
                ReturnValues="ALL_NEW",
                **conditional,
            )
        except ClientError as error:
            return False, _refused(error)
        return True, _state(answer["Attributes"])


def _refused(error: ClientError) -> State:
    """Return the state that made a conditional write fail. Any other error is raised again."""
    if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
        raise error
    item: Any = error.response.get("Item", {})
    return _state(item)


def _state(item: dict[str, Any]) -> State:
    values = from_attributes(item)
    return State(
        failures=values.get("failures", 0),
        retry_at=values.get("retry_at"),
        probe_until=values.get("probe_until"),
        **({"interval": values["probe_interval"]} if "probe_interval" in values else {}),
    )
