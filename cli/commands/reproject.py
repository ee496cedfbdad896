"""`sightline reproject`: rebuilds everything that is derived from the records.

Sends the name of every image to the queues of the functions that derive data. With --missing, it also sends a message
to the recognition queue for each object that differs from its record. With --ability, it only sends a message to the
recognition queue for each image that lacks results of abilities.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError

from cli.abilities import asked_of, deployed_abilities
from cli.ability_backlog import AbilityBacklog, BacklogSize
from cli.api_client import CallError, call
from cli.functions import deployed_functions
from cli.options import TargetOption, open_target
from cli.output import confirmed, failing_on, out, plural, progress_bar
from cli.record_differences import Item, RecordComparison, batches, read_records
from cli.s3_notifications import CREATED, notification
from cli.target import MissingOutputError, Target, TargetName
from common.runtime.abilities.asked import AbilityError
from common.runtime.abilities.enabled import enabled_abilities

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

SENDERS = 8
MESSAGES_PER_BATCH = 10  # SendMessageBatch's limit
ITEMS_PER_BATCH = 100  # BatchGetItem's limit
SEND_ATTEMPTS = 3

DOLLARS_PER_MILLION = 29.0
"""The approximate cost of rebuilding a million images; docs/scale.md lists its parts."""


class ReprojectError(RuntimeError):
    """Images could not be read or sent. The message says why."""


@dataclass(frozen=True)
class RebuildResources:
    """The resources that a rebuild reads and writes."""

    records: str
    projections: str
    index_queue: str
    thumbnail_queue: str
    bucket: str
    uploads_queue: str

    @classmethod
    def of(cls, target: Target) -> "RebuildResources":
        """Read the resources from the stacks' outputs."""
        return cls(
            records=target.output("ClassificationsTableName"),
            projections=target.output("ProjectionsTableName"),
            index_queue=target.output("IndexQueueUrl"),
            thumbnail_queue=target.output("ThumbnailQueueUrl"),
            bucket=target.output("ImageBucketName"),
            uploads_queue=target.output("UploadQueueUrl"),
        )


