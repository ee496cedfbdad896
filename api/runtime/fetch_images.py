"""Fetch the pictures of manifests and store the outcome of each line."""

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from aws_lambda_powertools import Logger

from api.runtime.manifests.manifest_table import Manifest, Manifests, Outcome
from api.runtime.sources.s3_copies import Copier
from api.runtime.sources.save_from_url import REFUSALS, Saver, Upload
from api.runtime.sources.source_urls import S3_SCHEME, S3Object
from api.runtime.uploads.image_store import ImageStore
from common.imaging.decoder import DecoderUnavailableError
from common.runtime.aws_clients import client
from common.runtime.caches import cached
from common.runtime.environment import from_environment
from common.runtime.json_documents import read_object, text_of
from common.runtime.message_batch import LAST_RETRY_SECONDS, RetryLaterError, backoff
from common.runtime.metrics import count
from common.runtime.queue_consumer import Message, queue_consumer
from common.runtime.safe_fetch.errors import SourceFailedError, SourceTimeoutError
from common.runtime.safe_fetch.rules import SourceRules

logger = Logger()

TRIES = 8
"""The number of attempts at a line. With backoff, a source that is down has about 15 minutes to come up again."""
PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
SPARE_SECONDS = 40.0
"""The longest time that fetching and storing one picture takes."""


@dataclass(frozen=True)
class Environment:
    """Environment variables. `sources` and `source_buckets` are JSON."""

    image_bucket: str
    manifests_table: str
    fetch_queue_url: str
    sources: str
    source_buckets: str
    max_image_bytes: str
    max_image_pixels: str


@dataclass(frozen=True)
class Line:
    """A line of a manifest. Its picture is to be fetched."""

    manifest: Manifest
    number: int
    url: str
    name: str
    abilities: tuple[str, ...]

    @classmethod
    def from_json(cls, text: str) -> "Line":
        """Read a message of `read_manifest`."""
        document = read_object(text)
        manifest = Manifest(text_of(document["key"]), text_of(document["version_id"]))
        return cls(
            manifest,
            int(document["number"]),
            text_of(document["url"]),
            text_of(document["name"]),
            tuple(text_of(name) for name in document.get("abilities", ())),
        )

    @property
    def host(self) -> str:
        """The host from which the picture is fetched."""
        return urlsplit(self.url).netloc.lower()


@dataclass(frozen=True)
class Fetcher:
    """Stores the picture that a line names, and the line's outcome."""

    saver: Saver
    copier: Copier
    manifests: Manifests

    def handle(self, line: Line, receives: int) -> None:
        """Fetch or copy the picture, unless the line has an outcome already.

        Raises:
            RetryLaterError: another try may succeed.
            ClientError, BotoCoreError: one of our own services failed for now.
        """
        if self.manifests.has_outcome(line.manifest, line.number):
            return
        try:
            changed = self._save(line)
        except tuple(REFUSALS) as error:
            if receives < TRIES and (seconds := retry_seconds(error, receives)) is not None:
                raise RetryLaterError(str(error), seconds) from error
            _, code = REFUSALS[type(error)]
            reason = f"{code}: {error}"
            self.manifests.settle(line.manifest, line.number, "failed", url=line.url, reason=reason)
            logger.info("failed", extra={"reason": reason})
        else:
            outcome: Outcome = "stored" if changed else "unchanged"
            if changed:
                count("Uploaded")
            self.manifests.settle(line.manifest, line.number, outcome)
            logger.info(outcome)

    def _save(self, line: Line) -> bool:
        if line.url.startswith(S3_SCHEME):
            return self.copier.copy(S3Object.from_url(line.url), line.name, line.manifest.version_id, line.abilities)
        upload = Upload(line.url, line.name, line.manifest.version_id, abilities=line.abilities)
        return self.saver.save(upload).changed


def retry_seconds(error: Exception, receives: int) -> int | None:
    """Return the seconds until the source may be asked again, or None if another attempt would not help."""
    if isinstance(error, SourceTimeoutError | DecoderUnavailableError):
        return backoff(receives)
    if not isinstance(error, SourceFailedError):
        return None
    if error.status is None or error.status in PASSING or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return min(LAST_RETRY_SECONDS, max(error.retry_after or 0, backoff(receives)))
    return None


@cached
def _environment() -> Environment:
    return from_environment(Environment)


@cached
def fetcher() -> Fetcher:
    """Return this worker's fetcher."""
    environment = _environment()
    s3 = client("s3")
    return Fetcher(
        saver=Saver(
            store=ImageStore(s3, environment.image_bucket),
            rules=SourceRules.from_json(environment.sources),
            max_pixels=int(environment.max_image_pixels),
        ),
        copier=Copier(
            s3,
            environment.image_bucket,
            source_buckets=json.loads(environment.source_buckets),
            max_bytes=int(environment.max_image_bytes),
        ),
        manifests=Manifests(client("dynamodb"), environment.manifests_table),
    )


def _no_turns(_: Sequence[Message]) -> dict[str, threading.Lock]:
    return {}


@queue_consumer(queue_url=lambda _: _environment().fetch_queue_url, prepare=_no_turns)
def handler(message: Message, turns: dict[str, threading.Lock]) -> None:
    """Fetch the picture of one line. A worker fetches one picture at a time from each host, but any number from S3."""
    line = Line.from_json(message.body)
    logger.thread_safe_append_keys(
        manifest=line.manifest.key, line=line.number, image=line.name, correlation_id=line.manifest.version_id
    )
    turn = message.id if line.url.startswith(S3_SCHEME) else line.host
    with turns.setdefault(turn, threading.Lock()):
        if message.seconds_left < SPARE_SECONDS:
            raise RetryLaterError("its host was too slow for the lines before it", 1)
        fetcher().handle(line, message.receives)
