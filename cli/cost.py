"""`sightline cost`: estimates what pictures cost a month, by service, and what an idle deployment costs.

An arithmetic of list prices, from the settings in force. Each picture is new and comes by URL through the API, which is
the dearest way in; it gets as many labels as the settings allow, and is delivered to every receiver at the first
attempt. Reading is not in it: docs/scale.md has what pages cost.
"""

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from common.prices import MILLION, REGION, cost_of
from common.setting_types import SettingsError
from common.settings import Settings

GB = 1_000_000_000
HOURS = 730
"""In a month, as AWS counts them."""

# On-demand list prices of us-east-1 in US dollars, as of November 2026. Rekognition's are in common/prices.py.
# https://aws.amazon.com/{s3,dynamodb/on-demand,sqs,sns,api-gateway,lambda,cloudwatch,secrets-manager}/pricing/
PUT = 5.00 / MILLION  # S3: PUT, COPY, POST, LIST
GET = 0.40 / MILLION  # S3: GET and all others
S3_GB = 0.023  # a month, of the first 50 TB
WRITE = 0.625 / MILLION  # DynamoDB: a unit, 1 KB
READ = 0.125 / MILLION  # DynamoDB: a unit, 4 KB read consistently
TABLE_GB = 0.25  # a month
BACKUP_GB = 0.20  # a month: point-in-time recovery
SQS_REQUEST = 0.40 / MILLION
SNS_PUBLISH = 0.50 / MILLION
SNS_EMAIL = 2.00 / 100_000
API_REQUEST = 3.50 / MILLION  # REST, of the first 333 million a month
INVOCATION = 0.20 / MILLION
GB_SECOND = {"arm64": 0.0000133334, "x86_64": 0.0000166667}
LOG_GB = 0.50  # taken in
KEPT_LOG_GB = 0.03  # a month
METRIC = 0.30  # a month, of one's own
ALARM = 0.10  # a month
DASHBOARD = 3.00  # a month
TRACE = 5.00 / MILLION  # X-Ray
SECRET = 0.40  # a month

FREE = {
    ("SQS", "requests"): 1_000_000,
    ("Lambda", "requests"): 1_000_000,
    ("Lambda", "GB s"): 400_000,
    ("CloudWatch", "alarms"): 10,
    ("CloudWatch", "metrics"): 10,
    ("CloudWatch", "dashboards"): 3,
    ("CloudWatch", "GB of logs"): 5,
}
"""What each account has free of charge in every month, by service and unit, of what an idle deployment uses.
https://aws.amazon.com/free/ ("always free"), https://aws.amazon.com/cloudwatch/pricing/"""

SERVICES = ["Rekognition", "Lambda", "S3", "DynamoDB", "SNS", "SQS", "API Gateway", "CloudWatch", "X-Ray",
            "Secrets Manager"]  # fmt: skip
"""In the order of the bill."""


@dataclass(frozen=True, kw_only=True)
class Function:
    """What one does for a picture, as `make bench-cost` measures it (two busy x86 cores, 250 ms for a call of
    Rekognition)."""

    memory_mb: int
    invocations: float
    billed_ms: float
    log_bytes: int


UPLOAD = Function(memory_mb=512, invocations=1, billed_ms=91.8, log_bytes=690)
RECOGNITION = Function(memory_mb=1769, invocations=0.135, billed_ms=126, log_bytes=569)
# `python -m benchmarks.conversion --form thumbnail --megapixels 2`: a JPEG of 300 kB; the rest taken as recognition's.
THUMBNAILS = Function(memory_mb=1769, invocations=0.135, billed_ms=230, log_bytes=569)
PROJECTION = Function(memory_mb=512, invocations=0.355, billed_ms=163.6, log_bytes=538)
DELIVERY = Function(memory_mb=512, invocations=0.31, billed_ms=49.6, log_bytes=595)
MAIL = Function(memory_mb=512, invocations=0.36, billed_ms=39.2, log_bytes=244)
BUDGET = Function(memory_mb=512, invocations=1, billed_ms=73.1, log_bytes=256)
"""For a look at the budget, which is taken once a minute, with pictures and without."""
BUDGET_READS = 2  # the month, and the mark of a pause
BUDGET_METRICS = 3

NAMES_PER_LABEL = 1.5
"""A label with the parents and aliases that it does not share with others: entries of the index."""

LABEL_BYTES = 250
"""Of a record, with its box; and of Rekognition's answer, and of the event, which are much the same."""

ENTRY_BYTES = 750
THUMBNAIL_BYTES = 39_000
DELIVERY_BYTES = 1800
"""An entry of the log, with the event as it was sent, compressed, and what its two indexes hold of it."""

