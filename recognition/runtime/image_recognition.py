"""Recognises what the upload queue announces: store the result, announce it, then let the message go."""

import hashlib
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config
from botocore.exceptions import ClientError

from classifications import Classification, Classifications
from detection import Detection, detect
from environment import from_environment
from recognition_event import RecognitionEvent, image_id
from uploads import Change, changes

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sns.type_defs import MessageAttributeValueTypeDef

logger = Logger()

# A batch in which every message failed is still no failed invocation: each message counts for itself.
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)

TOMBSTONE_SECONDS = 30 * 24 * 3600


@dataclass(frozen=True)
class Environment:
    """The function's variables; `detect_labels` holds parameters of DetectLabels as JSON."""

    classifications_table: str
    labels_topic_arn: str
    detect_labels: str


@dataclass(frozen=True)
class Recognizer:
    """Turns one change of an object into one record and one announcement."""

    s3: "S3Client"
    rekognition: "RekognitionClient"
    sns: "SNSClient"
    records: Classifications
    topic_arn: str
    parameters: dict[str, Any]
    fingerprint: str

    def handle(self, change: Change) -> None:
        """Bring the record up to the change and announce it; changes that are out of date do nothing.

        Raises:
            ClientError, BotoCoreError: for now; the change must be handled again.
        """
        stored = self.records.get(change.key)
        if stored is None or stored.sequencer < change.sequencer:
            record = self._tombstone(change) if change.deleted else self._recognize(change)
            if record is None:
                return
            stored = self.records.put_if_newer(record)
        if stored.sequencer == change.sequencer:
            self._announce(stored.event())

    def _recognize(self, change: Change) -> Classification | None:
        version = {"VersionId": change.version_id} if change.version_id else {}
        try:
            head = self.s3.head_object(Bucket=change.bucket, Key=change.key, **version)  # type: ignore[arg-type]
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:  # noqa: PLR2004
                raise
            logger.info("the version is gone", extra={"image": change.key, "version_id": change.version_id})
            return None
        detection = detect(
            self.rekognition,
            bucket=change.bucket,
            key=change.key,
            version_id=change.version_id,
            parameters=self.parameters,
        )
        return self._record(
            change, detection, size=head["ContentLength"], source_url=head["Metadata"].get("source-url")
        )

    def _record(self, change: Change, detection: Detection, *, size: int, source_url: str | None) -> Classification:
        return Classification(
            image=change.key,
            image_id=image_id(change.bucket, change.key),
            status="FAILED" if detection.failure else "RECOGNIZED",
            bucket=change.bucket,
            version_id=change.version_id,
            sequencer=change.sequencer,
            uploaded_at=change.occurred_at,
            recognized_at=_now(),
            fingerprint=self.fingerprint,
            size=size,
            source_url=source_url,
            model=detection.model,
            labels=detection.labels,
            failure=detection.failure,
        )

    def _tombstone(self, change: Change) -> Classification:
        """Keeps the sequencer, so that a late event cannot bring the picture back."""
        return Classification(
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
        )

    def _announce(self, event: RecognitionEvent) -> None:
        attributes: dict[str, MessageAttributeValueTypeDef] = {
            "event": {"DataType": "String", "StringValue": event.event}
        }
        if event.labels:
            names = json.dumps([label.name for label in event.labels], ensure_ascii=False)
            attributes["labels"] = {"DataType": "String.Array", "StringValue": names}
        self.sns.publish(TopicArn=self.topic_arn, Message=event.to_json(), MessageAttributes=attributes)
        logger.info("announced", extra={"image": event.image, "event": event.event, "event_id": event.event_id})


@cache
def recognizer() -> Recognizer:
    """The one of this worker, made at its first message."""
    environment = from_environment(Environment)
    return Recognizer(
        s3=boto3.client("s3"),
        rekognition=boto3.client(
            "rekognition",
            config=Config(retries={"mode": "adaptive", "max_attempts": 4}, connect_timeout=3, read_timeout=20),
        ),
        sns=boto3.client("sns"),
        records=Classifications(boto3.client("dynamodb"), environment.classifications_table),
        topic_arn=environment.labels_topic_arn,
        parameters=json.loads(environment.detect_labels),
        fingerprint=hashlib.sha256(environment.detect_labels.encode()).hexdigest()[:16],
    )


def record_handler(record: SQSRecord) -> None:
    """Handle one message; an exception keeps it in the queue."""
    for change in changes(record.body):
        recognizer().handle(change)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Lambda's entry: the messages that failed, and only those, stay in the queue."""
    return process_partial_response(event=event, record_handler=record_handler, processor=processor, context=context)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
