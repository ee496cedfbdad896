"""`sightline reproject`: rebuild everything derived from the records.

Sends the name of every image to the queues of `update_index` and `make_renditions`, and the names of objects without a
record to the recognition queue.
"""

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus
from uuid import uuid4

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cli.target import Target, TargetName

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

SENDERS = 8
BATCH = 10  # of SendMessageBatch
KEYS = 100  # of BatchGetItem
NEWEST_INDEX = "newest"
REPROJECTION = "sightline.reprojection/1"
EARLIEST = "0"
"""The sequencer of an object without a record: every real event of that key comes after it."""

COST = 29.0
"""Dollars for a million images, about; docs/scale.md shows of what."""

Item = dict[str, Any]


class ReprojectError(RuntimeError):
    """The images could not be read or sent; the message says why."""


@dataclass(frozen=True)
class Places:
    """Where things are, as the stacks' outputs name them."""

    records: str
    projections: str
    index_queue: str
    thumbnail_queue: str
    bucket: str
    uploads_queue: str


@dataclass
class Summary:
    """How many messages were sent, by what they are about."""

    listed: int = 0
    gone: int = 0
    missing: int = 0


def run(target: Target, *, missing: bool, yes: bool, out: Console, err: Console) -> None:
    """Send every image's name, once agreed to where it costs.

    Raises:
        ReprojectError: AWS refused a call.
    """
    try:
        places = _places(target)
        if not (yes or target.name is TargetName.LOCAL or _agreed(target, places, missing=missing)):
            return
        summary = reproject(target, places, missing=missing, err=err)
    except (BotoCoreError, ClientError, KeyError) as error:
        raise ReprojectError(f"{type(error).__name__}: {error}; what was sent already does no harm") from error
    counts = [(summary.listed, "to be projected again"), (summary.gone, "to be removed from the index: no record")]
    if missing:
        counts.append((summary.missing, "unlike their records, to be recognised or removed"))
    for count, what in counts:
        out.print(f"{count:8,}  {what}")


def _places(target: Target) -> Places:
    api, recognition = target.stacks.outputs("APIStack"), target.stacks.outputs("RekognitionStack")
    return Places(
        records=recognition["ClassificationsTableName"],
        projections=recognition["ProjectionsTableName"],
        index_queue=recognition["IndexQueueUrl"],
        thumbnail_queue=recognition["ThumbnailQueueUrl"],
        bucket=api["ImageBucketName"],
        uploads_queue=api["UploadQueueUrl"],
    )


def _agreed(target: Target, places: Places, *, missing: bool) -> bool:
    count = _size(target, places.records)
    also = "; every object that no record is about is recognised, at Rekognition's price" if missing else ""
    return typer.confirm(
        f"Project about {count:,} images again ({target.place}), for about ${count * COST / 1e6:,.2f}{also}?", err=True
    )


def _size(target: Target, table: str) -> int:
    """About how many items a table has; DynamoDB counts every six hours."""
    return int(target.client("dynamodb").describe_table(TableName=table)["Table"]["ItemCount"])


def reproject(target: Target, places: Places, *, missing: bool, err: Console) -> Summary:
    """Send messages for every image that is listed, that stands in the index without being listed, and, if `missing`,
    for every object of which there is no record, or one of another version.

    Raises:
        ClientError, BotoCoreError: AWS refused a call, or did not answer.
    """
    dynamodb, sqs = target.client("dynamodb"), target.client("sqs")
    summary = Summary()

    def rendering(item: Item) -> str:
        return _notification(places.bucket, item["image"]["S"], datetime.now(UTC))

    def object_as_it_is(version: Item) -> str:
        return _announcement(places.bucket, version)

    derived = {places.index_queue: _wish, places.thumbnail_queue: rendering}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        bar = progress.add_task("listed", total=_size(target, places.records))
        shown = lambda count: progress.advance(bar, count)  # noqa: E731 - it is passed on
        summary.listed = _send(sqs, derived, _listed(dynamodb, places), shown)
        progress.reset(bar, description="in the index alone", total=None)
        summary.gone = _send(sqs, derived, _gone(dynamodb, places), shown)
        if missing:
            progress.reset(bar, description="unlike their records", total=None)
            objects = _unseen(target.client("s3"), dynamodb, places)
            uploaded = dict.fromkeys((places.uploads_queue, places.thumbnail_queue), object_as_it_is)
            summary.missing = _send(sqs, uploaded, objects, shown)
    return summary


def _listed(dynamodb: Any, places: Places) -> Iterator[Item]:
    pages = dynamodb.get_paginator("scan").paginate(
        TableName=places.records, IndexName=NEWEST_INDEX, ProjectionExpression="image, image_id"
    )
    for page in pages:
        yield from page["Items"]


def _gone(dynamodb: Any, places: Places) -> Iterator[Item]:
    """What the index holds of images that have no record any more, or a deleted one."""
    pages = dynamodb.get_paginator("scan").paginate(
        TableName=places.projections,
        ProjectionExpression="image, image_id",
        FilterExpression="attribute_not_exists(expires_at)",  # these have nothing in the index any more
        ConsistentRead=True,
    )
    for batch in _batches((item for page in pages for item in page["Items"]), KEYS):
        records = _records(dynamodb, places.records, [item["image"]["S"] for item in batch])
        for item in batch:
            record = records.get(item["image"]["S"])
            if record is None or record["status"]["S"] == "DELETED":
                yield item


