"""Estimates the monthly bill from list prices and settings: for pictures, by service, and for an idle deployment.

Each picture is new and comes by URL through the API, which is the most expensive way. It gets as many labels as the
settings allow. Every receiver accepts its result at the first attempt. The cost of reading is not included.
docs/scale.md has the cost of reading one page.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cli.cost import abilities
from cli.cost.line import BACKUPS, GB, STORAGE, Line, write_units
from cli.cost.list_prices import (
    ALARM_MONTH,
    API_REQUEST,
    DASHBOARD_MONTH,
    DYNAMODB_BACKUP_GB_MONTH,
    DYNAMODB_GB_MONTH,
    DYNAMODB_READ_UNIT,
    DYNAMODB_WRITE_UNIT,
    LAMBDA_GB_SECOND,
    LAMBDA_INVOCATION,
    LOG_GB_INGESTED,
    LOG_GB_MONTH,
    METRIC_MONTH,
    S3_GB_MONTH,
    S3_GET,
    S3_PUT,
    SECRET_MONTH,
    SNS_EMAIL,
    SNS_FILTERED_GB,
    SNS_PUBLISH,
    SQS_REQUEST,
    XRAY_TRACE,
)

if TYPE_CHECKING:
    from common.settings import Settings

HOURS_PER_MONTH = 730  # AWS's own figure
DAYS_PER_MONTH = 30

SERVICES = ["Rekognition", "Lambda", "S3", "DynamoDB", "SNS", "SQS", "API Gateway", "CloudWatch", "X-Ray",
            "Secrets Manager"]  # fmt: skip
"""The services, in the order in which the bill lists them."""


@dataclass(frozen=True, kw_only=True)
class Function:
    """A function's work for one picture, as `make bench-cost` measures it.

    The measurement runs on two idle x86 cores. Each call to Rekognition takes 250 ms.
    """

    memory_mb: int
    invocations: float
    billed_ms: float
    log_bytes: int


UPLOAD = Function(memory_mb=1769, invocations=1, billed_ms=116.2, log_bytes=1003)
RECOGNITION = Function(memory_mb=1769, invocations=0.14, billed_ms=143.2, log_bytes=760)
# The time is that of `python -m benchmarks.conversion --form thumbnail --megapixels 2`: a JPEG of 300 kB. The other
# figures are assumed to be those of recognition.
THUMBNAILS = Function(memory_mb=1769, invocations=0.14, billed_ms=230, log_bytes=760)
INDEX = Function(memory_mb=512, invocations=0.227, billed_ms=89.9, log_bytes=665)
DELIVERY = Function(memory_mb=512, invocations=0.3, billed_ms=38, log_bytes=853)
MAIL = Function(memory_mb=512, invocations=0.317, billed_ms=32, log_bytes=739)
BUDGET = Function(memory_mb=512, invocations=1, billed_ms=58.6, log_bytes=256)
"""The work of one budget check. The check runs once a minute, even if there are no pictures."""
BUDGET_READS = 2  # the month, and the mark of a pause
BUDGET_METRICS = 3

NAMES_PER_LABEL = 1.5
"""Index entries for each label: its name, and the parents and aliases that no other label of the picture has."""

LABEL_BYTES = 250
"""The size of a label with its box in a record. The size is similar in Rekognition's answer and in the event."""

INDEX_ENTRY_BYTES = 750
THUMBNAIL_BYTES = 39_000
DELIVERY_BYTES = 1800
"""The size of an entry of the delivery log: the entry with its compressed event, and its copies in two indexes."""

TRACED_SHARE = 0.05
"""X-Ray's default rule traces the first request of each second and this share of the others."""

POLLERS = 5
POLL_SECONDS = 20
"""Lambda always has this many long polls open on each queue, even if the queue is empty.

Lambda uses fewer long polls only if MaximumConcurrency is not set:
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
"""

IMAGES_PER_MAIL = 100

FILTERS = 2
"""The number of subscriptions with a filter: one for the queue of uploads, one for the queue of removals.

SNS reads each message for both filters.
"""

NOTIFICATION_BYTES = 1000
"""The size of an S3 notification, rounded up."""


