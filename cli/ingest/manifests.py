"""Waits for the reports of manifests, and prints the results of the manifests' lines."""

import json
import time
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer
from botocore.exceptions import ClientError

from api.runtime.manifests.manifest_reports import report_key
from api.runtime.manifests.manifest_table import Manifest, Manifests
from cli.abilities import DeployedAbility, deployed_abilities
from cli.output import err, out, plural, progress_bar, say
from cli.target import Target, TargetName
from common.prices import REGION, cost_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

POLL_SECONDS = 2.0
MAX_PROBLEMS_SHOWN = 20


@dataclass(frozen=True)
class ManifestSystem:
    """The parts of a system that manifests need: bucket, table, source buckets, rate of label calls, and abilities."""

    target: Target
    bucket: str
    table: str
    source_buckets: frozenset[str]
    calls_per_second: float
    abilities: Sequence[DeployedAbility] = ()

    @classmethod
    def of(cls, target: Target) -> "ManifestSystem":
        """Read the names from the stacks' outputs."""
        return cls(
            target,
            target.output("ManifestBucketName"),
            target.output("ManifestsTableName"),
            frozenset(json.loads(target.output("SourceBuckets"))),
            float(target.output("CallsPerSecond")),
            deployed_abilities(target),
        )

    def report_url(self, sent: "SentManifest") -> str:
        """Return the address that a manifest's report will have."""
        return f"s3://{self.bucket}/{report_key(sent.manifest)}"


@dataclass(frozen=True)
class SentManifest:
    """A manifest in its bucket, with the largest number of lines that it can have."""

    source: str
    manifest: Manifest
    lines: int


def print_cost(pictures: int, system: ManifestSystem, asked: Collection[str]) -> None:
    """Print the number of calls, the cost and the time for the pictures, if the pictures ask for these abilities."""
    abilities = [each for each in system.abilities if each.may_be_asked(asked)]
    calls = pictures * (1 + len(abilities))
    rate = min([system.calls_per_second, *(each.calls_per_second for each in abilities)])
    operations = " and of ".join(["DetectLabels", *(each.operation for each in abilities)])
    free = " on AWS, nothing on this machine" if system.target.name is TargetName.LOCAL else ""
    err.print(f"  calls  at most {pictures:,} of {operations}: one for each content")
    err.print(f"  cost   at most ${cost_of(calls):,.2f}{free} (list price of {REGION})")
    err.print(f"  time   at least {duration(pictures / rate)}, at {rate:g} calls a second")


def duration(seconds: float) -> str:
    """Return a duration in hours and minutes."""
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min" if minutes else "less than a minute"


def finish(
    system: ManifestSystem, sent: Sequence[SentManifest], *, again: Sequence[str] = (), wait: bool, as_json: bool
) -> None:
    """Wait for the reports of manifests and print the reports. Without `wait`, print only the addresses of the reports.

    After an interrupt, the commands in `again` are shown. If `again` is empty, AWS CLI commands that read the reports
    are shown.

    Raises:
        typer.Exit: the command was interrupted, or not all lines became images.
    """
    if wait:
        show_reports(sent, _wait_for_reports(system, sent, again), system, as_json=as_json)
        return
    pictures, reports = sum(each.lines for each in sent), [system.report_url(each) for each in sent]
    if as_json:
        out.print_json(data={"pictures": pictures, "reports": reports})
    else:
        out.print(f"{plural(pictures, 'picture')} will be stored; afterwards the reports will be at")
        for report in reports:
            out.print(f"  {report}", markup=False)


def _wait_for_reports(
    system: ManifestSystem, sent: Sequence[SentManifest], again: Sequence[str]
) -> list[dict[str, Any]]:
    s3, table = system.target.client("s3"), Manifests(system.target.client("dynamodb"), system.table)
    reports = []
    try:
        with progress_bar() as progress:
            bar = progress.add_task("pictures", total=sum(each.lines for each in sent))
            done = 0
            for each in sent:
                while not (report := final_report(s3, system.bucket, each.manifest)):
                    progress.update(bar, completed=done + table.count(each.manifest))
                    time.sleep(POLL_SECONDS)
                reports.append(report)
                done += each.lines
    except KeyboardInterrupt as interrupt:
        err.print("interrupted; the system still stores the pictures. To see the result later:")
        for line in again or [f'aws s3 cp "{system.report_url(each)}" -' for each in sent]:
            err.print(f"  {line}", markup=False)
        raise typer.Exit(130) from interrupt
    return reports


def final_report(s3: "S3Client", bucket: str, manifest: Manifest) -> dict[str, Any] | None:
    """Return a manifest's report, if the report is final and is about this version of the manifest."""
    try:
        answer = s3.get_object(Bucket=bucket, Key=report_key(manifest))
    except s3.exceptions.NoSuchKey:
        return None
    report: dict[str, Any] = json.loads(answer["Body"].read())
    return report if report["status"] != "running" and report["version_id"] == manifest.version_id else None


def show_reports(
    sent: Sequence[SentManifest], reports: Sequence[dict[str, Any]], system: ManifestSystem, *, as_json: bool
) -> None:
    """Print the reports.

    Raises:
        typer.Exit: not all lines became images.
    """
    counts: Counter[str] = Counter()
    problems = []
    for each, report in zip(sent, reports, strict=True):
        counts.update({name: report[name] for name in ("stored", "unchanged", "pending")})
        for outcome in ("rejected", "failed"):
            counts[outcome] += len(report[outcome])
            problems += [{"manifest": each.source, "outcome": outcome, **line} for line in report[outcome]]
    urls = [system.report_url(each) for each in sent]
    if as_json:
        out.print_json(data={**counts, "problems": problems, "reports": urls})
    else:
        _print_reports(counts, problems, urls)
    if counts["rejected"] + counts["failed"] + counts["pending"]:
        raise typer.Exit(1)


def _print_reports(counts: Counter[str], problems: Sequence[dict[str, Any]], urls: Sequence[str]) -> None:
    out.print(", ".join(f"{count:,} {name}" for name, count in counts.items()))
    for problem in problems[:MAX_PROBLEMS_SHOWN]:
        url = f" {problem['url']}" if "url" in problem else ""
        say(f"  {problem['outcome']}: {problem['manifest']}, line {problem['line']}{url}: {problem['reason']}")
    if len(problems) > MAX_PROBLEMS_SHOWN:
        out.print(f"  … and {len(problems) - MAX_PROBLEMS_SHOWN:,} more; --json and the report list all of them")
    for url in urls:
        out.print(f"  report: {url}", markup=False)


def current_version(s3: "S3Client", bucket: str, key: str) -> str | None:
    """Return the current version of an object, if there is one."""
    try:
        return s3.head_object(Bucket=bucket, Key=key)["VersionId"]
    except ClientError as error:
        if error.response["Error"]["Code"] in {"404", "NoSuchKey", "NotFound"}:
            return None
        raise
