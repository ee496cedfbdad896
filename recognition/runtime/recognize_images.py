"""Recognises what the upload queue announces: store the result, announce it, then let the message go."""

import hashlib
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit
from botocore.config import Config

from common.imaging.pictures import PictureError
from common.runtime.aws_clients import client
from common.runtime.caches import cached
from common.runtime.correlation_ids import METADATA, well_formed
from common.runtime.environment import from_environment
from common.runtime.metrics import count
from common.runtime.queue_consumer import Message, queue_consumer
from common.runtime.recognition_event import Failure, RecognitionEvent, image_id
from common.runtime.s3_events import Change, changes
from recognition.runtime.detection.detect_labels import Detection, detect
from recognition.runtime.pictures.stored_pictures import StoredPicture, StoredPictures
from recognition.runtime.records.image_records import ImageRecord, ImageRecords
from recognition.runtime.spending.monthly_usage import OverBudgetError, UsageTable
from recognition.runtime.spending.paid_answers import ClaimedError, PaidAnswers
from recognition.runtime.spending.token_bucket import TokenBucket

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sns.type_defs import MessageAttributeValueTypeDef

logger = Logger()

TOMBSTONE_SECONDS = 30 * 24 * 3600
LAST_RECEIVES = 3


@dataclass(frozen=True)
class Environment:
    """The function's variables; `detect_labels` holds parameters of DetectLabels as JSON."""

    classifications_table: str
    recognitions_table: str
    usage_table: str
    monthly_budget_usd: str
    labels_topic_arn: str
    queue_url: str
    max_receive_count: str
    calls_per_second: str
    detect_labels: str
    max_image_bytes: str
    max_image_pixels: str


@dataclass(frozen=True)
class Recognizer:
    """Turns one change of an object into one record and one announcement."""

    pictures: StoredPictures
    rekognition: "RekognitionClient"
    sns: "SNSClient"
    records: ImageRecords
    paid_answers: PaidAnswers
    usage: UsageTable
    rate: TokenBucket
    topic_arn: str
    parameters: dict[str, Any]
    fingerprint: str

    def handle(self, change: Change, *, lease_seconds: float) -> None:
        """Bring the record up to the change and announce it; changes that are out of date do nothing.

        `lease_seconds`: how long this worker can be at it before it is ended.

        Raises:
            ClaimedError: another worker asks about the same content.
            OverBudgetError: it would cost more than may be spent this month.
            ClientError, BotoCoreError: for now; the change must be handled again.
        """
        logger.thread_safe_append_keys(image=change.key, correlation_id=change.request_id)
        stored = self.records.get(change.key)
        if stored is None or stored.sequencer < change.sequencer:
            record = self._tombstone(change) if change.deleted else self._recognize(change, lease_seconds)
            if record is None:
                return
            stored = self.records.put_if_newer(record)
            if stored is record:
                _count(record)
        if stored.sequencer == change.sequencer:
            self._announce(stored.event())

    def _recognize(self, change: Change, lease_seconds: float) -> ImageRecord | None:
        ends_at = time.monotonic() + lease_seconds
        with self.pictures.read(change) as picture:
            if picture is None:
                logger.info("the version is gone", extra={"version_id": change.version_id})
                return None
            logger.thread_safe_append_keys(correlation_id=_correlation_id(picture))
            return self._record(picture, self._detection(picture, ends_at))

    def _detection(self, picture: StoredPicture, ends_at: float) -> Detection:
        """What Rekognition says of the picture, or why it cannot be asked: that is not kept, as it costs nothing."""
        asked = False

        def ask() -> Detection:
            nonlocal asked
            asked = True
            return self._ask(picture, ends_at, as_it_is=as_it_is)

        try:
            as_it_is = self.pictures.is_recognizable(picture, seconds=ends_at - time.monotonic())
            detection = self.paid_answers.answer(
                f"{picture.sha256}#{self.fingerprint}",
                refresh=picture.metadata.get("refresh"),
                lease_seconds=ends_at - time.monotonic(),
                ask=ask,
            )
        except PictureError as error:
            return Detection((), None, Failure(code=error.code, message=str(error)))
        if not asked:
            self.usage.count_cache_hit()
        return detection

    def _ask(self, picture: StoredPicture, ends_at: float, *, as_it_is: bool) -> Detection:
        if as_it_is:
            image = self.pictures.reference(picture.change)
        else:
            image = self.pictures.converted(picture, seconds=ends_at - time.monotonic())
        self.rate.take()
        with self.usage.count_call():
            count("Calls")
            return detect(self.rekognition, image, self.parameters)

    def _record(self, picture: StoredPicture, detection: Detection) -> ImageRecord:
        change = picture.change
        return ImageRecord(
            image=change.key,
            image_id=image_id(change.bucket, change.key),
            status="FAILED" if detection.failure else "RECOGNIZED",
            bucket=change.bucket,
            version_id=change.version_id,
            sequencer=change.sequencer,
            uploaded_at=change.occurred_at,
            recognized_at=_now(),
            fingerprint=self.fingerprint,
            size=picture.size,
            source_url=picture.metadata.get("source-url"),
            model=detection.model,
            labels=detection.labels,
            failure=detection.failure,
            truncated=detection.truncated,
            correlation_id=_correlation_id(picture),
        )

    def _tombstone(self, change: Change) -> ImageRecord:
        """Keeps the sequencer, so that a late event cannot bring the picture back."""
        return ImageRecord(
            image=change.key,
            image_id=image_id(change.bucket, change.key),
            status="DELETED",
            bucket=change.bucket,
            version_id=change.version_id,
            sequencer=change.sequencer,
            uploaded_at=change.occurred_at,
            recognized_at=_now(),
            fingerprint=self.fingerprint,
            expires_at=int(time.time()) + TOMBSTONE_SECONDS,
            correlation_id=change.request_id,
        )

    def _announce(self, event: RecognitionEvent) -> None:
        logger.thread_safe_append_keys(correlation_id=event.correlation_id)
        attributes: dict[str, MessageAttributeValueTypeDef] = {
            "event": {"DataType": "String", "StringValue": event.event}
        }
        if event.labels:
            names = json.dumps([label.name for label in event.labels])
            attributes["labels"] = {"DataType": "String.Array", "StringValue": names}
        self.sns.publish(TopicArn=self.topic_arn, Message=event.to_json(), MessageAttributes=attributes)
        logger.info("announced", extra={"event": event.event, "event_id": event.event_id})


