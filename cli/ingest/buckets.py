"""Ingests the pictures of an existing bucket. Writes manifests that name the pictures; S3 then copies the pictures."""

import json
import tempfile
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING

import typer
from botocore.exceptions import BotoCoreError, ClientError

from api.runtime.manifests.manifest_table import Manifest
from api.runtime.sources.source_urls import S3_SCHEME
from cli.ingest import manifests
from cli.ingest.manifests import ManifestSystem, SentManifest
from cli.ingest.picture_names import START_BYTES, Kind, content_type, kind_by_name, metadata_owner
from cli.output import confirmed, err, plural
from cli.target import MissingOutputError, Target
from common.runtime.abilities.enabled import as_metadata

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_LINES = 100_000  # of one manifest
READERS = 16
UNREADABLE_CODES = {"AccessDenied", "InvalidObjectState", "InvalidRange", "NoSuchKey"}
"""S3's error codes for objects that are unreadable, archived, empty or gone. Such objects are left out."""


class BucketError(RuntimeError):
    """A bucket cannot be ingested. The message says what to do."""


@dataclass
class Listing:
    """The result of listing a bucket: manifest files that name its pictures, and the number of other objects."""

    pictures: int = 0
    others: int = 0
    files: list[IO[bytes]] = field(default_factory=list)


def ingest_bucket(
    target: Target, url: str, prefix: str, asked: Collection[str], *, yes: bool, wait: bool, as_json: bool
) -> None:
    """List a bucket, print the cost, ask for confirmation, and write manifests. With `wait`, wait for their reports.

    The pictures ask for the abilities in `asked`.

    Raises:
        BucketError: the bucket is not one of `source_buckets`, or AWS refused a call.
        typer.Exit: the user did not confirm or interrupted, or not all objects became images.
    """
    bucket, _, start = url.removeprefix(S3_SCHEME).partition("/")
    try:
        system = ManifestSystem.of(target)
        if bucket not in system.source_buckets:
            names = ",".join(sorted(system.source_buckets | {bucket}))
            raise BucketError(
                f'{bucket} is not one of source_buckets; put "source_buckets": "{names}" into the context of '
                "cdk.json, run `make deploy` and try again"
            )
        with ExitStack() as files:
            listing = list_pictures(target.client("s3"), bucket, start, prefix, files)
            other = f" ({plural(listing.others, 'object')} left out: not pictures)" if listing.others else ""
            err.print(f"{plural(listing.pictures, 'picture')} in {url}{other}", markup=False)
            if not listing.pictures:
                return
            manifests.print_cost(listing.pictures, system, asked)
            if not (yes or confirmed(f"Copy and recognise them ({target.description})?")):
                raise typer.Exit(1)
            sent = write_manifests(system, bucket, listing, asked)
        manifests.finish(system, sent, wait=wait, as_json=as_json)
    except (BotoCoreError, ClientError, MissingOutputError) as error:
        raise BucketError(str(error)) from error


def list_pictures(s3: "S3Client", bucket: str, start: str, prefix: str, files: ExitStack) -> Listing:
    """List the pictures with keys that begin with `start`. The caller closes the manifests' files.

    An image's name is `prefix`, followed by the part of the key that begins with the last folder of `start`.
    """
    listing = Listing()
    folder = start[: start.rfind("/") + 1]
    with ThreadPoolExecutor(READERS) as pool:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=start):
            keys = [entry["Key"] for entry in page.get("Contents", [])]
            for key, is_picture in zip(keys, pool.map(lambda key: _is_picture(s3, bucket, key), keys), strict=True):
                if not is_picture:
                    listing.others += 1
                    continue
                if listing.pictures % MAX_LINES == 0:
                    listing.files.append(files.enter_context(tempfile.TemporaryFile()))  # noqa: SIM115 - the caller's
                line = {"url": f"{S3_SCHEME}{bucket}/{key}", "name": prefix + key.removeprefix(folder)}
                listing.files[-1].write(json.dumps(line).encode() + b"\n")
                listing.pictures += 1
    return listing


def _is_picture(s3: "S3Client", bucket: str, key: str) -> bool:
    """Return True for a picture. If the object's name is not a picture's name, read the first bytes to decide."""
    if metadata_owner(key) or key.endswith("/"):
        return False
    if kind_by_name(key) is Kind.PICTURE:
        return True
    try:
        start = s3.get_object(Bucket=bucket, Key=key, Range=f"bytes=0-{START_BYTES - 1}")["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] in UNREADABLE_CODES:
            return False
        raise
    return content_type(key, start) is not None


def write_manifests(
    system: ManifestSystem, bucket: str, listing: Listing, asked: Collection[str]
) -> list[SentManifest]:
    """Put the manifests into the manifest bucket. A manifest's metadata ask for the abilities for all its lines."""
    s3, sent = system.target.client("s3"), []
    moment = f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}"
    for number, file in enumerate(listing.files, 1):
        key = f"ingest/{bucket}/{moment}-{number:04}.jsonl"
        file.seek(0)
        version = s3.put_object(Bucket=system.bucket, Key=key, Body=file, Metadata=as_metadata(asked))["VersionId"]
        lines = min(MAX_LINES, listing.pictures - (number - 1) * MAX_LINES)
        sent.append(SentManifest(f"{S3_SCHEME}{bucket}", Manifest(key, version), lines))
    return sent