KEPT = "kept from then on"
BACKED_UP = "point-in-time recovery of records and answers"
GROWING = {KEPT, BACKED_UP}
"""Lines that cost the same in each further month."""

TRACED = 0.05
"""X-Ray's own rule: the first request of each second, and so much of the others."""

POLLERS = 5
POLL_SECONDS = 20
"""Lambda asks each queue by so many long polls at once, also when nothing is in it. With fewer only where a mapping has
no MaximumConcurrency: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html"""

MOST_IMAGES = 1e12
MOST_BYTES = 500 * 1024**2  # as of the setting max_image_megabytes
WHOLE = 100  # from here on digits behind the point say nothing
IMAGES_PER_MAIL = 100
DAYS = 30


class AmountError(ValueError):
    """A number or a size that cannot be read; the message says how to write one."""


@dataclass(frozen=True)
class Line:
    """A line of the bill. `count` a month, `price` and `cost` in US dollars."""

    service: str
    what: str
    count: float
    unit: str
    cost: float


def count(text: str) -> int:
    """Read a number of images: 250000, 250_000, 250,000 or 2.5e5.

    Raises:
        AmountError: the text is something else.
    """
    try:
        number = float(text.replace(",", "").replace("_", ""))
    except ValueError:
        number = math.nan
    if not 1 <= number <= MOST_IMAGES or number != int(number):  # NaN is neither
        raise AmountError(f"{text!r} is not a number of images; write 1 to 1e12, as in 250000, 250_000 or 1e6")
    return int(number)


def size(text: str) -> int:
    """Read a size in bytes: 300kB, 1.5 MB, 2MiB or 300000.

    Raises:
        AmountError: the text is something else.
    """
    units = {"": 1, "b": 1, "kb": 1000, "mb": 1000**2, "kib": 1024, "mib": 1024**2}
    found = re.fullmatch(r"\s*(\d+(?:[._]\d+)*(?:e\d+)?)\s*([a-z]*)\s*", text, re.IGNORECASE)
    if not found or found[2].lower() not in units:
        raise AmountError(f"{text!r} is not a size; write a number of B, kB, MB, KiB or MiB, as in 300kB or 1.5MB")
    try:
        number = round(float(found[1]) * units[found[2].lower()])
    except ValueError as error:
        raise AmountError(f"{text!r} is not a size; write one number and a unit, as in 300kB or 1.5MB") from error
    if not 1 <= number <= MOST_BYTES:
        raise AmountError(f"{text!r} is not the size of a picture; write 1 B to 500 MiB, as in 300kB or 1.5MB")
    return number


def settings_in_force(cdk_json: Path, changes: Sequence[str]) -> Settings:
    """Read the settings that `cdk deploy -c name=value …` would deploy.

    Raises:
        SettingsError: a setting is misspelt or has a value it cannot take.
    """
    context: dict[str, Any] = json.loads(cdk_json.read_text())["context"]
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals:
            raise SettingsError(f"-c {change!r} is not a setting; write name=value, as in -c max_labels=5")
        context[name] = value
    return Settings.from_context(context)


def bill(images: int, image_bytes: int, settings: Settings) -> list[Line]:
    """A month's lines: of what grows with the pictures, and of what is paid without any."""
    lines = [*_rekognition(images), *_lambda(images, settings), *_storage(images, image_bytes, settings),
             *_messages(images, settings), *_others(images, settings), *idle(settings)]  # fmt: skip
    return sorted(lines, key=lambda line: SERVICES.index(line.service))


def idle(settings: Settings) -> list[Line]:
    """A month's lines of a deployment to which nothing comes."""
    queues, receivers = _queues(settings), len(settings.third_parties)
    looks = HOURS * 60
    seconds = looks * BUDGET.billed_ms / 1000 * BUDGET.memory_mb / 1024
    logged = looks * BUDGET.log_bytes / GB
    log_price = LOG_GB + KEPT_LOG_GB * settings.log_retention_days / DAYS
    polls = queues * POLLERS * HOURS * 3600 / POLL_SECONDS
    metrics = BUDGET_METRICS if settings.watches_budget else 0
    lines = [
        Line(
            "Lambda", "look at the budget, once a minute", seconds, "GB s", seconds * GB_SECOND[settings.architecture]
        ),
        Line("Lambda", "invocations for the budget", looks, "requests", looks * INVOCATION),
        Line("DynamoDB", "reads for the budget", BUDGET_READS * looks, "read units", BUDGET_READS * looks * READ),
        Line("SQS", f"polls of {queues} empty queues", polls, "requests", polls * SQS_REQUEST),
        Line("CloudWatch", "logs of the budget", logged, "GB of logs", logged * log_price),
        Line("CloudWatch", "metrics of the budget", metrics, "metrics", metrics * METRIC),
    ]
    alarms, dashboards = _alarms(settings), 3 * (settings.monitoring == "full")
    lines += [
        Line("CloudWatch", "alarms", alarms, "alarms", alarms * ALARM),
        Line("CloudWatch", "dashboards", dashboards, "dashboards", dashboards * DASHBOARD),
        Line("Secrets Manager", "signing secrets", receivers, "secrets", receivers * SECRET),
    ]
    return [line for line in lines if line.count]