def _count(record: ImageRecord) -> None:
    if record.status == "DELETED":
        return
    count("Failed", int(record.status == "FAILED"))  # the average is their share
    if record.status == "RECOGNIZED":
        count("Recognized")
        seconds = (_moment(record.recognized_at) - _moment(record.uploaded_at)).total_seconds()
        count("UploadToLabels", max(0, seconds * 1000), MetricUnit.Milliseconds)
    elif record.failure:
        count("Failed", code=record.failure.code)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _correlation_id(picture: StoredPicture) -> str | None:
    return well_formed(picture.metadata.get(METADATA)) or picture.change.request_id


@cached
def _environment() -> Environment:
    return from_environment(Environment)


@cached
def recognizer() -> Recognizer:
    """The one of this worker, made at its first message."""
    environment = _environment()
    dynamodb = client("dynamodb")
    usage = UsageTable(environment.usage_table, Decimal(environment.monthly_budget_usd), dynamodb)
    return Recognizer(
        pictures=StoredPictures(
            client("s3"),
            max_bytes=int(environment.max_image_bytes),
            max_pixels=int(environment.max_image_pixels),
        ),
        rekognition=usage.count_unanswered(
            client("rekognition", Config(retries={"mode": "adaptive", "max_attempts": 3}))
        ),
        sns=client("sns"),
        records=ImageRecords(dynamodb, environment.classifications_table),
        paid_answers=PaidAnswers(dynamodb, environment.recognitions_table),
        usage=usage,
        rate=TokenBucket(float(environment.calls_per_second)),
        topic_arn=environment.labels_topic_arn,
        parameters=json.loads(environment.detect_labels),
        fingerprint=hashlib.sha256(environment.detect_labels.encode()).hexdigest()[:16],
    )


@queue_consumer(queue_url=lambda: _environment().queue_url)
def handler(message: Message) -> None:
    """Recognize one changed object. A message that waits is sent again before it would become a dead letter."""
    try:
        for change in changes(message.body):
            recognizer().handle(change, lease_seconds=message.seconds_left)
    except (ClaimedError, OverBudgetError) as error:
        if message.receives <= int(_environment().max_receive_count) - LAST_RECEIVES:
            raise
        message.send_again(error.seconds)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
