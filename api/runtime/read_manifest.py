"""Reads manifests, hands their lines on to be fetched, and reports what became of them.

The manifest queue brings three kinds of messages: what S3 says has happened in the manifest bucket, and two that this
function sends itself: that it has to go on reading, as its time was up, and that it has to look whether all is fetched.
"""

import itertools
import json
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from aws_lambda_powertools import Logger
from botocore.config import Config
from botocore.exceptions import ClientError

from api.runtime.manifests.manifest_lines import Entry, Rejection, entries, kind_of
from api.runtime.manifests.manifest_reports import FOLDER, Reports
from api.runtime.manifests.manifest_table import Manifest, Manifests, now
from common.runtime.aws_clients import client
from common.runtime.caches import cached
from common.runtime.environment import from_environment
from common.runtime.queue_consumer import Message, queue_consumer
from common.runtime.s3_events import changes

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

logger = Logger()

CHUNK = 4 * 1024 * 1024
LINES_AT_ONCE = 1_000
SENDERS = 16
BATCH = 10  # SQS's limit for SendMessageBatch
SPARE_SECONDS = 30.0
"""What is left of the time when it is better to go on in another invocation: a thousand lines take about one second."""

FIRST_LOOK_SECONDS = 2
LAST_LOOK_SECONDS = 14 * 24 * 3600
"""After that no message can be left of those that have the lines fetched."""
MAX_DELAY_SECONDS = 900  # SQS's limit

Task = Literal["read", "report"]


@dataclass(frozen=True)
class Environment:
    """The function's variables."""

    manifest_bucket: str
    manifests_table: str
    manifest_queue_url: str
    fetch_queue_url: str


@dataclass(frozen=True)
class Reader:
    """Reads manifests and follows what becomes of their lines."""

    s3: "S3Client"
    sqs: "SQSClient"
    manifests: Manifests
    reports: Reports
    bucket: str
    queue_url: str
    fetch_queue_url: str

    def read(self, manifest: Manifest, *, ends_at: float) -> None:
        """Read on from where others have stopped, until the file ends or the time does (`time.monotonic`).

        What is sent before the progress is noted may be sent again, and changes nothing then; of two who read at the
        same time, the one who comes second stops.
        """
        progress = self.manifests.begin(manifest)
        if progress.read_at:
            self._send("report", manifest)
            return
        found = entries(manifest.key.rpartition(".")[2], self._chunks(manifest, progress.offset), progress.position)
        reader = str(uuid.uuid4())
        while lines := list(itertools.islice(found, LINES_AT_ONCE)):
            accepted = [entry for _, entry in lines if isinstance(entry, Entry)]
            rejected = [entry for _, entry in lines if isinstance(entry, Rejection)]
            self._have_fetched(manifest, accepted)
            self.manifests.reject(manifest, rejected)
            end, _ = lines[-1]
            further = progress.further(end, reader=reader, accepted=len(accepted), rejected=len(rejected))
            if not self.manifests.advance(manifest, progress, further):
                logger.info("somebody else reads it")
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
        """Write the report if each line has its outcome, else look again later: a tenth of the time so far."""
        if (left := not_before - time.time()) > 1:
            self._send("report", manifest, not_before=not_before, delay=left)
            return
        progress = self.manifests.progress(manifest)
        if progress.finished_at:
            return
        seconds = time.time() - datetime.fromisoformat(progress.started_at).timestamp()
        unfinished = progress.accepted + progress.rejected - self.manifests.count(manifest)
        if unfinished and seconds < LAST_LOOK_SECONDS:
            delay = max(FIRST_LOOK_SECONDS, seconds / 10)
            self._send("report", manifest, not_before=time.time() + delay, delay=delay)
            return
        finished = replace(progress, finished_at=now())
        self.reports.write(manifest, finished, "unfinished" if unfinished else "done")
        self.manifests.finish(manifest, finished)
        logger.info("reported", extra={"unfinished": unfinished})

    def _chunks(self, manifest: Manifest, offset: int) -> Iterator[bytes]:
        """The rest of the file, in as many requests as it takes: a connection does not live as long as we read."""
        size = offset + 1
        while offset < size:
            try:
                answer = self.s3.get_object(
                    Bucket=self.bucket,
                    Key=manifest.key,
                    VersionId=manifest.version_id,
                    Range=f"bytes={offset}-{offset + CHUNK - 1}",
                )
            except ClientError as error:
                if error.response["Error"]["Code"] == "InvalidRange":  # it is empty, or was read to its end
                    return
                raise
            size = int(answer["ContentRange"].rpartition("/")[2])
            body = answer["Body"].read()
            offset += len(body)
            yield body

    def _have_fetched(self, manifest: Manifest, accepted: list[Entry]) -> None:
        batches = [accepted[start : start + BATCH] for start in range(0, len(accepted), BATCH)]
        with ThreadPoolExecutor(SENDERS) as pool:
            list(pool.map(lambda batch: self._send_batch(manifest, batch), batches))

    def _send_batch(self, manifest: Manifest, batch: list[Entry]) -> None:
        messages: list[Any] = [
            {"Id": str(number), "MessageBody": json.dumps({**vars(manifest), **vars(entry)})}
            for number, entry in enumerate(batch)
        ]
        answer = self.sqs.send_message_batch(QueueUrl=self.fetch_queue_url, Entries=messages)
        if failed := answer.get("Failed"):
            raise ManifestError(f"SQS did not take {len(failed)} of {len(batch)} messages: {failed[0]}")

    def _send(self, task: Task, manifest: Manifest, *, not_before: float = 0, delay: float = 0) -> None:
        body = json.dumps({"task": task, **vars(manifest), "not_before": not_before})
        seconds = min(MAX_DELAY_SECONDS, round(delay))
        self.sqs.send_message(QueueUrl=self.queue_url, MessageBody=body, DelaySeconds=seconds)


class ManifestError(RuntimeError):
    """A manifest cannot be read on for now."""


@cached
def _environment() -> Environment:
    return from_environment(Environment)


@cached
def reader() -> Reader:
    """The one of this worker, made at its first message."""
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
    )


def _followed(manifest: Manifest) -> Manifest:
    """The manifest, once all further lines of the log say that they are about it."""
    logger.thread_safe_append_keys(manifest=manifest.key, correlation_id=manifest.version_id)
    return manifest


@queue_consumer(queue_url=lambda: _environment().manifest_queue_url)
def handler(message: Message) -> None:
    """Read a manifest, or report on it."""
    document = json.loads(message.body)
    if "task" in document:
        manifest = _followed(Manifest(document["key"], document["version_id"]))
        if document["task"] == "report":
            reader().report(manifest, document["not_before"])
        else:
            reader().read(manifest, ends_at=message.ends_at)
        return
    for change in changes(message.body):
        if not change.deleted and not change.key.startswith(FOLDER) and kind_of(change.key) and change.version_id:
            reader().read(_followed(Manifest(change.key, change.version_id)), ends_at=message.ends_at)