def bill(images: int, image_bytes: int, settings: "Settings") -> list[Line]:
    """Return the lines of one month with this number of pictures. The lines of the idle deployment are included."""
    lines = [*abilities.rekognition(images, settings), *_lambda(images, settings), *_s3(images, image_bytes, settings),
             *_dynamodb(images, settings), *_messages(images, settings), *_other_services(images, settings),
             *abilities.other_services(images, settings), *idle_bill(settings)]  # fmt: skip
    return sorted(lines, key=lambda line: SERVICES.index(line.service))


def idle_bill(settings: "Settings") -> list[Line]:
    """Return the lines of one month without pictures."""
    queues, receivers = _queue_count(settings), len(settings.third_parties)
    polls = queues * POLLERS * HOURS_PER_MONTH * 3600 / POLL_SECONDS
    alarms, dashboards = _alarm_count(settings), 3 * (settings.monitoring == "full")
    lines = [
        *_budget_checks(settings),
        Line("SQS", f"polls of {queues} empty queues", polls, "requests", polls * SQS_REQUEST),
        Line("CloudWatch", "alarms", alarms, "alarms", alarms * ALARM_MONTH),
        Line("CloudWatch", "dashboards", dashboards, "dashboards", dashboards * DASHBOARD_MONTH),
        Line("Secrets Manager", "signing secrets", receivers, "secrets", receivers * SECRET_MONTH),
    ]
    return [line for line in lines if line.count]


def _budget_checks(settings: "Settings") -> Iterator[Line]:
    """Yield the cost of checking the budget once a minute."""
    checks = HOURS_PER_MONTH * 60
    seconds = checks * BUDGET.billed_ms / 1000 * BUDGET.memory_mb / 1024
    yield Line("Lambda", "budget checks", seconds, "GB s", seconds * LAMBDA_GB_SECOND[settings.architecture])
    yield Line("Lambda", "budget invocations", checks, "requests", checks * LAMBDA_INVOCATION)
    reads = BUDGET_READS * checks
    yield Line("DynamoDB", "budget reads", reads, "read units", reads * DYNAMODB_READ_UNIT)
    logged = checks * BUDGET.log_bytes / GB
    price = LOG_GB_INGESTED + LOG_GB_MONTH * settings.log_retention_days / DAYS_PER_MONTH
    yield Line("CloudWatch", "budget logs", logged, "GB of logs", logged * price)
    metrics = BUDGET_METRICS if settings.watches_budget else 0
    yield Line("CloudWatch", "budget metrics", metrics, "metrics", metrics * METRIC_MONTH)


def _queue_count(settings: "Settings") -> int:
    """Count the queues: uploads, removals, thumbnails, index, manifests, lines, one per receiver, and e-mails."""
    return 6 + len(settings.third_parties) + bool(settings.notify_email)


def _alarm_count(settings: "Settings") -> int:
    """Count the alarms that common/infrastructure/monitoring.py and the stacks create."""
    if settings.monitoring == "none":
        return 0
    queues, apis = _queue_count(settings), 3
    enabled = len(settings.ability_options)
    workers = queues - 1  # uploads and removals have the same
    functions = workers + 4 + (settings.auth != "iam")  # those of the APIs, the budget and the gallery
    essential = 2 * queues + len(settings.third_parties) + 1 + 2 * settings.watches_budget
    return essential + (2 * functions + workers + 2 * apis + 2 + enabled) * (settings.monitoring == "full")


def _functions(settings: "Settings") -> dict[str, tuple[Function, int]]:
    """Return each function's work for a picture, with the number of functions that do the same work."""
    found = {
        "fetch and store": (UPLOAD, 1),
        "recognise": (RECOGNITION, 1),
        "make thumbnails": (THUMBNAILS, 1),
        "index and results": (INDEX, 1),
        "deliver": (DELIVERY, len(settings.third_parties)),
    }
    return found | ({"send e-mails": (MAIL, 1)} if settings.notify_email else {})


def _lambda(images: int, settings: "Settings") -> Iterator[Line]:
    invocations = 0.0
    price = LAMBDA_GB_SECOND[settings.architecture]
    for item, (function, number) in _functions(settings).items():
        seconds = images * number * function.billed_ms / 1000 * function.memory_mb / 1024
        invocations += images * number * function.invocations
        yield Line("Lambda", f"{item}, {function.memory_mb} MB", seconds, "GB s", seconds * price)
    yield Line("Lambda", "invocations", invocations, "requests", invocations * LAMBDA_INVOCATION)


def _label_bytes(settings: "Settings") -> int:
    """Return the size of all labels of a picture, as its record or its result document holds them."""
    return LABEL_BYTES * settings.max_labels


