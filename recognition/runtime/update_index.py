"""Update everything that is derived from a record: the label index, its counts and the result document.

A message only says that an image changed. The handler reads the record to find the change. So repeated, late and
unordered messages do no harm. To rebuild everything, it is enough to send the name of every image again.
"""

from dataclasses import dataclass

from aws_lambda_powertools import Logger

from common.runtime.aws_clients import client
from common.runtime.caches import cached
from common.runtime.environment import from_environment
from common.runtime.json_documents import JsonDocumentError, read_object
from common.runtime.message_batch import RetryLaterError
from common.runtime.queue_consumer import Message, queue_consumer
from common.runtime.recognition_event import RecognitionEvent
from recognition.runtime.index.index_writer import IndexWriter, OvertakenError
from recognition.runtime.records.image_records import ImageRecords
from recognition.runtime.records.result_documents import ResultDocuments

logger = Logger()

REPROJECTION = "sightline.reprojection/1"
"""The schema of the message `{"schema", "image", "image_id"}`, which `sightline reproject` sends to rebuild an
image."""

MAX_ATTEMPTS = 5
RETRY_SECONDS = 5


@dataclass(frozen=True)
class Environment:
    """The function's environment variables."""

    classifications_table: str
    label_index_table: str
    label_counts_table: str
    projections_table: str
    results_bucket: str
    queue_url: str


@dataclass(frozen=True)
class IndexUpdater:
    """Makes everything that is derived from one image's record agree with the record."""

    records: ImageRecords
    index: IndexWriter
    results: ResultDocuments

    def handle(self, image: str, image_id: str, *, rewrite: bool) -> None:
        """Make the index and the result document agree with the current record.

        The order of the steps makes the result exact. If two workers handle the same image and have read the same
        revision, only one of them can raise the revision. The other worker starts again. So the last worker that
        succeeds has read the record with all changes from before its event. It has also written the document after all
        other workers.

        Raises:
            RetryLaterError: at each attempt, another worker was faster.
            ClientError, BotoCoreError: a transient error.
        """
        for _ in range(MAX_ATTEMPTS):
            seen = self.index.read(image)
            record = self.records.get(image)
            self.results.reconcile(image_id, record)
            try:
                self.index.reconcile(image, image_id, record, seen=seen, rewrite=rewrite)
            except OvertakenError:
                continue
            logger.info("projected", extra={"status": record.status if record else None})
            return
        raise RetryLaterError("other workers are updating the same image", RETRY_SECONDS)


@cached
def _environment() -> Environment:
    return from_environment(Environment)


@cached
def index_updater() -> IndexUpdater:
    """Make the updater of this worker when it receives its first message."""
    environment = _environment()
    dynamodb = client("dynamodb")
    return IndexUpdater(
        records=ImageRecords(dynamodb, environment.classifications_table),
        index=IndexWriter(
            dynamodb,
            environment.label_index_table,
            environment.label_counts_table,
            environment.projections_table,
        ),
        results=ResultDocuments(client("s3"), environment.results_bucket),
    )


@queue_consumer(queue_url=lambda _: _environment().queue_url)
def handler(message: Message) -> None:
    """Update the index and the result document of one image."""
    request = read_request(message.body)
    logger.thread_safe_append_keys(image=request.image, correlation_id=request.correlation_id)
    index_updater().handle(request.image, request.image_id, rewrite=request.rewrite)


@dataclass(frozen=True)
class UpdateRequest:
    """The image that a message names. With `rewrite`, entries that should be right already are written too."""

    image: str
    image_id: str
    rewrite: bool
    correlation_id: str | None


def read_request(body: str) -> UpdateRequest:
    """Read a message: a recognition event, or the request of `sightline reproject`.

    Raises:
        EventError: the message is neither.
    """
    try:
        document = read_object(body)
        if document["schema"] == REPROJECTION:
            return UpdateRequest(str(document["image"]), str(document["image_id"]), True, None)
    except (KeyError, JsonDocumentError):
        pass  # RecognitionEvent.from_json names the fault
    event = RecognitionEvent.from_json(body)
    return UpdateRequest(event.image, event.image_id, False, event.correlation_id)
