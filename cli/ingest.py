"""`sightline ingest`: files, folders, URLs, manifests and whole buckets become images."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cli import ingest_bucket, ingest_manifest
from cli.ingest_files import (
    MANIFESTS,
    Outcome,
    Recognitions,
    Result,
    Source,
    Uploads,
    found_in,
    without_doubles,
    words,
)
from cli.lines import printable
from cli.target import Target, TargetError, TargetName, find

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

GOOD = {Outcome.STORED, Outcome.UNCHANGED, Outcome.SKIPPED}
"""Outcomes that are no reason for an exit code."""

Item = TypeVar("Item")


def ingest(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="Files, folders and URLs; or manifests (.csv, .jsonl, .json); or one s3://bucket/prefix.",
            show_default=False,
        ),
    ],
    *,
    prefix: Annotated[str, typer.Option(help="What the images' names begin with, as in holiday/.")] = "",
    workers: Annotated[int, typer.Option(min=1, max=64, help="How many files at once.")] = 8,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace other pictures of these names.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Copy a bucket, or on AWS a manifest, without asking.")] = False,
    wait: Annotated[
        bool, typer.Option(help="Wait until files are recognised, and manifests and buckets stored.")
    ] = True,
    target: Annotated[
        TargetName | None,
        typer.Option(
            "--target", help="Where the system runs. Without it: local if a local system is registered, else aws."
        ),
    ] = None,
) -> None:
    """Store pictures: files, folders (under the names in there), URLs, or what manifests or a bucket name.

    Lists what is left out, and last what is FAILED, with the reasons. The same command again sends what is missing.
    """
    try:
        found = find(target)
    except TargetError as error:
        _fail(error)
    err.print(f"[dim]target: {found.place}[/dim]")
    try:
        if any(source.startswith(ingest_bucket.SCHEME) for source in sources):
            if len(sources) > 1 or overwrite:
                _fail("a bucket is taken alone and without --overwrite, as in sightline ingest s3://bucket/prefix")
            ingest_bucket.run(found, sources[0], prefix, yes=yes, wait=wait, as_json=as_json, out=out, err=err)
        elif manifests := _manifests(sources):
            if prefix or overwrite:
                _fail("a manifest names its pictures itself, and replaces none: leave out --prefix and --overwrite")
            ingest_manifest.run(found, manifests, yes=yes, wait=wait, as_json=as_json, out=out, err=err)
        else:
            results = _store(found, _entries(sources, prefix), workers, overwrite=overwrite, wait=wait)
            _show(results, as_json=as_json)
            if not wait and any(result.is_stored for result in results):
                err.print("`sightline list` shows what is recognised; without --no-wait this is waited for")
            if any(result.outcome not in GOOD for result in results):
                raise typer.Exit(1)
    except (ingest_bucket.BucketError, ingest_manifest.ManifestError) as error:
        _fail(error)


def _manifests(sources: Sequence[str]) -> list[Path]:
    """Return the files, if all of them are manifests: among other files a .json is more likely one's metadata."""
    paths = [Path(source) for source in sources]
    return paths if all(path.suffix.lower() in MANIFESTS and path.is_file() for path in paths) else []


def _entries(sources: Sequence[str], prefix: str) -> list[Source | Result]:
    try:
        return list(without_doubles(found_in(sources, prefix)))
    except FileNotFoundError as error:
        _fail(f"there is no file or folder {error.args[0]!r}")
    except OSError as error:
        _fail(f"{error.filename}: {words(error)}")


def _store(
    target: Target, entries: Sequence[Source | Result], workers: int, *, overwrite: bool, wait: bool
) -> list[Result]:
    """Send everything, and wait for its recognition.

    Raises:
        typer.Exit: it was interrupted.
    """
    uploads = Uploads(target, workers, overwrite=overwrite)
    sources = [entry for entry in entries if not isinstance(entry, Result)]
    results = [entry for entry in entries if isinstance(entry, Result)]
    sent: list[Result] = []
    try:
        _side_by_side("sent", uploads.send, sources, workers, sent.append)
    except KeyboardInterrupt as interrupt:
        err.print(f"interrupted after {len(sent):,} of {len(sources):,} files; the same command goes on from there")
        raise typer.Exit(130) from interrupt
    stored = [result for result in sent if result.is_stored]
    results += [result for result in sent if not result.is_stored]
    if not wait:
        return sorted(results + stored, key=lambda result: result.source)
    recognitions, recognised = Recognitions(target, workers), list[Result]()
    try:
        _side_by_side("recognised", recognitions.wait, stored, workers, recognised.append)
    except KeyboardInterrupt as interrupt:
        recognitions.stop()
        err.print(
            f"interrupted: everything is sent, and {len(recognised):,} of {len(stored):,} are recognised; "
            "`sightline list` shows the others, and the same command waits for them"
        )
        raise typer.Exit(130) from interrupt
    return sorted(results + recognised, key=lambda result: result.source)


def _side_by_side(
    what: str, work: Callable[[Item], Result], items: Sequence[Item], workers: int, done: Callable[[Result], None]
) -> None:
    """Do the work with each item, several at once, and show how far it is."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    pool = ThreadPoolExecutor(workers)
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        bar = progress.add_task(what, total=len(items))
        try:
            for future in as_completed([pool.submit(work, item) for item in items]):
                done(future.result())
                progress.advance(bar)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _show(results: Sequence[Result], *, as_json: bool) -> None:
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
                out.print(f"  {printable(f'{result.source}: {result.reason}')}", markup=False, emoji=False)


def _fail(error: Exception | str) -> NoReturn:
    err.print("[red]✗[/red]", escape(str(error)))
    raise typer.Exit(1)
