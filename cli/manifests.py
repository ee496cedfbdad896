"""Manifests that are on their way: following them to their reports, and showing what became of their lines."""

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer
from botocore.exceptions import ClientError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cli.lines import printable
from cli.stacks import MakeClient
from cli.target import Target, TargetName

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PRICES = ((1_000_000, 0.0010), (4_000_000, 0.0008), (float("inf"), 0.0006))
"""Dollars for each image of so many a month, in us-east-1; beyond 35 million it is even less.
https://aws.amazon.com/rekognition/pricing/"""
POLL_SECONDS = 2.0
SHOWN = 20


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
        api, recognition = (target.stacks.outputs(stack) for stack in ("APIStack", "RekognitionStack"))
        return cls(
            api["ManifestBucketName"],
            api["ManifestsTableName"],
            frozenset(json.loads(api["SourceBuckets"])),
            float(recognition["CallsPerSecond"]),
        )

    def report(self, manifest: "Sent") -> str:
        """Where a manifest's report will be."""
        return f"s3://{self.manifests}/reports/{manifest.key}.json"


@dataclass(frozen=True)
class Sent:
    """A manifest that is on its way; `lines` it has at the most."""

    name: str
    key: str
    version_id: str
    lines: int


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


def say_cost(pictures: int, system: System, target: Target, err: Console) -> None:
    """Say what recognising so many pictures takes."""
    free = " on AWS; nothing on this laptop" if target.name is TargetName.LOCAL else ""
    seconds = pictures / system.calls_per_second
    err.print(f"  calls  at most {pictures:,} of DetectLabels: the same content is asked about once")
    err.print(f"  cost   at most ${cost(pictures):,.2f} by the list price of us-east-1{free}")
    err.print(f"  time   at least {duration(seconds)}, at {system.calls_per_second:g} calls a second")


def see_through(
    target: Target,
    system: System,
    sent: Sequence[Sent],
    *,
    again: Sequence[str] = (),
    wait: bool,
    as_json: bool,
    out: Console,
    err: Console,
) -> None:
    """Follow manifests to their reports and show those; without `wait` say where they will be.

    `again` are commands that follow them once more, if there are any; else the reports are looked at by the AWS CLI.

    Raises:
        typer.Exit: it was interrupted, or not all lines became images.
    """
    if wait:
        show(sent, _follow(target.client, system, sent, again, err), system, as_json=as_json, out=out)
        return
    pictures, reports = sum(manifest.lines for manifest in sent), [system.report(manifest) for manifest in sent]
    if as_json:
        out.print_json(data={"pictures": pictures, "reports": reports})
    else:
        out.print(f"{pictures:,} pictures are on their way; when they are done, reports will be at")
        for report in reports:
            out.print(f"  {report}", markup=False)


def _follow(
    client: MakeClient, system: System, sent: Sequence[Sent], again: Sequence[str], err: Console
) -> list[dict[str, Any]]:
    """Return the manifests' reports when all are done."""
    s3, dynamodb = client("s3"), client("dynamodb")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    reports = []
    try:
        with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
            bar = progress.add_task("pictures", total=sum(manifest.lines for manifest in sent))
            done = 0
            for manifest in sent:
                while not (report := final_report(s3, system, manifest.key, manifest.version_id)):
                    progress.update(bar, completed=done + _count(dynamodb, system, manifest))
                    time.sleep(POLL_SECONDS)
                reports.append(report)
                done += manifest.lines
    except KeyboardInterrupt as interrupt:
        err.print(
            "interrupted; the pictures are stored all the same. When that is done, this shows what became of them:"
        )
        for line in again or [f'aws s3 cp "{system.report(manifest)}" -' for manifest in sent]:
            err.print(f"  {line}", markup=False)
        raise typer.Exit(130) from interrupt
    return reports


def final_report(s3: "S3Client", system: System, key: str, version_id: str) -> dict[str, Any] | None:
    """Return the report of a version of a manifest, if it is final."""
    try:
        answer = s3.get_object(Bucket=system.manifests, Key=f"reports/{key}.json")
    except s3.exceptions.NoSuchKey:
        return None
    report: dict[str, Any] = json.loads(answer["Body"].read())
    return report if report["status"] != "running" and report["version_id"] == version_id else None


def show(sent: Sequence[Sent], found: Sequence[dict[str, Any]], system: System, *, as_json: bool, out: Console) -> None:
    """Print what the reports say.

    Raises:
        typer.Exit: not all lines became images.
    """
    counts: Counter[str] = Counter()
    problems = []
    for manifest, report in zip(sent, found, strict=True):
        counts.update({name: report[name] for name in ("stored", "unchanged", "pending")})
        for outcome in ("rejected", "failed"):
            counts[outcome] += len(report[outcome])
            problems += [{"manifest": manifest.name, "outcome": outcome, **line} for line in report[outcome]]
    reports = [system.report(manifest) for manifest in sent]
    if as_json:
        out.print_json(json.dumps({**counts, "problems": problems, "reports": reports}))
    else:
        out.print(", ".join(f"{count:,} {name}" for name, count in counts.items()))
        for problem in problems[:SHOWN]:
            url = f" {problem['url']}" if "url" in problem else ""
            line = f"{problem['outcome']}: {problem['manifest']}, line {problem['line']}{url}: {problem['reason']}"
            out.print(f"  {printable(line)}", markup=False, emoji=False)
        if len(problems) > SHOWN:
            out.print(f"  … and {len(problems) - SHOWN:,} more; --json and the report have them all")
        for address in reports:
            out.print(f"  report: {address}", markup=False)
    if counts["rejected"] + counts["failed"] + counts["pending"]:
        raise typer.Exit(1)


def version_of(s3: "S3Client", bucket: str, key: str) -> str | None:
    """Return the current version of an object, if there is one."""
    try:
        return s3.head_object(Bucket=bucket, Key=key)["VersionId"]
    except ClientError as error:
        if error.response["Error"]["Code"] in {"404", "NoSuchKey", "NotFound"}:
            return None
        raise


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
