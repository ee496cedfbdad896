"""The pictures of an existing bucket become images: S3 copies them, as manifests say that are written here."""

import json
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cli.target import Target, TargetName

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SCHEME = "s3://"
MAX_LINES = 100_000
SUFFIXES = {".jpg", ".jpeg", ".jfif", ".png", ".webp", ".avif", ".heic", ".heif", ".gif", ".tif", ".tiff", ".bmp"}
PRICES = ((1_000_000, 0.0010), (4_000_000, 0.0008), (float("inf"), 0.0006))
"""Dollars for each image of so many a month, in us-east-1; beyond 35 million it is even less.
https://aws.amazon.com/rekognition/pricing/"""
POLL_SECONDS = 2.0


class BucketError(RuntimeError):
    """A bucket's pictures cannot be taken in; the message says what to do."""


@dataclass(frozen=True)
class System:
    """What a running system says of itself."""

    manifests: str
    table: str
    source_buckets: frozenset[str]
    calls_per_second: float

    @classmethod
    def of(cls, target: Target) -> "System":
        """Read the outputs of the stacks."""
        api, recognition = (_outputs(target, stack) for stack in ("APIStack", "RekognitionStack"))
        return cls(
            api["ManifestBucketName"],
            api["ManifestsTableName"],
            frozenset(json.loads(api["SourceBuckets"])),
            float(recognition["CallsPerSecond"]),
        )


@dataclass
class Listing:
    """What was found, as the files of manifests that will name it."""

    pictures: int = 0
    others: int = 0
    manifests: list[IO[bytes]] = field(default_factory=list)


@dataclass(frozen=True)
class Sent:
    """A manifest that is on its way."""

    key: str
    version_id: str
    lines: int


def run(
    target: Target, place: str, prefix: str, *, yes: bool, wait: bool, as_json: bool, out: Console, err: Console
) -> None:
    """Look what is there, say what it will cost, ask, write manifests; with `wait` see them through.

    Raises:
        BucketError: the bucket is none of `source_buckets`, or AWS refused a call.
        typer.Exit: it was not agreed to, it was interrupted, or something failed.
    """
    bucket, _, start = place.removeprefix(SCHEME).partition("/")
    try:
        system = System.of(target)
        if bucket not in system.source_buckets:
            names = ",".join(sorted(system.source_buckets | {bucket}))
            raise BucketError(
                f'{bucket} is none of source_buckets; put "source_buckets": "{names}" into the context of cdk.json, '
                "`make deploy`, then try again"
            )
        with ExitStack() as files:
            listing = look(target.client("s3"), bucket, start, prefix, files)
            _say(listing, place, system, target, err)
            if not listing.pictures or not (yes or typer.confirm("Copy them, and have them recognised?", err=True)):
                raise typer.Exit(0 if not listing.pictures else 1)
            sent = write(target.client("s3"), system.manifests, bucket, listing)
        reports = [f"{SCHEME}{system.manifests}/reports/{manifest.key}.json" for manifest in sent]
        if wait:
            _show(_follow(target, system, sent, err), reports, as_json=as_json, out=out)
        elif as_json:
            out.print_json(json.dumps({"pictures": listing.pictures, "reports": reports}))
        else:
            out.print(f"{listing.pictures:,} pictures are on their way; when they are done, reports will be at")
            for report in reports:
                out.print(f"  {report}", markup=False)
    except (BotoCoreError, ClientError) as error:
        raise BucketError(str(error)) from error


def look(s3: "S3Client", bucket: str, start: str, prefix: str, files: ExitStack) -> Listing:
    """List the pictures whose keys begin so, as manifests whose files are the caller's to close.

    Images are named like the keys from the last folder of `start` on, behind `prefix`.
    """
    listing = Listing()
    folder = start[: start.rfind("/") + 1]
    for entry in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=start).search("Contents[]"):
        if entry is None:
            break
        if PurePosixPath(entry["Key"]).suffix.lower() not in SUFFIXES:
            listing.others += 1
            continue
        if listing.pictures % MAX_LINES == 0:
            listing.manifests.append(files.enter_context(tempfile.TemporaryFile()))  # noqa: SIM115 - the caller's
        line = {"url": f"{SCHEME}{bucket}/{entry['Key']}", "name": prefix + entry["Key"].removeprefix(folder)}
        listing.manifests[-1].write(json.dumps(line).encode() + b"\n")
        listing.pictures += 1
    return listing


