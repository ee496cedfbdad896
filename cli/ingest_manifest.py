"""Manifest files become images: they are put into the manifest bucket, and followed to their reports."""

import hashlib
import json
import shlex
from collections.abc import Sequence
from pathlib import Path

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from cli import manifests
from cli.ingest_files import words
from cli.manifests import Sent, System
from cli.target import Target, TargetName


class ManifestError(RuntimeError):
    """A manifest cannot be taken in; the message says why."""


def run(
    target: Target, paths: Sequence[Path], *, yes: bool, wait: bool, as_json: bool, out: Console, err: Console
) -> None:
    """Put manifests into their bucket, on AWS once agreed to; with `wait` see them through.

    The same manifest again goes on with following it, until its report is there; then it is done again.

    Raises:
        ManifestError: a file cannot be read or is empty, or AWS refused a call.
        typer.Exit: it was not agreed to, it was interrupted, or not all lines became images.
    """
    try:
        found = [(path, path.read_bytes()) for path in paths]
        for path, body in found:
            if not body.strip():
                raise ManifestError(f"{path} is empty")
        system = System.of(target)
        if target.name is TargetName.AWS and not yes:
            _ask(found, system, target, err)
        sent = [_put(target, system, path, body, err) for path, body in found]
        again = [shlex.join([".venv/bin/sightline", "ingest", *map(str, paths)])]
        manifests.see_through(target, system, sent, again=again, wait=wait, as_json=as_json, out=out, err=err)
    except OSError as error:
        raise ManifestError(f"{error.filename}: {words(error)}") from error
    except (BotoCoreError, ClientError) as error:
        raise ManifestError(str(error)) from error


def _ask(found: Sequence[tuple[Path, bytes]], system: System, target: Target, err: Console) -> None:
    pictures = sum(lines(path, body) for path, body in found)
    err.print(f"at most {pictures:,} pictures in {', '.join(str(path) for path, _ in found)}", markup=False)
    manifests.say_cost(pictures, system, target, err)
    if not typer.confirm(f"Fetch them, and recognise what is in them ({target.place})?", err=True):
        raise typer.Exit(1)


def lines(path: Path, body: bytes) -> int:
    """Count the pictures that a manifest may name, by its lines or, of a .json file, its elements."""
    if path.suffix.lower() == ".json":
        try:
            document = json.loads(body)
        except ValueError:
            return 1
        return len(document) if isinstance(document, list) else 1
    return sum(1 for line in body.splitlines() if line.strip())


def _put(target: Target, system: System, path: Path, body: bytes, err: Console) -> Sent:
    """Put a manifest under a key of its own content, unless it is on its way already."""
    s3 = target.client("s3")
    key = f"ingest/{hashlib.sha256(body).hexdigest()[:16]}/{path.name}"
    version_id = manifests.version_of(s3, system.manifests, key)
    if version_id is None or manifests.final_report(s3, system, key, version_id):
        version_id = s3.put_object(Bucket=system.manifests, Key=key, Body=body)["VersionId"]
    else:
        err.print(f"{path} is on its way already", markup=False)
    return Sent(str(path), key, version_id, lines(path, body))
