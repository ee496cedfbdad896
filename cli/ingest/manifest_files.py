"""Ingests manifest files: puts them into the manifest bucket, and waits for their reports."""

import hashlib
import shlex
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

import typer
from botocore.exceptions import BotoCoreError, ClientError

from api.runtime.manifests.manifest_layout import ENDINGS, HEAD_BYTES, format_of, layout_of
from api.runtime.manifests.manifest_pieces import EndlessPieceError, Position, pieces
from api.runtime.manifests.manifest_table import Manifest
from cli.ingest import manifests
from cli.ingest.manifests import ManifestSystem, SentManifest
from cli.ingest.sources import reason_of
from cli.output import confirmed, err, plural
from cli.target import MissingOutputError, Target, TargetName
from common.runtime.abilities.enabled import as_metadata

CHUNK_BYTES = 1024 * 1024


class ManifestError(RuntimeError):
    """A manifest cannot be ingested. The message says why."""


def ingest_manifests(
    target: Target, paths: Sequence[Path], asked: Collection[str], *, yes: bool, wait: bool, as_json: bool
) -> None:
    """Put manifests into the manifest bucket. On AWS, ask for confirmation first. With `wait`, wait for the reports.

    All lines of the manifests ask for the abilities in `asked`. If the same manifest is sent again before its report is
    final, the command only waits for the report. After that, the manifest is read again.

    Raises:
        ManifestError: a file cannot be read or is empty, or AWS refused a call.
        typer.Exit: the user did not confirm or interrupted, or not all lines became images.
    """
    try:
        found = [(path, path.read_bytes()) for path in paths]
        for path, body in found:
            if not body.strip():
                raise ManifestError(f"{path} is empty")
        system = ManifestSystem.of(target)
        if target.name is TargetName.AWS and not yes:
            _confirm(found, system, asked)
        sent = [_put(system, path, body, asked) for path, body in found]
        options = [f"--ability={name}" for name in asked]
        again = [shlex.join([".venv/bin/sightline", "ingest", *options, *map(str, paths)])]
        manifests.finish(system, sent, again=again, wait=wait, as_json=as_json)
    except OSError as error:
        raise ManifestError(f"{error.filename}: {reason_of(error)}") from error
    except (BotoCoreError, ClientError, MissingOutputError) as error:
        raise ManifestError(str(error)) from error


def _confirm(found: Sequence[tuple[Path, bytes]], system: ManifestSystem, asked: Collection[str]) -> None:
    pictures = sum(count_lines(path, body) for path, body in found)
    err.print(f"at most {plural(pictures, 'picture')} in {', '.join(str(path) for path, _ in found)}", markup=False)
    manifests.print_cost(pictures, system, asked)
    if not confirmed(f"Fetch and recognise them ({system.target.description})?"):
        raise typer.Exit(1)


def count_lines(path: Path, body: bytes) -> int:
    """Return the largest number of pictures that a manifest can name: its lines, or the elements of its JSON list."""
    form = format_of(path.name)
    if form is None:
        raise ManifestError(f"{path} is no manifest, because the name of a manifest ends in {ENDINGS}")
    layout = layout_of(form, body[:HEAD_BYTES])
    chunks = (body[start : start + CHUNK_BYTES] for start in range(0, len(body), CHUNK_BYTES))
    count = 0
    with suppress(EndlessPieceError):  # the system does not read such a list to its end either
        for piece in pieces(layout, chunks, Position()):
            number = piece.end.number
            count += piece.content != b"" and number != layout.header and number > layout.skipped
    return count


def _put(system: ManifestSystem, path: Path, body: bytes, asked: Collection[str]) -> SentManifest:
    """Store a manifest, unless the same manifest is being read. Its key is derived from its content and abilities."""
    s3 = system.target.client("s3")
    metadata = as_metadata(asked)
    identity = body + "".join(metadata.values()).encode()
    key = f"ingest/{hashlib.sha256(identity).hexdigest()[:16]}/{path.name}"
    version_id = manifests.current_version(s3, system.bucket, key)
    if version_id is None or manifests.final_report(s3, system.bucket, Manifest(key, version_id)):
        version_id = s3.put_object(Bucket=system.bucket, Key=key, Body=body, Metadata=metadata)["VersionId"]
    else:
        err.print(f"{path} is being read already", markup=False)
    return SentManifest(str(path), Manifest(key, version_id), count_lines(path, body))
