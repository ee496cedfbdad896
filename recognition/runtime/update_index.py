"""Brings up to an image's record what is derived from it: the label index, its counts and the result document.

An event says only which image has changed; the record says how. So repeated, late and disordered messages do no harm,
and everything is rebuilt by sending every image's name again.
"""

import json
from dataclasses import dataclass

from aws_lambda_powertools import Logger

from common.runtime.aws_clients import client
from common.runtime.caches import cached
from common.runtime.environment import from_environment
from common.runtime.message_batch import RetryLaterError
from common.runtime.queue_consumer import Message, queue_consumer
from common.runtime.recognition_event import RecognitionEvent
from recognition.runtime.index.index_writer import LabelIndex, OvertakenError
from recognition.runtime.records.image_records import Classifications
from recognition.runtime.records.result_documents import ResultDocuments

logger = Logger()

REPROJECTION = "sightline.reprojection/1"
"""The schema of the message that has an image projected again: `{"schema", "image", "image_id"}`."""

TRIES = 5
WAIT_SECONDS = 5


@dataclass(frozen=True)
class Environment:
    """The function's variables."""

    classifications_table: str
    label_index_table: str
    label_counts_table: str
    projections_table: str
    results_bucket: str
    queue_url: str


@dataclass(frozen=True)
class Projector:
    """Reconciles what is derived from one image's record."""

    records: Classifications
    index: LabelIndex
    results: ResultDocuments

    def handle(self, image: str, image_id: str, *, rewrite: bool) -> None:
        """Bring the index and the result document up to the record as it is now.

        The order makes it exact: of two workers at one image only one can raise the revision that both have seen, and
        the other begins again. So the last one to succeed has read the record after all that was stored before its
        event, and has written the document after everybody else.

        Raises:
            RetryLaterError: other workers kept coming first.
            ClientError, BotoCoreError: for now.
        """
        for _ in range(TRIES):
            seen = self.index.look(image)
            record = self.records.get(image)
            self.results.bring_up(image_id, record)
            try:
                self.index.bring_up(image, image_id, record, seen=seen, rewrite=rewrite)
            except OvertakenError:
                continue
            logger.info("projected", extra={"status": record.status if record else None})
            return
        raise RetryLaterError("other workers are at the same image", WAIT_SECONDS)


@cached
def _environment() -> Environment:
    return from_environment(Environment)


@cached
def projector() -> Projector:
    """The one of this worker, made at its first message."""
    environment = _environment()
    dynamodb = client("dynamodb")
    return Projector(
        records=Classifications(dynamodb, environment.classifications_table),
        index=LabelIndex(
            dynamodb,
            environment.label_index_table,
            environment.label_counts_table,
            environment.projections_table,
        ),
        results=ResultDocuments(client("s3"), environment.results_bucket),
    )


@queue_consumer(queue_url=lambda: _environment().queue_url)
def handler(message: Message) -> None:
    """Update the index and the result document of one image."""
    image, image_id, rewrite, correlation_id = read(message.body)
    logger.thread_safe_append_keys(image=image, correlation_id=correlation_id)
    projector().handle(image, image_id, rewrite=rewrite)


def read(body: str) -> tuple[str, str, bool, str | None]:
    """The image that a message is about, its id, whether what is right already is to be written again, and the
    correlation id of an event.

    Raises:
        EventError: it is neither an event nor the wish for a reprojection.
    """
    try:
        document = json.loads(body)
        if document["schema"] == REPROJECTION:
            return str(document["image"]), str(document["image_id"]), True, None
    except (KeyError, TypeError, json.JSONDecodeError):
        pass  # what it is instead is for the event's reader to say
    event = RecognitionEvent.from_json(body)
    return event.image, event.image_id, False, event.correlation_id
