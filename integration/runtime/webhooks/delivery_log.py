"""The log of deliveries. It has one item per event and receiver, which is kept for 30 days after its last change."""

import time
import zlib
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from common.runtime.dynamodb_items import from_attributes, to_attributes
from common.runtime.recognition_event import RecognitionEvent
from common.runtime.timestamps import now
from integration.runtime.webhooks.receiver_answers import Answer

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Status = Literal["DELIVERED", "WAITING", "DEAD"]
"""The states of a delivery: accepted by the receiver, waiting in the queue, or in the dead-letter queue."""

NEWEST_INDEX = "newest"
IMAGE_INDEX = "image"
LISTED = "delivery"  # the one partition of `newest`, as in the list of images
KEPT_SECONDS = 30 * 24 * 60 * 60

SHOWN = (
    "event_id", "receiver", "image", "event", "status", "attempts", "last_status", "last_answer", "occurred_at",
    "first_attempt_at", "last_attempt_at", "delivered_at",
)  # fmt: skip
"""The members that lists of deliveries show. The indexes contain these members."""


@dataclass(frozen=True)
class Page:
    """A part of a list of deliveries, and the key at which the next part begins."""

    entries: list[dict[str, Any]]
    last_key: dict[str, str] | None


@dataclass(frozen=True)
class Deliveries:
    """The table of deliveries."""

    dynamodb: "DynamoDBClient"
    table: str

    def record(self, event: RecognitionEvent, receiver: str, answer: Answer) -> int:
        """Add an attempt in one write. Returns the number of failed attempts in this round.

        A round ends when the event is delivered or moved to the dead-letter queue. The event is stored as it was first
        sent.
        """
        values: dict[str, Any] = {
            ":now": now(),
            ":status": {"delivered": "DELIVERED", "again": "WAITING", "rejected": "DEAD"}[answer.verdict],
            ":last_answer": str(answer),
            ":one": 1,
            ":zero": 0,
        }
        sets = [
            "first_attempt_at = if_not_exists(first_attempt_at, :now)",
            "last_attempt_at = :now",
            "last_answer = :last_answer",
            "tries = if_not_exists(tries, :zero) + :one" if answer.verdict == "again" else "tries = :zero",
        ]
        change = "ADD attempts :one"
        if answer.status is None:
            change += " REMOVE last_status"
        else:
            sets.append("last_status = :last_status")
            values[":last_status"] = answer.status
        if answer.verdict == "delivered":
            sets.append("delivered_at = :now")
        updated = self.dynamodb.update_item(
            **self._change(event, receiver, sets, values, change), ReturnValues="ALL_NEW"
        )
        return int(updated["Attributes"]["tries"]["N"])

    def wait(self, event: RecognitionEvent, receiver: str) -> None:
        """Mark the delivery of an event as waiting. The number of attempts does not change."""
        values = {":status": "WAITING", ":zero": 0}
        change = self._change(event, receiver, ["attempts = if_not_exists(attempts, :zero)"], values)
        with suppress(self.dynamodb.exceptions.ConditionalCheckFailedException):  # it is WAITING already
            self.dynamodb.update_item(**change, ConditionExpression="NOT #status = :status")

    def _change(
        self, event: RecognitionEvent, receiver: str, sets: list[str], values: dict[str, Any], rest: str = ""
    ) -> Any:
        """Return the arguments of UpdateItem that set `:status`, `sets` and the members of the event."""
        known = {
            ":listed": LISTED,
            ":image": event.image,
            ":event": event.event,
            ":occurred_at": event.occurred_at,
            ":expires_at": int(time.time()) + KEPT_SECONDS,
        }
        sets = [
            "listed = :listed",
            "image = :image",
            "#event = :event",
            "occurred_at = :occurred_at",
            "expires_at = :expires_at",
            "#status = :status",
            "document = if_not_exists(document, :document)",
            *sets,
        ]
        if event.correlation_id:
            sets.append("correlation_id = :correlation_id")
            known[":correlation_id"] = event.correlation_id
        document = {"B": zlib.compress(event.to_json().encode())}
        return {
            "TableName": self.table,
            "Key": _key(event.event_id, receiver),
            "UpdateExpression": f"SET {', '.join(sets)} {rest}",
            "ExpressionAttributeNames": {"#event": "event", "#status": "status"},
            "ExpressionAttributeValues": to_attributes(known | values) | {":document": document},
        }

    def bury(self, event_id: str, receiver: str) -> None:
        """Mark a delivery as dead, and end its round. Does nothing for a document that was never sent."""
        with suppress(self.dynamodb.exceptions.ConditionalCheckFailedException):
            self.dynamodb.update_item(
                TableName=self.table,
                Key=_key(event_id, receiver),
                UpdateExpression="SET #status = :status, tries = :zero",
                ConditionExpression="attribute_exists(event_id)",
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues=to_attributes({":status": "DEAD", ":zero": 0}),
            )

    def documents(self, event_id: str) -> dict[str, str]:
        """Return the documents of an event as they were first sent: receiver -> JSON."""
        answer = self.dynamodb.query(
            TableName=self.table,
            KeyConditionExpression="event_id = :event_id",
            ExpressionAttributeValues={":event_id": {"S": event_id}},
            ConsistentRead=True,
        )
        return {
            item["receiver"]["S"]: zlib.decompress(item["document"]["B"]).decode()
            for item in answer["Items"]
            if int(item["expires_at"]["N"]) > time.time()
        }

    def newest(self, *, image: str | None, limit: int, start: dict[str, str] | None) -> Page:
        """Return the next `limit` deliveries of one image or of all images, newest first. Never scans."""
        index, name, value = (IMAGE_INDEX, "image", image) if image else (NEWEST_INDEX, "listed", LISTED)
        entries: list[dict[str, Any]] = []
        last_key = to_attributes(start) if start else None
        while True:
            answer = self.dynamodb.query(
                TableName=self.table,
                IndexName=index,
                KeyConditionExpression=f"{name} = :value",
                FilterExpression="expires_at > :now",  # DynamoDB takes up to days to delete
                ExpressionAttributeValues=to_attributes({":value": value, ":now": int(time.time())}),
                ScanIndexForward=False,
                Limit=limit - len(entries),
                **({"ExclusiveStartKey": last_key} if last_key else {}),  # type: ignore[arg-type]
            )
            for item in answer["Items"]:
                found = from_attributes(item)
                entries.append({member: found.get(member) for member in SHOWN})
            last_key = answer.get("LastEvaluatedKey")
            if not last_key or len(entries) >= limit:
                return Page(entries, from_attributes(last_key) if last_key else None)


def _key(event_id: str, receiver: str) -> dict[str, Any]:
    return {"event_id": {"S": event_id}, "receiver": {"S": receiver}}
