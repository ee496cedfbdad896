"""Read manifests, queue their lines for fetching, and report the outcomes.

The manifest queue carries three kinds of messages. S3 sends the events of the manifest bucket. This function sends the
other two kinds to itself. One continues a reading that ran out of time. The other checks whether all lines have an
outcome.
"""

import json
import time
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from aws_lambda_powertools import Logger
from botocore.config import Config
from botocore.exceptions import ClientError

from api.runtime.manifests.manifest_layout import ENDINGS, HEAD_BYTES, format_of, layout_of
from api.runtime.manifests.manifest_lines import Asking, Entry, Rejection, entries
from api.runtime.manifests.manifest_pieces import Position
from api.runtime.manifests.manifest_reports import FOLDER, Reports
from api.runtime.manifests.manifest_table import Manifest, Manifests
from common.runtime.abilities.asked import asked_by, names_in
from common.runtime.aws_clients import client
from common.runtime.caches import cached
from common.runtime.environment import from_environment
from common.runtime.json_documents import read_object
from common.runtime.queue_consumer import Message, queue_consumer
from common.runtime.s3_events import changes
from common.runtime.timestamps import moment, now

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef
    from mypy_boto3_sqs import SQSClient

logger = Logger()

CHUNK_BYTES = 4 * 1024 * 1024
MAX_BATCH_LINES = 1_000
MAX_BATCH_BYTES = CHUNK_BYTES
"""After this many lines or bytes, the progress is saved and the remaining time is checked."""
SENDERS = 16
MAX_MESSAGES = 10  # SQS's limit for SendMessageBatch
SPARE_SECONDS = 30.0
"""If less time than this remains, another invocation continues. A thousand lines take about one second."""

FIRST_LOOK_SECONDS = 2
LAST_LOOK_SECONDS = 14 * 24 * 3600
"""SQS keeps a message for 14 days. After that, no line is being fetched any more."""
MAX_DELAY_SECONDS = 900  # SQS's limit

Task = Literal["read", "report"]


@dataclass(frozen=True)
class Environment:
    """The function's variables. `ability_names` are the enabled abilities, separated by commas."""

    manifest_bucket: str
    manifests_table: str
    manifest_queue_url: str
    fetch_queue_url: str
    ability_names: str = ""


