"""Update the records of changed objects: look up the current version, ask Rekognition about it, store and announce."""

import hashlib
import json
from dataclasses import dataclass
from decimal import Decimal

from aws_lambda_powertools import Logger
from botocore.config import Config

from common.runtime.abilities.enabled import enabled_abilities
from common.runtime.aws_clients import client
from common.runtime.caches import cached
from common.runtime.environment import from_environment
from common.runtime.queue_consumer import Message, queue_consumer
from common.runtime.s3_events import changes
from recognition.runtime.detection.ability_recognizer import AbilityOperation, AbilityRecognizer, fingerprint
from recognition.runtime.detection.paid_operation import CallNeededError, PaidOperation
from recognition.runtime.detection.recognizer import Recognizer
from recognition.runtime.pictures.stored_pictures import StoredPictures
from recognition.runtime.records.image_records import ImageRecords
from recognition.runtime.records.labels_topic import LabelsTopic
from recognition.runtime.records.record_updater import RecordUpdater
from recognition.runtime.spending.answer_forms import ABILITY_ANSWERS, DETECTIONS
from recognition.runtime.spending.monthly_usage import OverBudgetError, UsageTable
from recognition.runtime.spending.paid_answers import ClaimedError, PaidAnswers
from recognition.runtime.spending.token_bucket import RateError, TokenBucket

logger = Logger()

LAST_RECEIVES = 3
REKOGNITION_RETRIES = Config(retries={"mode": "adaptive", "max_attempts": 3})


@dataclass(frozen=True)
class Environment:
    """The function's environment variables.

    `queue_url` is the queue of uploads. `detect_labels` holds the parameters of DetectLabels as JSON. `abilities` holds
    the enabled abilities as JSON. The rates in `abilities` and in `calls_per_second` are the rates of this worker.
    """

    classifications_table: str
    recognitions_table: str
    usage_table: str
    monthly_budget_usd: str
    labels_topic_arn: str
    queue_url: str
    removals_queue_url: str
    max_receive_count: str
    calls_per_second: str
    detect_labels: str
    max_image_bytes: str
    max_image_pixels: str
    abilities: str = ""


@cached
def _environment() -> Environment:
    return from_environment(Environment)


@cached
def record_updater() -> RecordUpdater:
    """Make the updater of this worker when it receives its first message."""
    environment = _environment()
    dynamodb = client("dynamodb")
    pictures = StoredPictures(
        client("s3"), max_bytes=int(environment.max_image_bytes), max_pixels=int(environment.max_image_pixels)
    )
    usage = UsageTable(environment.usage_table, Decimal(environment.monthly_budget_usd), dynamodb)
    return RecordUpdater(
        pictures=pictures,
        recognizer=_recognizer(environment, usage),
        abilities=_ability_recognizer(environment, usage),
        records=ImageRecords(dynamodb, environment.classifications_table),
        topic=LabelsTopic(client("sns"), environment.labels_topic_arn),
    )


def _recognizer(environment: Environment, usage: UsageTable) -> Recognizer:
    return Recognizer(
        rekognition=usage.count_unanswered(client("rekognition", REKOGNITION_RETRIES)),
        parameters=json.loads(environment.detect_labels),
        operation=PaidOperation(
            fingerprint=hashlib.sha256(environment.detect_labels.encode()).hexdigest()[:16],
            ability=None,
            paid_answers=PaidAnswers(usage.dynamodb, environment.recognitions_table, DETECTIONS),
            usage=usage,
            rate=TokenBucket(float(environment.calls_per_second)),
        ),
    )


def _ability_recognizer(environment: Environment, usage: UsageTable) -> AbilityRecognizer:
    """Make the recogniser of the enabled abilities.

    Each operation has its own client, because a client slows all its calls down after it was throttled.
    """
    paid_answers = PaidAnswers(usage.dynamodb, environment.recognitions_table, ABILITY_ANSWERS)
    operations = {}
    for name, enabled in enabled_abilities(environment.abilities).items():
        rekognition = client("rekognition", REKOGNITION_RETRIES)
        operations[name] = AbilityOperation(
            enabled=enabled,
            rekognition=usage.count_unanswered(rekognition, enabled.ability.operation, name),
            operation=PaidOperation(
                fingerprint=fingerprint(enabled.ability, enabled.options),
                ability=name,
                paid_answers=paid_answers,
                usage=usage,
                rate=TokenBucket(enabled.options["calls_per_second"]),
            ),
        )
    return AbilityRecognizer(operations)


def _queue_url(arn: str) -> str:
    environment = _environment()
    is_removal = arn.rpartition(":")[2] == environment.removals_queue_url.rpartition("/")[2]
    return environment.removals_queue_url if is_removal else environment.queue_url


@queue_consumer(queue_url=_queue_url)
def handler(message: Message) -> None:
    """Update the record of one changed object.

    Removals do not wait for Rekognition. A removal can make an earlier version current again. If this version needs a
    call, the message of the removal goes to the queue of uploads. A message that waits is sent again before it becomes
    a dead letter.
    """
    environment = _environment()
    updater = record_updater()
    if message.queue_url == environment.removals_queue_url:
        updater = updater.without_calls()
    try:
        for change in changes(message.body):
            updater.handle(change, seconds=message.seconds_left, attempt=message.receives)
    except CallNeededError:
        logger.info("passed on to the queue of uploads", extra={"message_id": message.id})
        message.pass_on(environment.queue_url)
    except (ClaimedError, OverBudgetError, RateError) as error:
        if message.receives <= int(environment.max_receive_count) - LAST_RECEIVES:
            raise
        message.send_again(error.seconds)