def command(
    missing: Annotated[
        bool,
        typer.Option("--missing", help="Also process objects that differ from their records: new, changed or gone."),
    ] = False,
    ability: Annotated[
        list[str] | None,
        typer.Option(help="Instead, ask for this ability about all pictures that lack it. May be repeated."),
    ] = None,
    again: Annotated[
        bool,
        typer.Option("--again", help="With --ability, also about pictures that have it: its options have changed."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it on AWS without asking.")] = False,
    target: TargetOption = None,
) -> None:
    """Rebuild all data that are derived from the records.

    These are the label index, its counts, the result documents and the thumbnails. With --ability, nothing is rebuilt:
    Rekognition is asked about the pictures that were recognised before the ability was enabled.
    """
    found = open_target(target)
    with failing_on(ReprojectError, AbilityError, CallError):
        if again and not ability:
            raise ReprojectError("--again needs --ability, such as --ability moderation --again")
        try:
            places = RebuildResources.of(found)
            if ability:
                _ask_for_abilities(found, places, asked_of(found, ability), again=again, yes=yes)
                return
            if yes or found.name is TargetName.LOCAL or confirmed(_question(found, places, missing=missing)):
                rebuild(found, places, missing=missing)
        except (BotoCoreError, ClientError, MissingOutputError) as error:
            raise ReprojectError(f"{type(error).__name__}: {error}; the messages that were sent do no harm") from error


def _ask_for_abilities(
    target: Target, places: RebuildResources, names: Sequence[str], *, again: bool, yes: bool
) -> None:
    [worker] = [each for each in deployed_functions(target) if each.module == "recognize_images"]
    enabled = enabled_abilities(worker.variables["ABILITIES"])
    backlog = AbilityBacklog(
        target.client("s3"),
        target.client("dynamodb"),
        places.bucket,
        places.records,
        {name: enabled[name] for name in names},
        again,
    )
    with progress_bar() as progress:
        bar = progress.add_task("records", total=_item_count(target, places.records))
        size = BacklogSize.of(backlog.images(lambda count: progress.advance(bar, count)))
    rates = {each.name: each.calls_per_second for each in deployed_abilities(target)}
    calls = call(target, "GET", f"{target.labels_url}/usage").json()["calls"]
    out.print(
        f"{plural(size.pictures, 'picture')} {'for' if again else 'without'} {' or '.join(names)}: at most "
        f"${size.dollars(calls):,.3f} after this month's calls, and about {size.hours(rates):,.1f} hours. "
        "Stored answers cost nothing. New uploads wait until these pictures are done."
    )
    question = f"Ask Rekognition about them ({target.description})?"
    if size.pictures and (yes or target.name is TargetName.LOCAL or confirmed(question)):
        send_backlog(target.client("sqs"), places, backlog)


def send_backlog(sqs: "SQSClient", places: RebuildResources, backlog: AbilityBacklog) -> int:
    """Send the images that lack abilities to the queue of uploads. Returns the number of images.

    After an interruption, only images whose records still lack an ability are sent again.

    Raises:
        ReprojectError: SQS refused messages.
        BotoCoreError, ClientError: the table or the bucket could not be read.
    """
    with progress_bar() as progress:
        bar = progress.add_task("pictures", total=None)
        messages = (image.notification(places.bucket) for image in backlog.images(lambda _: None))
        sent = send_messages(sqs, {places.uploads_queue: str}, messages, lambda count: progress.advance(bar, count))
    out.print(f"{sent:8,}  pictures sent to the recognition queue; run the command again to see how many are left")
    return sent


def _question(target: Target, places: RebuildResources, *, missing: bool) -> str:
    count = _item_count(target, places.records)
    also = "; each object that differs from its record is recognised, at Rekognition's price" if missing else ""
    cost = f"${count * DOLLARS_PER_MILLION / 1e6:,.2f}"
    return (
        f"Rebuild all data that are derived from about {count:,} images ({target.description}), for about {cost}{also}?"
    )


def _item_count(target: Target, table: str) -> int:
    """Return the approximate number of items of a table. DynamoDB updates it every six hours."""
    return int(target.client("dynamodb").describe_table(TableName=table)["Table"]["ItemCount"])


def rebuild(target: Target, places: RebuildResources, *, missing: bool) -> None:
    """Send the names of all images to the functions that derive data, and print the numbers. See `command`.

    Raises:
        ReprojectError: SQS refused messages.
        BotoCoreError, ClientError: a table or the bucket could not be read.
    """
    dynamodb, sqs = target.client("dynamodb"), target.client("sqs")
    derive = {places.index_queue: _index_message, places.thumbnail_queue: _thumbnail_message(places.bucket)}
    with progress_bar() as progress:
        bar = progress.add_task("images", total=_item_count(target, places.records))

        def advance(count: int) -> None:
            progress.advance(bar, count)

        listed = send_messages(sqs, derive, _listed(dynamodb, places), advance)
        progress.reset(bar, description="index entries without a record", total=None)
        orphans = send_messages(sqs, derive, _orphans(dynamodb, places), advance)
        differing = None
        if missing:
            progress.reset(bar, description="objects that differ from their records", total=None)
            announce = dict.fromkeys((places.uploads_queue, places.thumbnail_queue), str)
            differing = send_messages(sqs, announce, _differences(target, places), advance)
    out.print(f"{listed:8,}  images to rebuild")
    out.print(f"{orphans:8,}  index entries without a record, to remove")
    if differing is not None:
        out.print(f"{differing:8,}  objects that differ from their records, to recognise or remove")


def _differences(target: Target, places: RebuildResources) -> Iterator[str]:
    dynamodb = target.client("dynamodb")
    comparison = RecordComparison(target.client("s3"), dynamodb, places.bucket, places.records)
    yield from comparison.differing_objects()
    yield from comparison.missing_objects(item["image"]["S"] for item in _listed(dynamodb, places))


def _listed(dynamodb: Any, places: RebuildResources) -> Iterator[Item]:
    from recognition.runtime.records.image_records import NEWEST_INDEX

    pages = dynamodb.get_paginator("scan").paginate(
        TableName=places.records, IndexName=NEWEST_INDEX, ProjectionExpression="image, image_id"
    )
    for page in pages:
        yield from page["Items"]


def _orphans(dynamodb: Any, places: RebuildResources) -> Iterator[Item]:
    """Yield the index's state of each image that has no record or is recorded as deleted."""
    pages = dynamodb.get_paginator("scan").paginate(
        TableName=places.projections,
        ProjectionExpression="image, image_id",
        FilterExpression="attribute_not_exists(expires_at)",  # all other images have nothing in the index
        ConsistentRead=True,
    )
    for batch in batches((item for page in pages for item in page["Items"]), ITEMS_PER_BATCH):
        records = read_records(dynamodb, places.records, [item["image"]["S"] for item in batch])
        for item in batch:
            record = records.get(item["image"]["S"])
            if record is None or record["status"]["S"] == "DELETED":
                yield item


def _index_message(item: Item) -> str:
    """Return the message that makes `update_index` rebuild an image."""
    from recognition.runtime.update_index import REPROJECTION

    return json.dumps({"schema": REPROJECTION, "image": item["image"]["S"], "image_id": item["image_id"]["S"]})


def _thumbnail_message(bucket: str) -> Callable[[Item], str]:
    return lambda item: notification(bucket, item["image"]["S"], CREATED, datetime.now(UTC))


def send_messages(
    sqs: "SQSClient",
    messages: Mapping[str, Callable[[Any], str]],
    items: Iterable[Any],
    advance: Callable[[int], None],
) -> int:
    """Send a message about each item to each queue, several batches at the same time. Returns the number of items.

    `messages` maps each queue's URL to the function that makes the queue's message from an item.

    Raises:
        ReprojectError: SQS refused messages.
    """

    def send(batch: tuple[Any, ...]) -> int:
        for queue, message in messages.items():
            _send_batch(sqs, queue, [message(item) for item in batch])
        advance(len(batch))
        return len(batch)

    total = 0
    with ThreadPoolExecutor(SENDERS) as pool:
        # Only a part of the items is read at a time, so that a million items need not fit into memory.
        for window in batches(batches(items, MESSAGES_PER_BATCH), 4 * SENDERS):
            total += sum(pool.map(send, window))
    return total


def _send_batch(sqs: "SQSClient", queue: str, bodies: list[str]) -> None:
    left = {str(number): body for number, body in enumerate(bodies)}
    for _ in range(SEND_ATTEMPTS):
        entries = [{"Id": number, "MessageBody": body} for number, body in left.items()]
        answer = sqs.send_message_batch(QueueUrl=queue, Entries=entries)  # type: ignore[arg-type]
        left = {failure["Id"]: left[failure["Id"]] for failure in answer.get("Failed", [])}
        if not left:
            return
    raise ReprojectError(f"SQS refused {len(left)} messages: {answer['Failed'][0].get('Message')}")
