"""Delivers results to one receiver.

Each event becomes one signed document, which is POSTed to the receiver's address.
"""

import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from common.runtime.aws_clients import client
from common.runtime.caches import cached, cached_for
from common.runtime.environment import from_environment
from common.runtime.message_batch import RetryLaterError, backoff
from common.runtime.metrics import count
from common.runtime.queue_consumer import Message, queue_consumer
from common.runtime.recognition_event import EventError, RecognitionEvent
from integration.runtime.webhooks import signatures
from integration.runtime.webhooks.breaker_table import BreakerTable
from integration.runtime.webhooks.circuit_breaker import Breaker, PausedError
from integration.runtime.webhooks.delivery_log import Deliveries
from integration.runtime.webhooks.receiver_answers import Answer
from integration.runtime.webhooks.recognition_xml import to_xml, to_xml_2
from integration.runtime.webhooks.webhook_client import DEADLINE_SECONDS, WebhookClient

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient

logger = Logger()

CACHE_SECONDS = 60
"""The time after which the address and the secrets are read again."""

MAX_ATTEMPTS = 100
"""The number of attempts at a document while the receiver accepts other documents. With backoff, they take about 18
hours."""

MAX_AGE_SECONDS = 8 * 24 * 60 * 60
"""The time that a document may wait for a receiver that is down. SQS would drop the document after 14 days. After
1,000 receives, in about nine days, SQS would move it to the dead-letter queue without a reason. The dead-letter queue
keeps it for another 14 days."""

WAIT_STEP_SECONDS = 3
LONGEST_WAIT_SECONDS = 900
REASON_CHARACTERS = 500
MARGIN_SECONDS = 5
"""The time that an invocation needs after its last call."""


@dataclass(frozen=True)
class Environment:
    """The function's variables."""

    receiver: str
    format: str
    url_parameter: str
    secret_arn: str
    queue_url: str
    dead_letter_queue_url: str
    deliveries_table: str
    breakers_table: str
    schema: str = "1"


@cached
def _environment() -> Environment:
    return from_environment(Environment)


@dataclass(frozen=True)
class Sender:
    """Sends documents to the receiver, and records the results."""

    ssm: "SSMClient"
    secrets_manager: "SecretsManagerClient"
    sqs: "SQSClient"
    deliveries: Deliveries
    breaker: Breaker
    client: WebhookClient

    def address(self) -> str | None:
        """Return the receiver's address, or None if nobody has set one.

        Raises:
            ClientError: the parameter cannot be read.
        """
        name = _environment().url_parameter
        try:
            # Everybody who may read the parameter may decrypt it with the key aws/ssm.
            return self.ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"].strip()
        except self.ssm.exceptions.ParameterNotFound:
            return None

    def secrets(self) -> tuple[str, ...]:
        """Return the signing secret, and the previous secret if it exists. The receiver may still use the previous
        secret.

        Raises:
            ClientError: the secret cannot be read.
            SecretError: the secret is not a signing secret. An unusable previous secret is left out.
        """
        arn = _environment().secret_arn
        current = self.secrets_manager.get_secret_value(SecretId=arn)["SecretString"]
        signatures.key(current)
        try:
            previous = self.secrets_manager.get_secret_value(SecretId=arn, VersionStage="AWSPREVIOUS")["SecretString"]
            signatures.key(previous)
        except (self.secrets_manager.exceptions.ResourceNotFoundException, signatures.SecretError):
            return (current,)
        return (current, previous)

    def offer(self, event: RecognitionEvent, address: str, secrets: tuple[str, ...]) -> Answer:
        """POST the event once, in the receiver's format. Returns the answer."""
        if _environment().format == "json":
            media, body = "application/json", event.to_json().encode()
        else:
            body = to_xml_2(event) if _environment().schema == "2" else to_xml(event)
            media = "application/xml; charset=utf-8"
        return self.client.post(
            address,
            body,
            {
                "Content-Type": media,
                "User-Agent": "Sightline/0.1",
                **({"X-Correlation-Id": event.correlation_id} if event.correlation_id else {}),
                **signatures.headers(secrets, delivery_id=event.event_id, timestamp=int(time.time()), body=body),
            },
        )

    def bury(self, message: Message, reason: str) -> None:
        """Send a message to the dead-letter queue with the reason. `sightline redrive` can bring it back."""
        self.sqs.send_message(
            QueueUrl=_environment().dead_letter_queue_url,
            MessageBody=message.body,
            MessageAttributes={"reason": {"DataType": "String", "StringValue": reason[:REASON_CHARACTERS]}},
        )
        logger.error("dead letter", extra={"message_id": message.id, "reason": reason})


