"""Read and write the table `Classifications`: one record for each image."""

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from common.runtime.dynamodb_items import from_attributes, to_attributes
from common.runtime.recognition_event import (
    AbilityResult,
    EventName,
    Failure,
    Label,
    RecognitionEvent,
    abilities_from,
    event_id,
    label_from,
)
from common.runtime.s3_events import UNVERSIONED
from common.runtime.timestamps import next_timestamp
from recognition.runtime.records.item_size import fit_into_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Status = Literal["RECOGNIZED", "FAILED", "DELETED"]

NEWEST_INDEX = "newest"

LISTED = "image"
"""The only partition of the index `newest`. Deleted images are not in it."""

EVENTS: dict[Status, EventName] = {
    "RECOGNIZED": "image.recognized",
    "FAILED": "image.failed",
    "DELETED": "image.deleted",
}


@dataclass(frozen=True, kw_only=True)
class ImageRecord:
    """Rekognition's answer for one image, and the version of the object that it was given for.

    Times are ISO 8601 in UTC. `size` is in bytes. Only deleted images have `expires_at`, in seconds since 1970.

    `sequencer` grows with each record of an image. It is S3's sequencer of the change that stored the record, or comes
    just after that of the previous record. Then `stored_by` is the change's own sequencer.

    `abilities` has the results of abilities, by their names, and is stored only if there are any.

    `content_type` is the type that the picture's first bytes announce. Records of earlier releases have none.
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
    content_type: str | None = None
    stored_by: str | None = None
    abilities: dict[str, AbilityResult] = dataclasses.field(default_factory=dict)

    def describes(self, version_id: str | None) -> bool:
        """Return True if the record is about this version. None stands for an object without a current version."""
        if self.status == "DELETED" or version_id is None:
            return self.status == "DELETED" and version_id is None
        return (self.version_id or UNVERSIONED) == version_id  # records of the first releases have no version id

    def lacks(self, ability: str, sequencer: str) -> bool:
        """Return True if the picture has labels, but no result that the change with this `sequencer` asked for.

        A result from before this change may be a refusal, or may have been read with other options.
        """
        if self.status != "RECOGNIZED":
            return False
        return ability not in self.abilities or not self.is_stored_by(sequencer)

    def following(self, previous: "ImageRecord | None") -> "ImageRecord":
        """Return the record with a sequencer after that of the previous record, and a later time.

        The clocks of workers may differ. Receivers order the events of an image by this time.
        """
        if previous is None:
            return self
        recognized_at = max(self.recognized_at, next_timestamp(previous.recognized_at))
        if self.sequencer > previous.sequencer:
            return dataclasses.replace(self, recognized_at=recognized_at)
        # The next number is still smaller than every later sequencer of S3, because later sequencers differ in the
        # digits before the padding.
        sequencer = f"{int(previous.sequencer, 16) + 1:0{len(previous.sequencer)}X}"
        return dataclasses.replace(self, sequencer=sequencer, stored_by=self.sequencer, recognized_at=recognized_at)

    def is_stored_by(self, sequencer: str) -> bool:
        """Return True if a handler of the change with this sequencer stored the record."""
        return (self.stored_by or self.sequencer) == sequencer

    def event(self) -> RecognitionEvent:
        """Return the event that announces this record. The same record always gives the same event."""
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
            abilities=self.abilities,
        )


@dataclass(frozen=True)
class RecordPage:
    """One page of the list of images, and the key after which the next page begins."""

    entries: list[dict[str, Any]]
    last_key: dict[str, str] | None


@dataclass(frozen=True)
class ImageRecords:
    """The table `Classifications`."""

    dynamodb: "DynamoDBClient"
    table: str

    def get(self, image: str) -> ImageRecord | None:
        """Read the image's record with a consistent read. Deleted images have a record too."""
        answer = self.dynamodb.get_item(TableName=self.table, Key={"image": {"S": image}}, ConsistentRead=True)
        return from_item(answer["Item"]) if "Item" in answer else None

    def replace(self, previous: ImageRecord | None, record: ImageRecord) -> ImageRecord | None:
        """Store the record if the table still holds the previous one. Returns the record that the table then holds."""
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(image)"}
        if previous:
            condition = {
                "ConditionExpression": "sequencer = :previous",
                "ExpressionAttributeValues": {":previous": {"S": previous.sequencer}},
            }
        try:
            self.dynamodb.put_item(
                TableName=self.table,
                Item=to_item(record),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **condition,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            item: Any = error.response.get("Item")
            return from_item(item) if item else None
        return record

    def newest(self, *, limit: int, start: dict[str, str] | None) -> RecordPage:
        """Query the next `limit` images, newest first."""
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
                return RecordPage(entries, from_attributes(last_key) if last_key else None)


def to_item(record: ImageRecord) -> dict[str, Any]:
    """Convert a record to a DynamoDB item.

    If the record is too large for an item, the item has a smaller version (`fit_into_item`).
    """
    values = dataclasses.asdict(fit_into_item(record))
    if not record.abilities:
        del values["abilities"]
    if record.status != "DELETED":
        values |= {"listed": LISTED, "label_names": [label.name for label in record.labels]}
    return to_attributes(values)


def from_item(item: dict[str, Any]) -> ImageRecord:
    """Convert a DynamoDB item to a record."""
    values = from_attributes(item)
    values = {f.name: values[f.name] for f in dataclasses.fields(ImageRecord) if f.name in values}
    values["labels"] = tuple(label_from(label) for label in values["labels"])
    values["abilities"] = abilities_from(values.get("abilities", {}))
    if "failure" in values:
        values["failure"] = Failure(**values["failure"])
    return ImageRecord(**values)