def _records(dynamodb: Any, table: str, images: list[str]) -> dict[str, Item]:
    """State, version and sequencer of those images that have a record."""
    asked: dict[str, Any] = {
        table: {
            "Keys": [{"image": {"S": image}} for image in dict.fromkeys(images)],
            "ProjectionExpression": "image, #status, version_id, sequencer",
            "ExpressionAttributeNames": {"#status": "status"},
            "ConsistentRead": True,
        }
    }
    records: dict[str, Item] = {}
    while asked:
        answer = dynamodb.batch_get_item(RequestItems=asked)
        records |= {item["image"]["S"]: item for item in answer["Responses"].get(table, [])}
        asked = answer.get("UnprocessedKeys", {})
    return records


def _wish(item: Item) -> str:
    """The message that `update_index` reads."""
    return json.dumps({"schema": REPROJECTION, "image": item["image"]["S"], "image_id": item["image_id"]["S"]})


def _unseen(s3: Any, dynamodb: Any, places: Places) -> Iterator[Item]:
    """The current versions, as S3 lists them, of objects of which there is no record, or one of another version; with
    the `sequencer` that their event is to have.

    A record may have become newer than the listing. So S3 is asked again once the record was read: what it says then is
    no older than the record, and a change that it does not know of yet has a later sequencer than the record's next.
    """
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=places.bucket)
    listed = (version for page in pages for version in _versions(page) if version["IsLatest"])
    with ThreadPoolExecutor(max_workers=SENDERS) as pool:
        for batch in _batches(listed, KEYS):
            known = _records(dynamodb, places.records, [version["Key"] for version in batch])
            unlike = [version["Key"] for version in batch if not _is_known(version, known.get(version["Key"]))]
            for version in pool.map(lambda key: _current(s3, places.bucket, key), unlike):
                if version and not _is_known(version, record := known.get(version["Key"])):
                    yield {**version, "sequencer": _next(record["sequencer"]["S"]) if record else EARLIEST}


def _versions(page: Item) -> Iterator[Item]:
    for kind in ("Versions", "DeleteMarkers"):
        for version in page.get(kind, []):
            yield {**version, "deleted": kind == "DeleteMarkers"}


def _current(s3: Any, bucket: str, key: str) -> Item | None:
    """The current version of an object; it is listed before its older ones, and before all keys that begin with its."""
    page = s3.list_object_versions(Bucket=bucket, Prefix=key, MaxKeys=1)
    return next((version for version in _versions(page) if version["Key"] == key), None)


def _is_known(version: Item, record: Item | None) -> bool:
    """Whether the record is about this version."""
    if version["deleted"]:
        return record is None or record["status"]["S"] == "DELETED"
    return record is not None and record.get("version_id", {}).get("S") == version["VersionId"]


def _next(sequencer: str) -> str:
    """Comes after a record's sequencer, and before all that S3 gives out later, as these differ before its padding."""
    return f"{int(sequencer, 16) + 1:0{len(sequencer)}X}"


def _announcement(bucket: str, version: Item) -> str:
    """What S3 would have said of an object when it became what it is."""
    known = {"versionId": version["VersionId"], "sequencer": version["sequencer"]}
    if version["deleted"]:
        event = "ObjectRemoved:DeleteMarkerCreated"
    else:
        event, known["size"] = "ObjectCreated:Put", version["Size"]
    return _notification(bucket, version["Key"], version["LastModified"], event, **known)


def _notification(bucket: str, key: str, moment: datetime, event: str = "ObjectCreated:Put", **known: Any) -> str:
    """What S3 would have said."""
    time = moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    document = {
        "Records": [
            {
                "eventSource": "aws:s3",
                "eventName": event,
                "responseElements": {"x-amz-request-id": f"reproject:{uuid4()}"},
                "eventTime": time,
                "s3": {
                    "bucket": {"name": bucket},
                    "object": {"key": quote_plus(key, safe="/"), "sequencer": EARLIEST, **known},
                },
            }
        ]
    }
    return json.dumps(document)


def _send(
    sqs: "SQSClient", messages: Mapping[str, Callable[[Item], str]], items: Iterable[Item], shown: Callable[[int], None]
) -> int:
    """Send a message about each item to each queue (URL -> what makes the message), several batches at a time; how many
    items."""

    def send(batch: tuple[Item, ...]) -> int:
        for queue, message in messages.items():
            _send_batch(sqs, queue, [message(item) for item in batch])
        shown(len(batch))
        return len(batch)

    total = 0
    with ThreadPoolExecutor(SENDERS) as pool:
        for window in _batches(_batches(items, BATCH), 4 * SENDERS):  # a million items need not be in memory
            total += sum(pool.map(send, window))
    return total


def _send_batch(sqs: "SQSClient", queue: str, bodies: list[str]) -> None:
    left = {str(number): body for number, body in enumerate(bodies)}
    for _ in range(3):
        entries = [{"Id": number, "MessageBody": body} for number, body in left.items()]
        answer = sqs.send_message_batch(QueueUrl=queue, Entries=entries)  # type: ignore[arg-type]
        left = {failure["Id"]: left[failure["Id"]] for failure in answer.get("Failed", [])}
        if not left:
            return
    raise ReprojectError(f"SQS refused {len(left)} messages: {answer['Failed'][0].get('Message')}")


def _batches(entries: Iterable[Any], size: int) -> Iterator[tuple[Any, ...]]:
    entries = iter(entries)
    while batch := tuple(itertools.islice(entries, size)):
        yield batch