@cached
def _sender() -> Sender:
    environment = _environment()
    dynamodb = client("dynamodb")
    return Sender(
        ssm=client("ssm"),
        secrets_manager=client("secretsmanager"),
        sqs=client("sqs"),
        deliveries=Deliveries(dynamodb, environment.deliveries_table),
        breaker=Breaker(
            BreakerTable(dynamodb, environment.breakers_table, environment.receiver), changed=_breaker_changed
        ),
        client=WebhookClient(),
    )


@cached_for(CACHE_SECONDS)
def _address() -> str | None:
    return _sender().address()


@cached_for(CACHE_SECONDS)
def _secrets() -> tuple[str, ...]:
    return _sender().secrets()


def _breaker_changed(is_open: bool, reason: str) -> None:
    receiver = _environment().receiver
    logger.warning("breaker %s", "open" if is_open else "closed", extra={"receiver": receiver, "reason": reason})
    count("BreakerOpen", int(is_open), receiver=receiver)


def _deliver(message: Message, event: RecognitionEvent, address: str, secrets: tuple[str, ...]) -> None:
    """Send an event once if the receiver may be called, and record the result.

    Raises:
        RetryLaterError: the event was not delivered, and stays in the queue.
    """
    sender, receiver = _sender(), _environment().receiver
    until = time.time() + message.seconds_left - DEADLINE_SECONDS - MARGIN_SECONDS
    try:
        answer = sender.breaker.call(lambda: _offer(event, address, secrets, until=until), until=until)
    except PausedError as pause:
        if pause.seconds:  # 0 means that this invocation has no time left
            count("BreakerOpen", receiver=receiver)
        if message.age_seconds > MAX_AGE_SECONDS:
            sender.deliveries.bury(event.event_id, receiver)
            sender.bury(message, f"{pause}, for {MAX_AGE_SECONDS // 86_400} days")
            return
        if message.receives.bit_count() == 1:  # 1, 2, 4 …: a write may fail, and a thousand receives cost ten writes
            sender.deliveries.wait(event, receiver)
        raise RetryLaterError(str(pause), _wait(pause.seconds, message.receives)) from pause
    count("DeliveryAttempts", receiver=receiver, outcome=answer.verdict)
    tries = sender.deliveries.record(event, receiver, answer)
    known = {"receiver": receiver, "status": answer.status}
    if answer.verdict == "delivered":
        logger.info("delivered", extra=known)
    elif answer.verdict == "rejected":
        sender.bury(message, str(answer))
    elif tries >= MAX_ATTEMPTS:
        sender.deliveries.bury(event.event_id, receiver)
        sender.bury(message, f"{answer}, at the last of {tries} attempts")
    else:
        logger.warning("not delivered", extra={**known, "reason": str(answer), "attempt": tries})
        raise RetryLaterError(str(answer), _wait(answer.retry_after, 0) if answer.retry_after else backoff(tries))


def _wait(seconds: float, receives: int) -> int:
    """Return how many seconds a message is hidden while the receiver is not called. The time is at least `seconds`.

    The time grows with each receive. A message may be received 1,000 times in MAX_AGE_SECONDS. Jitter separates the
    waiting messages. The first message that returns to the queue's readers is the next probe.
    """
    longest = max(seconds, min(WAIT_STEP_SECONDS * receives, LONGEST_WAIT_SECONDS))
    return max(1, math.ceil(min(longest * random.uniform(1, 1.25), LONGEST_WAIT_SECONDS)))  # noqa: S311 - no secret


Target = tuple[str | None, tuple[str, ...]]
"""The receiver's address, if there is one, and the signing secrets."""


def _target(_: Sequence[Message]) -> Target:
    return _address(), _secrets()


def _offer(event: RecognitionEvent, address: str, secrets: tuple[str, ...], *, until: float) -> Answer:
    """Send an event. After a 401 or 403, read the target again and send once more if it has changed.

    The receiver may have switched to a new secret while this worker still uses the previous one. Returns the last
    answer. There is no second call after the time `until` (seconds since 1970).
    """
    answer = _sender().offer(event, address, secrets)
    if not answer.is_unauthorized or time.time() > until:
        return answer
    _address.clear()
    _secrets.clear()
    current, current_secrets = _target(())
    if current is None or (current, current_secrets) == (address, secrets):
        return answer
    return _sender().offer(event, current, current_secrets)


@queue_consumer(queue_url=lambda _: _environment().queue_url, prepare=_target)
def handler(message: Message, target: Target) -> None:
    """Deliver one event. A message that is not an event goes to the dead-letter queue."""
    address, secrets = target
    try:
        document = RecognitionEvent.from_json(message.body)
    except EventError as error:
        _sender().bury(message, str(error))
        return
    logger.thread_safe_append_keys(
        image=document.image, event_id=document.event_id, correlation_id=document.correlation_id
    )
    if address is None:
        logger.warning("no address is set")
        return
    _deliver(message, document, address, secrets)