def write(s3: "S3Client", manifests: str, bucket: str, listing: Listing) -> list[Sent]:
    """Put the manifests into their bucket."""
    sent = []
    moment = f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}"
    for number, file in enumerate(listing.manifests, 1):
        key = f"ingest/{bucket}/{moment}-{number:04}.jsonl"
        file.seek(0)
        version = s3.put_object(Bucket=manifests, Key=key, Body=file)["VersionId"]
        sent.append(Sent(key, version, min(MAX_LINES, listing.pictures - (number - 1) * MAX_LINES)))
    return sent


def cost(pictures: int) -> float:
    """Dollars for so many calls, by the list price of one month."""
    total = 0.0
    for size, price in PRICES:
        step = min(pictures, size)
        total += step * price
        pictures -= int(step)
    return total


def duration(seconds: float) -> str:
    """Hours and minutes, in words."""
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min" if minutes else "less than a minute"


def _say(listing: Listing, place: str, system: System, target: Target, err: Console) -> None:
    other = f" ({listing.others:,} objects are none by their names)" if listing.others else ""
    err.print(f"{listing.pictures:,} pictures in {place}{other}", markup=False)
    if not listing.pictures:
        return
    free = " on AWS; nothing on this laptop" if target.name is TargetName.LOCAL else ""
    seconds = listing.pictures / system.calls_per_second
    err.print(f"  calls  at most {listing.pictures:,} of DetectLabels: the same content is asked about once")
    err.print(f"  cost   at most ${cost(listing.pictures):,.2f} by the list price of us-east-1{free}")
    err.print(f"  time   at least {duration(seconds)}, at {system.calls_per_second:g} calls a second")


def _follow(target: Target, system: System, sent: list[Sent], err: Console) -> list[dict[str, Any]]:
    """The manifests' reports, when each is done."""
    s3, dynamodb = target.client("s3"), target.client("dynamodb")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    reports = []
    try:
        with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
            bar = progress.add_task("pictures", total=sum(manifest.lines for manifest in sent))
            done = 0
            for manifest in sent:
                while not (report := _report(s3, system, manifest)):
                    progress.update(bar, completed=done + _count(dynamodb, system, manifest))
                    time.sleep(POLL_SECONDS)
                reports.append(report)
                done += manifest.lines
    except KeyboardInterrupt as interrupt:
        err.print("interrupted; the pictures are copied all the same, and the reports written")
        raise typer.Exit(130) from interrupt
    return reports


def _report(s3: "S3Client", system: System, manifest: Sent) -> dict[str, Any] | None:
    try:
        answer = s3.get_object(Bucket=system.manifests, Key=f"reports/{manifest.key}.json")
    except s3.exceptions.NoSuchKey:
        return None
    report: dict[str, Any] = json.loads(answer["Body"].read())
    return None if report["status"] == "running" else report


def _count(dynamodb: Any, system: System, manifest: Sent) -> int:
    pages = dynamodb.get_paginator("query").paginate(
        TableName=system.table,
        KeyConditionExpression="manifest = :manifest AND line > :header",
        ExpressionAttributeValues={
            ":manifest": {"S": f"{manifest.key}@{manifest.version_id}"},
            ":header": {"N": "0"},
        },
        Select="COUNT",
    )
    return sum(page["Count"] for page in pages)


def _show(found: list[dict[str, Any]], reports: list[str], *, as_json: bool, out: Console) -> None:
    counts: Counter[str] = Counter()
    for report in found:
        counts.update({name: report[name] for name in ("stored", "unchanged", "pending")})
        counts.update({name: len(report[name]) for name in ("rejected", "failed")})
    if as_json:
        out.print_json(json.dumps({**counts, "reports": reports}))
    else:
        out.print(", ".join(f"{count:,} {name}" for name, count in counts.items()))
        for address in reports:
            out.print(f"  {address}", markup=False)
    if counts["rejected"] + counts["failed"] + counts["pending"]:
        raise typer.Exit(1)


def _outputs(target: Target, stack: str) -> dict[str, str]:
    [description] = target.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in description["Outputs"]}