@dataclass(frozen=True)
class Reader:
    """Reads manifests and follows the outcomes of their lines."""

    s3: "S3Client"
    sqs: "SQSClient"
    manifests: Manifests
    reports: Reports
    bucket: str
    queue_url: str
    fetch_queue_url: str
    abilities: tuple[str, ...]
    """The enabled abilities."""

    def read(self, manifest: Manifest, *, ends_at: float) -> None:
        """Read from the saved position until the file ends or the time `ends_at` (of `time.monotonic`) is near.

        Lines may be queued twice if they were queued before the progress was saved. This changes nothing. If two
        workers read at the same time, the second one stops.
        """
        progress = self.manifests.begin(manifest)
        if progress.read_at:
            self._send("report", manifest)
            return
        found = self._entries(manifest, progress.position)
        reader = str(uuid.uuid4())
        while lines := _next_batch(found, progress.offset):
            accepted = [entry for _, entry in lines if isinstance(entry, Entry)]
            rejected = [entry for _, entry in lines if isinstance(entry, Rejection)]
            self._queue(manifest, accepted)
            self.manifests.reject(manifest, rejected)
            end, _ = lines[-1]
            further = progress.further(end, reader=reader, accepted=len(accepted), rejected=len(rejected))
            if not self.manifests.advance(manifest, progress, further):
                logger.info("another worker reads the manifest")
                return
            progress = further
            if time.monotonic() > ends_at - SPARE_SECONDS:
                logger.info("read so far", extra={"lines": progress.number})
                self._send("read", manifest)
                return
        further = replace(progress, reader=reader, read_at=now())
        if self.manifests.advance(manifest, progress, further):
            logger.info("read", extra={"accepted": progress.accepted, "rejected": progress.rejected})
            self.reports.write(manifest, further, "running")
            self._send("report", manifest)

    def report(self, manifest: Manifest, not_before: float) -> None:
        """Write the report if every line has an outcome.

        Otherwise check again after a tenth of the time that has passed.
        """
        if (left := not_before - time.time()) > 1:
            self._send("report", manifest, not_before=not_before, delay=left)
            return
        progress = self.manifests.progress(manifest)
        if progress.finished_at:
            return
        seconds = time.time() - moment(progress.started_at).timestamp()
        unfinished = progress.accepted + progress.rejected - self.manifests.count(manifest)
        if unfinished and seconds < LAST_LOOK_SECONDS:
            delay = max(FIRST_LOOK_SECONDS, seconds / 10)
            self._send("report", manifest, not_before=time.time() + delay, delay=delay)
            return
        finished = replace(progress, finished_at=now())
        self.reports.write(manifest, finished, "unfinished" if unfinished else "done")
        self.manifests.finish(manifest, finished)
        logger.info("reported", extra={"unfinished": unfinished})

    def _entries(self, manifest: Manifest, start: Position) -> Iterator[tuple[Position, Entry | Rejection | None]]:
        form = format_of(manifest.key)
        if form is None:
            reason = f"the object is no manifest: the name of a manifest ends in {ENDINGS}"
            return iter([] if start.number else [(Position(1, 1), Rejection(1, reason))])
        answer = self._get(manifest, 0, HEAD_BYTES)
        if answer is None:
            return iter([])
        asking = Asking(self.abilities, asked_by(answer["Metadata"]))
        layout = layout_of(form, answer["Body"].read())
        return entries(layout, self._chunks(manifest, start.offset, CHUNK_BYTES), start, asking)

    def _chunks(self, manifest: Manifest, offset: int, chunk_bytes: int) -> Iterator[bytes]:
        """Yield the rest of the file.

        Each chunk is a separate request, because no connection lasts for the whole reading.
        """
        size = offset + 1
        while offset < size:
            answer = self._get(manifest, offset, chunk_bytes)
            if answer is None:
                return
            size = int(answer["ContentRange"].rpartition("/")[2])
            body = answer["Body"].read()
            offset += len(body)
            yield body

    def _get(self, manifest: Manifest, offset: int, size: int) -> "GetObjectOutputTypeDef | None":
        """Request some bytes. Returns None if the file is empty or has no bytes from `offset` on."""
        try:
            return self.s3.get_object(
                Bucket=self.bucket,
                Key=manifest.key,
                VersionId=manifest.version_id,
                Range=f"bytes={offset}-{offset + size - 1}",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "InvalidRange":
                return None
            raise

    def _queue(self, manifest: Manifest, accepted: list[Entry]) -> None:
        batches = [accepted[start : start + MAX_MESSAGES] for start in range(0, len(accepted), MAX_MESSAGES)]
        with ThreadPoolExecutor(SENDERS) as pool:
            list(pool.map(lambda batch: self._send_batch(manifest, batch), batches))

    def _send_batch(self, manifest: Manifest, batch: list[Entry]) -> None:
        messages: list[Any] = [
            {"Id": str(number), "MessageBody": json.dumps({**vars(manifest), **_members(entry)})}
            for number, entry in enumerate(batch)
        ]
        answer = self.sqs.send_message_batch(QueueUrl=self.fetch_queue_url, Entries=messages)
        if failed := answer.get("Failed"):
            raise ManifestError(f"SQS refused {len(failed)} of {len(batch)} messages: {failed[0]}")

    def _send(self, task: Task, manifest: Manifest, *, not_before: float = 0, delay: float = 0) -> None:
        body = json.dumps({"task": task, **vars(manifest), "not_before": not_before})
        seconds = min(MAX_DELAY_SECONDS, round(delay))
        self.sqs.send_message(QueueUrl=self.queue_url, MessageBody=body, DelaySeconds=seconds)


class ManifestError(RuntimeError):
    """The reading of a manifest failed for now."""


def _members(entry: Entry) -> dict[str, Any]:
    """Return the members that describe the entry in its message."""
    return {name: value for name, value in vars(entry).items() if name != "abilities" or value}


def _next_batch(
    found: Iterable[tuple[Position, Entry | Rejection | None]], offset: int
) -> list[tuple[Position, Entry | Rejection | None]]:
    """Take at most MAX_BATCH_LINES entries, and none that begins more than MAX_BATCH_BYTES after `offset`."""
    batch = []
    for position, entry in found:
        batch.append((position, entry))
        if len(batch) >= MAX_BATCH_LINES or position.offset - offset >= MAX_BATCH_BYTES:
            break
    return batch


@cached
def _environment() -> Environment:
    return from_environment(Environment)


@cached
def reader() -> Reader:
    """Return this worker's reader."""
    environment = _environment()
    s3 = client("s3")
    manifests = Manifests(client("dynamodb"), environment.manifests_table)
    return Reader(
        s3=s3,
        sqs=client("sqs", Config(max_pool_connections=SENDERS)),
        manifests=manifests,
        reports=Reports(s3, environment.manifest_bucket, manifests),
        bucket=environment.manifest_bucket,
        queue_url=environment.manifest_queue_url,
        fetch_queue_url=environment.fetch_queue_url,
        abilities=names_in(environment.ability_names),
    )


def _followed(manifest: Manifest) -> Manifest:
    """Return the manifest. Later log lines about this message name it too."""
    logger.thread_safe_append_keys(manifest=manifest.key, correlation_id=manifest.version_id)
    return manifest


@queue_consumer(queue_url=lambda _: _environment().manifest_queue_url)
def handler(message: Message) -> None:
    """Read a manifest, or report on it."""
    document = read_object(message.body)
    if "task" in document:
        manifest = _followed(Manifest(document["key"], document["version_id"]))
        if document["task"] == "report":
            reader().report(manifest, document["not_before"])
        else:
            reader().read(manifest, ends_at=message.ends_at)
        return
    for change in changes(message.body):
        is_folder = change.key.endswith("/")
        if not change.deleted and change.version_id and not is_folder and not change.key.startswith(FOLDER):
            reader().read(_followed(Manifest(change.key, change.version_id)), ends_at=message.ends_at)
