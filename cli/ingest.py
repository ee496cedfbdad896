"""`sightline ingest`: files, folders and whole buckets become images."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from cli import ingest_bucket
from cli.calls import TIMEOUT_SECONDS, CallError, call, retrying_session
from cli.target import Target, TargetError, TargetName, find

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

CONTENT_TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".jfif": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".heic": "image/heic",
    ".heif": "image/heic",
    ".gif": "image/gif",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".bmp": "image/bmp",
}
"""What a file is by its name. What it really is, is looked at when it has arrived."""

MAX_BYTES = 15 * 1024 * 1024
SHOWN = 20


class Outcome(StrEnum):
    """What became of a file."""

    STORED = "stored"
    UNCHANGED = "there already"
    SKIPPED = "no picture"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True)
class File:
    """A file, and what the image is to be called."""

    path: Path
    name: str


@dataclass(frozen=True)
class Result:
    """What became of a file, and why."""

    file: File
    outcome: Outcome
    reason: str = ""


def ingest(
    paths: Annotated[list[str], typer.Argument(help="Files, folders, or one s3://bucket/prefix.")],
    *,
    prefix: Annotated[str, typer.Option(help="What the images' names are to begin with, as in holiday/.")] = "",
    workers: Annotated[int, typer.Option(min=1, max=64, help="How many files at once.")] = 8,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace other pictures of these names.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Copy a bucket without asking.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Follow a bucket's pictures until all are stored.")] = False,
    target: Annotated[
        TargetName | None,
        typer.Option(
            "--target", help="Where the system runs. Without it: local if a local system is registered, else aws."
        ),
    ] = None,
) -> None:
    """Store files, folders (under the names that they have in there) or the pictures of a whole bucket.

    Once more, it goes on: what is there already is not sent again.
    """
    try:
        found = find(target)
    except TargetError as error:
        _fail(error)
    err.print(f"[dim]target: {found.name}[/dim]")
    if any(path.startswith(ingest_bucket.SCHEME) for path in paths):
        if len(paths) > 1 or overwrite:
            _fail("a bucket is taken alone and without --overwrite, as in sightline ingest s3://bucket/prefix")
        try:
            ingest_bucket.run(found, paths[0], prefix, yes=yes, wait=wait, as_json=as_json, out=out, err=err)
        except ingest_bucket.BucketError as error:
            _fail(error)
        return
    try:
        files = list(files_of([Path(path).expanduser() for path in paths], prefix))
    except FileNotFoundError as error:
        _fail(f"there is no file or folder {error.filename}")
    results = _send(Uploads(found, workers, overwrite=overwrite), files, workers)
    _show(results, as_json=as_json)
    if any(result.outcome in {Outcome.REFUSED, Outcome.FAILED} for result in results):
        raise typer.Exit(1)


def files_of(paths: Sequence[Path], prefix: str) -> Iterator[File]:
    """The files, and those in the folders, named as in there; folders behind symbolic links are not entered.

    Raises:
        FileNotFoundError: there is no such path.
    """
    for path in paths:
        if path.is_dir():
            for folder, folders, names in os.walk(path):
                folders.sort()
                for name in sorted(names):
                    file = Path(folder, name)
                    yield File(file, prefix + file.relative_to(path).as_posix())
        else:
            path.stat()
            yield File(path, prefix + path.name)


class Uploads:
    """Sends files to a running system."""

    def __init__(self, target: Target, workers: int, *, overwrite: bool) -> None:
        self._target = target
        self._overwrite = overwrite
        self._session = retrying_session(workers)

    def send(self, file: File) -> Result:
        """Send the file, if it is a picture by its name and not there already."""
        content_type = CONTENT_TYPES.get(file.path.suffix.lower())
        if content_type is None:
            return Result(file, Outcome.SKIPPED)
        try:
            size = file.path.stat().st_size
            if not 0 < size <= MAX_BYTES:
                limit = "put larger ones into the bucket itself, with aws s3 cp" if size else "it is empty"
                return Result(file, Outcome.REFUSED, f"{size:,} bytes; a file takes 1 to {MAX_BYTES:,}: {limit}")
            return self._send(file, content_type, file.path.read_bytes())
        except CallError as error:
            return Result(file, Outcome.REFUSED if error.status else Outcome.FAILED, str(error))
        except OSError as error:  # requests' errors are OSErrors
            return Result(file, Outcome.FAILED, _words(error))

    def _send(self, file: File, content_type: str, body: bytes) -> Result:
        md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
        wish = {"name": file.name, "content_type": content_type, "md5": md5, "overwrite": self._overwrite}
        answer = call(self._target, "POST", f"{self._target.upload}/uploads", body=wish, session=self._session)
        if answer.status_code != HTTPStatus.CREATED:
            return Result(file, Outcome.UNCHANGED)
        form = answer.json()
        posted = self._session.post(form["url"], data=form["fields"], files={"file": body}, timeout=TIMEOUT_SECONDS)
        if not posted.ok:
            return Result(file, Outcome.REFUSED, f"S3 answered {posted.status_code}: {posted.text[:200]}")
        if posted.headers.get("ETag", md5).strip('"') != md5:
            return Result(file, Outcome.FAILED, "what S3 has stored is not what was sent; send it again")
        return Result(file, Outcome.STORED)


def _send(uploads: Uploads, files: Sequence[File], workers: int) -> list[Result]:
    results: list[Result] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    pool = ThreadPoolExecutor(workers)
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        bar = progress.add_task("files", total=len(files))
        try:
            for done in as_completed([pool.submit(uploads.send, file) for file in files]):
                results.append(done.result())
                progress.advance(bar)
        except KeyboardInterrupt as interrupt:
            progress.stop()
            err.print(
                f"interrupted after {len(results):,} of {len(files):,} files; the same command goes on from there"
            )
            pool.shutdown(cancel_futures=True)
            raise typer.Exit(130) from interrupt
        finally:
            pool.shutdown(cancel_futures=True)
    return sorted(results, key=lambda result: result.file.path)


def _show(results: Sequence[Result], *, as_json: bool) -> None:
    counts = Counter(result.outcome for result in results)
    wrong = [result for result in results if result.reason]
    if as_json:
        document = {
            **{outcome.name.lower(): counts[outcome] for outcome in Outcome},
            "problems": [{"file": str(r.file.path), "name": r.file.name, "reason": r.reason} for r in wrong],
        }
        out.print_json(json.dumps(document))
        return
    table = Table("files", "", box=None)
    for outcome in Outcome:
        table.add_row(f"{counts[outcome]:,}", outcome)
    out.print(table)
    for result in wrong[:SHOWN]:
        out.print(f"[red]✗[/red] {escape(str(result.file.path))}: {escape(result.reason)}")
    if len(wrong) > SHOWN:
        out.print(f"… and {len(wrong) - SHOWN:,} more; --json has them all")


def _words(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) and error.strerror else None) or type(error).__name__


def _fail(error: Exception | str) -> NoReturn:
    err.print("[red]✗[/red]", escape(str(error)))
    raise typer.Exit(1)