def with_free_tier(line: Line) -> float:
    """The cost of a line, in US dollars, if nothing else in the account uses the free tier."""
    free = min(line.count, FREE.get((line.service, line.unit), 0))
    return line.cost * (1 - free / line.count)


def _queues(settings: Settings) -> int:
    """Uploads, thumbnails, index, manifests and their lines; one for each receiver, and one for e-mails."""
    return 5 + len(settings.third_parties) + bool(settings.notify_email)


def _alarms(settings: Settings) -> int:
    """As common/infrastructure/monitoring.py and the stacks make them."""
    if settings.monitoring == "none":
        return 0
    queues, apis = _queues(settings), 3
    functions = queues + 4 + (settings.auth != "iam")  # the APIs' and the budget's; the gallery's
    essential = 2 * queues + len(settings.third_parties) + 1 + 2 * settings.watches_budget
    return essential + (2 * functions + queues + 2 * apis + 2) * (settings.monitoring == "full")


def _rekognition(images: int) -> Iterator[Line]:
    yield Line("Rekognition", "DetectLabels, once for each content", images, "calls", float(cost_of(images)))


def _functions(settings: Settings) -> dict[str, tuple[Function, int]]:
    """Each function's work for a picture, and the number of such functions."""
    found = {
        "fetch and store": (UPLOAD, 1),
        "recognise": (RECOGNITION, 1),
        "make thumbnails": (THUMBNAILS, 1),
        "keep index and documents": (PROJECTION, 1),
        "deliver": (DELIVERY, len(settings.third_parties)),
    }
    return found | ({"send e-mails": (MAIL, 1)} if settings.notify_email else {})


def _lambda(images: int, settings: Settings) -> Iterator[Line]:
    invocations = 0.0
    for what, (function, number) in _functions(settings).items():
        seconds = images * number * function.billed_ms / 1000 * function.memory_mb / 1024
        invocations += images * number * function.invocations
        yield Line(
            "Lambda", f"{what}, {function.memory_mb} MB", seconds, "GB s", seconds * GB_SECOND[settings.architecture]
        )
    yield Line("Lambda", "invocations", invocations, "requests", invocations * INVOCATION)


def _units(size_bytes: float) -> int:
    return math.ceil(size_bytes / 1024)


def _storage(images: int, image_bytes: int, settings: Settings) -> Iterator[Line]:
    record = 700 + LABEL_BYTES * settings.max_labels
    document = LABEL_BYTES * settings.max_labels
    names = round(NAMES_PER_LABEL * settings.max_labels)
    receivers = len(settings.third_parties)
    yield Line("S3", "picture, thumbnail and result document are put", 3 * images, "requests", 3 * images * PUT)
    # Recognition, Rekognition and thumbnails GET the picture; thumbnails HEAD it before and after, and what is there.
    yield Line("S3", "GETs and HEADs of the picture and its renditions", 6 * images, "requests", 6 * images * GET)
    kept = images * (image_bytes + document + THUMBNAIL_BYTES) / GB
    yield Line("S3", KEPT, kept, "GB months", kept * S3_GB)

    writes = {
        "record": _units(record) + 1,  # and its entry in the list
        "answer of Rekognition, and its call counted": 2 + _units(document),  # claimed, counted, stored
        f"index: {names} entries, {names} counts, in a transaction": 2 * (2 * names + 1),
        "index of renditions, removed and written": 2,
        f"log of deliveries to {receivers}, and its two lists": 3 * receivers,
    }
    for what, units in writes.items():
        yield Line("DynamoDB", what, units * images, "write units", units * images * WRITE)
    reads = 3 + receivers  # the record twice, the projection; the breaker, at the most each time
    yield Line(
        "DynamoDB", "records, projections, breakers are read", reads * images, "read units", reads * images * READ
    )
    backed_up = images * (record + 500 + document) / GB
    kept = backed_up + images * (names * ENTRY_BYTES + 1000) / GB
    yield Line("DynamoDB", KEPT, kept, "GB months", kept * TABLE_GB)
    yield Line("DynamoDB", BACKED_UP, backed_up, "GB months", backed_up * BACKUP_GB)
    logged = images * receivers * DELIVERY_BYTES / GB
    yield Line(
        "DynamoDB",
        f"deliveries, kept and backed up for {DAYS} days",
        logged,
        "GB months",
        logged * (TABLE_GB + BACKUP_GB),
    )