def _s3(images: int, image_bytes: int, settings: "Settings") -> Iterator[Line]:
    # The picture, its thumbnail and its result document.
    yield Line("S3", "PUT, 3 objects a picture", 3 * images, "requests", 3 * images * S3_PUT)
    # The worker, Rekognition and the thumbnail function GET the picture. The worker HEADs the picture after it has
    # stored the record. The thumbnail function HEADs the picture before and after its work, and HEADs the rendition.
    yield Line("S3", "GET and HEAD, 7 a picture", 7 * images, "requests", 7 * images * S3_GET)
    stored = images * (image_bytes + _label_bytes(settings) + THUMBNAIL_BYTES) / GB
    yield Line("S3", STORAGE, stored, "GB months", stored * S3_GB_MONTH)


def _dynamodb(images: int, settings: "Settings") -> Iterator[Line]:
    labels = _label_bytes(settings)
    record = 700 + labels
    names = round(NAMES_PER_LABEL * settings.max_labels)
    receivers = len(settings.third_parties)
    writes = {
        "record": write_units(record) + 1,  # and its entry in the list
        "paid answer, usage": 2 + write_units(labels),  # claimed, counted, stored
        f"index: {names} entries, {names} counts": 2 * (2 * names + 1),  # in a transaction
        "rendition index": 2,  # removed and written
        "deliveries": 3 * receivers,  # the log and its two lists
    }
    for item, units in writes.items():
        yield Line("DynamoDB", item, units * images, "write units", units * images * DYNAMODB_WRITE_UNIT)
    reads = (3 + receivers) * images  # the record twice, the projection; the breakers, at most each time
    yield Line("DynamoDB", "record, projection, breakers", reads, "read units", reads * DYNAMODB_READ_UNIT)
    backed_up = images * (record + 500 + labels) / GB
    stored = backed_up + images * (names * INDEX_ENTRY_BYTES + 1000) / GB
    yield Line("DynamoDB", STORAGE, stored, "GB months", stored * DYNAMODB_GB_MONTH)
    yield Line("DynamoDB", BACKUPS, backed_up, "GB months", backed_up * DYNAMODB_BACKUP_GB_MONTH)
    logged = images * receivers * DELIVERY_BYTES / GB
    price = DYNAMODB_GB_MONTH + DYNAMODB_BACKUP_GB_MONTH
    yield Line("DynamoDB", f"deliveries, for {DAYS_PER_MONTH} days", logged, "GB months", logged * price)


def _messages(images: int, settings: "Settings") -> Iterator[Line]:
    yield Line("SNS", "uploads and results", 2 * images, "messages", 2 * images * SNS_PUBLISH)
    if settings.notify_email:
        sent = images / IMAGES_PER_MAIL
        yield Line("SNS", f"e-mails of {IMAGES_PER_MAIL} images each", sent, "mails", sent * SNS_EMAIL)
    scanned = FILTERS * images * NOTIFICATION_BYTES / GB
    yield Line("SNS", f"{FILTERS} filters of uploads", scanned, "GB", scanned * SNS_FILTERED_GB)
    queues = _queue_count(settings) - 3  # without those of removals and of manifests
    requests = 3 * queues * images  # send, receive, delete; at most, as batches share the last two
    yield Line("SQS", f"messages in {queues} queues", requests, "requests", requests * SQS_REQUEST)


def _other_services(images: int, settings: "Settings") -> Iterator[Line]:
    yield Line("API Gateway", "uploads", images, "requests", images * API_REQUEST)
    logged = images * sum(function.log_bytes * number for function, number in _functions(settings).values()) / GB
    yield Line("CloudWatch", "logs, ingested", logged, "GB", logged * LOG_GB_INGESTED)
    days = settings.log_retention_days
    kept = logged * days / DAYS_PER_MONTH
    yield Line("CloudWatch", f"logs, for {days} days", kept, "GB months", kept * LOG_GB_MONTH)
    # Some metrics exist for each receiver, outcome or code.
    metrics = 13 + 4 * len(settings.third_parties) + bool(settings.notify_email)
    yield Line("CloudWatch", "custom metrics", metrics, "metrics", metrics * METRIC_MONTH)
    traces = TRACED_SHARE * images + min(images, images / abilities.calls_per_second(settings))
    yield Line("X-Ray", "traces", traces, "traces", traces * XRAY_TRACE)
