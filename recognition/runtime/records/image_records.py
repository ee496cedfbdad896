"""The table of results: one item per image, as it was last seen."""

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from common.runtime.dynamodb_items import from_attributes, to_attributes
from common.runtime.recognition_event import (
    EventName,
    Failure,
    Label,
    RecognitionEvent,
    event_id,
    label_from,
    without_instances,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Status = Literal["RECOGNIZED", "FAILED", "DELETED"]

NEWEST_INDEX = "newest"
LISTED = "image"  # the one partition of the index; deleted images are not in it
MAX_BYTES = 350_000  # an item may have 400 KB

EVENTS: dict[Status, EventName] = {
    "RECOGNIZED": "image.recognized",
    "FAILED": "image.failed",
    "DELETED": "image.deleted",
}


@dataclass(frozen=True, kw_only=True)
class Classification:
    """What is known of an image: Rekognition's answer to the version that `sequencer` stands for.

    Times are ISO 8601 in UTC, `size` is in bytes, `expires_at` (of the deleted) in seconds since 1970.
    """

    image: str
    image_id: str
    status: Status
    bucket: str
    sequencer: str
    uploaded_at: str
    recognized_at: str
    fingerprint: str
    version_id: str | None = None
    size: int | None = None
    source_url: str | None = None
    model: str | None = None
    labels: tuple[Label, ...] = ()
    failure: Failure | None = None
    truncated: bool = False
    expires_at: int | None = None
    correlation_id: str | None = None

    def event(self) -> RecognitionEvent:
        """The announcement of this state; the same state gives the same announcement."""
        name = EVENTS[self.status]
        return RecognitionEvent(
            event=name,
            event_id=event_id(
                image_id=self.image_id,
                sequencer=self.sequencer,
                event=name,
                fingerprint=self.fingerprint,
                model=self.model,
            ),
            image=self.image,
            image_id=self.image_id,
            bucket=self.bucket,
            version_id=self.version_id,
            source_url=self.source_url,
            occurred_at=self.recognized_at,
            model=self.model,
            labels=self.labels,
            failure=self.failure,
            truncated=self.truncated,
            uploaded_at=self.uploaded_at,
            correlation_id=self.correlation_id,
        )


@dataclass(frozen=True)
class Page:
    """Part of a list, and the key from which it goes on."""

    entries: list[dict[str, Any]]
    last_key: dict[str, str] | None


@dataclass(frozen=True)
class Classifications:
    """The table."""

    dynamodb: "DynamoDBClient"
    table: str

    def get(self, image: str) -> Classification | None:
        """The image's record, deleted or not, as of the last write."""
        answer = self.dynamodb.get_item(TableName=self.table, Key={"image": {"S": image}}, ConsistentRead=True)
        return from_item(answer["Item"]) if "Item" in answer else None

    def put_if_newer(self, record: Classification) -> Classification:
        """Store the record unless a later change of the image is there; what the table then holds.

        One conditional write. A record of the same change stays as it is, so repeating changes nothing.
        """
        try:
            self.dynamodb.put_item(
                TableName=self.table,
                Item=to_item(record),
                ConditionExpression="attribute_not_exists(image) OR sequencer < :sequencer",
                ExpressionAttributeValues={":sequencer": {"S": record.sequencer}},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return from_item(error.response["Item"])  # type: ignore[typeddict-item] # as asked for
        return record

    def newest(self, *, limit: int, start: dict[str, str] | None) -> Page:
        """The next `limit` entries of the list of images, newest first; from the index, never a scan."""
        entries: list[dict[str, Any]] = []
        last_key = to_attributes(start) if start else None
        while True:
            answer = self.dynamodb.query(
                TableName=self.table,
                IndexName=NEWEST_INDEX,
                KeyConditionExpression="listed = :listed",
                ExpressionAttributeValues={":listed": {"S": LISTED}},
                ScanIndexForward=False,
                Limit=limit - len(entries),
                **({"ExclusiveStartKey": last_key} if last_key else {}),  # type: ignore[arg-type]
            )
            entries += [from_attributes(item) for item in answer["Items"]]
            last_key = answer.get("LastEvaluatedKey")
            if not last_key or len(entries) >= limit:
                return Page(entries, from_attributes(last_key) if last_key else None)


def to_item(record: Classification) -> dict[str, Any]:
    """The record as DynamoDB keeps it.

    Boxes are left out, and `truncated` says so, where the item would come near DynamoDB's limit.
    """
    values = dataclasses.asdict(record)
    if len(json.dumps(values).encode()) > MAX_BYTES:
        bare = dataclasses.replace(record, labels=without_instances(record.labels), truncated=True)
        values = dataclasses.asdict(bare)
    if record.status != "DELETED":
        values |= {"listed": LISTED, "label_names": [label.name for label in record.labels]}
    return to_attributes(values)


def from_item(item: dict[str, Any]) -> Classification:
    """The record that an item holds."""
    values = from_attributes(item)
    values = {f.name: values[f.name] for f in dataclasses.fields(Classification) if f.name in values}
    values["labels"] = tuple(label_from(label) for label in values["labels"])
    if "failure" in values:
        values["failure"] = Failure(**values["failure"])
    return Classification(**values)