def _messages(images: int, settings: Settings) -> Iterator[Line]:
    mails = bool(settings.notify_email)
    queues = _queues(settings) - 2  # those of manifests
    yield Line("SNS", "what is new, and what was recognised", 2 * images, "messages", 2 * images * SNS_PUBLISH)
    if mails:
        sent = images / IMAGES_PER_MAIL
        yield Line("SNS", f"e-mails about {IMAGES_PER_MAIL} images each", sent, "mails", sent * SNS_EMAIL)
    requests = 3 * queues * images  # at the most: batches share the receiving and the deleting
    yield Line("SQS", f"sent, received, deleted, in {queues} queues", requests, "requests", requests * SQS_REQUEST)


def _others(images: int, settings: Settings) -> Iterator[Line]:
    yield Line("API Gateway", "uploads", images, "requests", images * API_REQUEST)
    logged = images * sum(function.log_bytes * number for function, number in _functions(settings).values()) / GB
    yield Line("CloudWatch", "logs taken in", logged, "GB", logged * LOG_GB)
    kept = logged * settings.log_retention_days / DAYS
    yield Line("CloudWatch", f"logs kept for {settings.log_retention_days} days", kept, "GB months", kept * KEPT_LOG_GB)
    receivers, mails = len(settings.third_parties), bool(settings.notify_email)
    metrics = 13 + 4 * receivers + mails  # those that are counted by receiver, by outcome or by code apart
    yield Line("CloudWatch", "metrics of its own", metrics, "metrics", metrics * METRIC)
    traces = TRACED * images + min(images, images / settings.calls_per_second)
    yield Line("X-Ray", "traces", traces, "traces", traces * TRACE)


def show(images: int, image_bytes: int, settings: Settings, out: Console) -> None:
    """Print the table."""
    lines = bill(images, image_bytes, settings)
    total = sum(line.cost for line in lines)
    table = Table("", "", "a month", "", "US $ a month", box=None, pad_edge=False)
    for column in (2, 4):
        table.columns[column].justify = "right"
    service = ""
    for line in lines:
        table.add_row(
            "" if line.service == service else line.service,
            line.what,
            _number(line.count),
            line.unit,
            f"{line.cost:,.2f}",
        )
        service = line.service
    out.print(
        f"{images:,} pictures of {_number(image_bytes / 1000)} kB a month, prices of us-east-1 without the free tier"
    )
    out.print(table)
    out.print(f"\nTogether US $ {total:,.2f} a month, {total / images:.6f} a picture")
    kept = sum(line.cost for line in lines if line.what in GROWING)
    out.print(f"What is kept costs the same in each further month: after a year of this {12 * kept:,.2f} a month")
    hours = images / settings.calls_per_second / 3600
    out.print(
        f"Recognising them takes {_number(hours)} hours at {settings.calls_per_second:g} calls a second"
        + ("" if settings.region else " (the default of a Region that is not named)")
    )
    _show_idle(settings, out)
    if settings.region not in {None, REGION}:
        out.print(f"\n{settings.region} has prices of its own, which these are not")


def _show_idle(settings: Settings, out: Console) -> None:
    lines = idle(settings)
    listed, paid = sum(line.cost for line in lines), sum(map(with_free_tier, lines))
    out.print(f"\nIdle, without a picture: US $ {listed:.2f} a month at list prices, {paid:.2f} with the free tier")
    table = Table("", "list price", "free tier", box=None, pad_edge=False)
    for column in (1, 2):
        table.columns[column].justify = "right"
    for line in lines:
        costs = f"{line.cost:.2f}", f"{with_free_tier(line):.2f}"
        table.add_row(
            f"{line.service}: {_number(line.count)} {line.unit}, {line.what}".removesuffix(f", {line.unit}"), *costs
        )
    out.print(table)
    out.print("The free tier of each month is for the whole account; what else runs there uses it as well:")
    for service in dict.fromkeys(service for service, _ in FREE):
        free = (f"{count:,} {unit}" for (owner, unit), count in FREE.items() if owner == service)
        out.print(f"  {service}: {', '.join(free)}")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= WHOLE else f"{value:,.3g}"
