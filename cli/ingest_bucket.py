"""The pictures of an existing bucket become images: S3 copies them, as manifests say that are written here."""

import json
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from cli import manifests
from cli.ingest_files import CONTENT_TYPES
from cli.manifests import Sent, System
from cli.target import Target

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SCHEME = "s3://"
MAX_LINES = 100_000


class BucketError(RuntimeError):
    """A bucket's pictures cannot be taken in; the message says what to do."""


@dataclass
class Listing:
    """What was found, as the files of manifests that will name it."""

    pictures: int = 0
    others: int = 0
    files: list[IO[bytes]] = field(default_factory=list)


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
            if not listing.pictures or not (
                yes or typer.confirm(f"Copy them, and have them recognised ({target.place})?", err=True)
            ):
                raise typer.Exit(0 if not listing.pictures else 1)
            sent = write(target.client("s3"), system.manifests, bucket, listing)
        manifests.see_through(target, system, sent, wait=wait, as_json=as_json, out=out, err=err)
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
        if PurePosixPath(entry["Key"]).suffix.lower() not in CONTENT_TYPES:
            listing.others += 1
            continue
        if listing.pictures % MAX_LINES == 0:
            listing.files.append(files.enter_context(tempfile.TemporaryFile()))  # noqa: SIM115 - the caller's
        line = {"url": f"{SCHEME}{bucket}/{entry['Key']}", "name": prefix + entry["Key"].removeprefix(folder)}
        listing.files[-1].write(json.dumps(line).encode() + b"\n")
        listing.pictures += 1
    return listing


def write(s3: "S3Client", into: str, bucket: str, listing: Listing) -> list[Sent]:
    """Put the manifests into their bucket."""
    sent = []
    moment = f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}"
    for number, file in enumerate(listing.files, 1):
        key = f"ingest/{bucket}/{moment}-{number:04}.jsonl"
        file.seek(0)
        version = s3.put_object(Bucket=into, Key=key, Body=file)["VersionId"]
        sent.append(
            Sent(f"{SCHEME}{bucket}", key, version, min(MAX_LINES, listing.pictures - (number - 1) * MAX_LINES))
        )
    return sent


def _say(listing: Listing, place: str, system: System, target: Target, err: Console) -> None:
    other = f" ({listing.others:,} objects are none by their names)" if listing.others else ""
    err.print(f"{listing.pictures:,} pictures in {place}{other}", markup=False)
    if not listing.pictures:
        return
    manifests.say_cost(listing.pictures, system, target, err)
