"""Delivers results: each event becomes one XML document, POSTed to the third party."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import certifi
import urllib3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.parameters import SSMProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from aws_lambda_powertools.utilities.typing import LambdaContext

from aws_clients import client
from environment import from_environment
from message_batch import MessageBatch
from recognition_event import RecognitionEvent
from recognition_xml import to_xml

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

logger = Logger()

CONNECT_SECONDS = 5
READ_SECONDS = 10
ADDRESS_CACHE_SECONDS = 60


class DeliveryError(Exception):
    """The third party did not take a document; it will be offered again."""


@dataclass(frozen=True)
class Environment:
    """The function's variables."""

    thirdparty_endpoint_parameter: str
    queue_url: str


@cache
def _environment() -> Environment:
    return from_environment(Environment)


@cache
def _sqs() -> "SQSClient":
    sqs: SQSClient = client("sqs")
    return sqs


@cache
def _parameters() -> SSMProvider:
    return SSMProvider(boto3_client=client("ssm"))


@cache
def _http() -> urllib3.PoolManager:
    # Not requests: its import would add a quarter to this function's cold start.
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
    return urllib3.PoolManager(timeout=timeout, retries=False, maxsize=10, ca_certs=certifi.where())


def thirdparty_endpoint() -> str | None:
    """The third party's address, cached for a minute; None where nobody has set one.

    Raises:
        GetParameterError: the parameter could not be read.
    """
    name = _environment().thirdparty_endpoint_parameter
    try:
        return str(_parameters().get(name, max_age=ADDRESS_CACHE_SECONDS)).strip()
    except GetParameterError as error:
        # Powertools wraps every error; the one it wrapped is its context.
        if type(error.__context__).__name__ == "ParameterNotFound":
            return None
        raise


def deliver(event: RecognitionEvent, address: str) -> None:
    """Offer one document.

    Raises:
        DeliveryError: there was no answer, or one other than 2xx.
    """
    try:
        answer = _http().request(
            "POST",
            address,
            body=to_xml(event),
            headers={"Content-Type": "application/xml; charset=utf-8", "User-Agent": "Sightline/0.1"},
            redirect=False,  # following would turn the POST into a GET
            preload_content=False,
        )
        answer.close()  # its body is nothing to us
    except urllib3.exceptions.HTTPError as error:
        raise DeliveryError(f"the third party did not answer: {type(error).__name__}") from error
    status = answer.status
    if not 200 <= status < 300:  # noqa: PLR2004
        raise DeliveryError(f"the third party answered {status}")
    logger.info("delivered", extra={"image": event.image, "event_id": event.event_id, "status": status})


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Lambda's entry: the messages that were not delivered, and only those, stay in the queue."""
    address = thirdparty_endpoint()

    def handle(record: SQSRecord) -> None:
        document = RecognitionEvent.from_json(record.body)
        if address is None:
            logger.warning("no third party is set", extra={"image": document.image, "event_id": document.event_id})
        else:
            deliver(document, address)

    return MessageBatch(_sqs(), _environment().queue_url).handle(event, handle, context)
