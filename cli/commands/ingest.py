"""`sightline ingest`: stores pictures from files, folders, URLs, manifests and buckets."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from botocore.exceptions import BotoCoreError, ClientError

from api.runtime.sources.source_urls import S3_SCHEME
from cli.abilities import asked_of
from cli.ingest.buckets import BucketError, ingest_bucket
from cli.ingest.manifest_files import ManifestError, ingest_manifests
from cli.ingest.picture_names import MANIFEST_SUFFIXES, Kind, kind_by_name
from cli.ingest.recognitions import Recognitions
from cli.ingest.sources import Outcome, Result, Source, find_sources, reason_of, without_duplicates
from cli.ingest.uploads import Uploads
from cli.options import TargetOption, open_target
from cli.output import err, fail, failing_on, out, progress_bar, say
from cli.target import Target
from common.runtime.abilities.asked import AbilityError

GOOD_OUTCOMES = {Outcome.STORED, Outcome.UNCHANGED, Outcome.SKIPPED}
"""Outcomes that are no error. With all other outcomes the exit code is 1."""

AbilityOption = Annotated[
    list[str] | None, typer.Option(help="Ask for this ability too, such as text. May be repeated.")
]

Item = TypeVar("Item")


def command(
    sources: Annotated[
        list[str],
        typer.Argument(
            help=f"Files, folders and URLs; or manifests ({', '.join(sorted(MANIFEST_SUFFIXES))}); or one s3://bucket/prefix.",
            show_default=False,
        ),
    ],
    *,
    prefix: Annotated[str, typer.Option(help="Beginning of the images' names, such as holiday/.")] = "",
    workers: Annotated[int, typer.Option(min=1, max=64, help="Number of files at once.")] = 8,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace other pictures of these names.")] = False,
    ability: AbilityOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Copy a bucket, or on AWS a manifest, without asking.")] = False,
    wait: Annotated[
        bool, typer.Option(help="Wait until files are recognised, and manifests and buckets are stored.")
    ] = True,
    target: TargetOption = None,
) -> None:
    """Store pictures from files, folders, URLs, lists or a bucket.

    Files in a folder keep their paths in it as names. Files that are left out and pictures that FAILED are listed with
    their reasons. To send what is missing, run the same command again.
    """
    found = open_target(target)
    with failing_on(AbilityError, BucketError, ManifestError, BotoCoreError, ClientError):
        asked = asked_of(found, ability or ())
        if any(source.startswith(S3_SCHEME) for source in sources):
            if len(sources) > 1 or overwrite:
                fail("give a bucket alone and without --overwrite, as in sightline ingest s3://bucket/prefix")
            ingest_bucket(found, sources[0], prefix, asked, yes=yes, wait=wait, as_json=as_json)
        elif manifests := manifests_of(sources):
            if prefix or overwrite:
                fail("a manifest names its pictures itself and replaces none: leave out --prefix and --overwrite")
            ingest_manifests(found, manifests, asked, yes=yes, wait=wait, as_json=as_json)
        else:
            uploads = Uploads(found, workers, overwrite=overwrite, abilities=asked)
            _ingest_files(found, uploads, _entries(sources, prefix), workers, wait=wait, as_json=as_json)


def manifests_of(sources: Sequence[str]) -> list[Path]:
    """Return the files if all of them are manifests. A .json among other files is probably metadata."""
    paths = [Path(source) for source in sources]
    return paths if all(kind_by_name(path.name) is Kind.MANIFEST and path.is_file() for path in paths) else []


def _entries(sources: Sequence[str], prefix: str) -> list[Source | Result]:
    try:
        return list(without_duplicates(find_sources(sources, prefix)))
    except FileNotFoundError as error:
        fail(f"there is no file or folder {error.args[0]!r}")
    except OSError as error:
        fail(f"{error.filename}: {reason_of(error)}")


def _ingest_files(
    target: Target, uploads: Uploads, entries: Sequence[Source | Result], workers: int, *, wait: bool, as_json: bool
) -> None:
    """Send files and URLs, wait for their recognition, and print the results.

    Raises:
        typer.Exit: the command was interrupted, or not all files and URLs became images.
    """
    results = send_all(uploads, entries, workers)
    if wait:
        results = _wait_for_all(target, results, workers)
    results.sort(key=lambda result: result.source)
    show_results(results, as_json=as_json)
    if not wait and any(result.is_stored for result in results):
        err.print(
            "`sightline list` shows which are recognised; without --no-wait this command waits for their recognition"
        )
    if any(result.outcome not in GOOD_OUTCOMES for result in results):
        raise typer.Exit(1)


def send_all(uploads: Uploads, entries: Sequence[Source | Result], workers: int) -> list[Result]:
    """Send all sources, several at once.

    Raises:
        typer.Exit: the command was interrupted.
    """
    sources = [entry for entry in entries if not isinstance(entry, Result)]
    sent: list[Result] = []
    try:
        _in_parallel("sent", uploads.send, sources, workers, sent.append)
    except KeyboardInterrupt as interrupt:
        err.print(f"interrupted after {len(sent):,} of {len(sources):,} files; run the same command to continue")
        raise typer.Exit(130) from interrupt
    return sent + [entry for entry in entries if isinstance(entry, Result)]


def _wait_for_all(target: Target, results: Sequence[Result], workers: int) -> list[Result]:
    recognitions, recognised = Recognitions(target, workers), list[Result]()
    stored = [result for result in results if result.is_stored]
    try:
        _in_parallel("recognised", recognitions.wait, stored, workers, recognised.append)
    except KeyboardInterrupt as interrupt:
        recognitions.stop()
        err.print(
            f"interrupted: all files are sent, and {len(recognised):,} of {len(stored):,} are recognised. "
            "To wait for the others, run the same command; `sightline list` shows their state"
        )
        raise typer.Exit(130) from interrupt
    return recognised + [result for result in results if not result.is_stored]


def _in_parallel(
    description: str,
    work: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int,
    done: Callable[[Result], None],
) -> None:
    """Do the work with each item, several at once, and show the progress."""
    pool = ThreadPoolExecutor(workers)
    with progress_bar() as progress:
        bar = progress.add_task(description, total=len(items))
        try:
            for future in as_completed([pool.submit(work, item) for item in items]):
                done(future.result())
                progress.advance(bar)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def show_results(results: Sequence[Result], *, as_json: bool) -> None:
    """Print the number of each outcome, and the reasons of all files that were not stored."""
    counts = Counter(result.outcome for result in results)
    if as_json:
        problems = [
            {"file": each.source, "name": each.name, "outcome": each.outcome.name.lower(), "reason": each.reason}
            for each in results
            if each.reason
        ]
        out.print_json(data={**{each.name.lower(): counts[each] for each in Outcome}, "problems": problems})
        return
    for outcome in Outcome:
        if counts[outcome] or outcome is Outcome.STORED:
            out.print(f"{counts[outcome]:,} {outcome}")
        for result in results:
            if result.outcome is outcome and result.reason:
                say(f"  {result.source}: {result.reason}")
