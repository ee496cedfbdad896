"""The Deliveries Service: lists deliveries, and repeats them."""

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from common.runtime.api_errors import ApiError
from common.runtime.aws_clients import client
from common.runtime.caches import cached
from common.runtime.environment import from_environment
from common.runtime.http_api import REQUEST_ID, json_file, json_resolver, json_response, logger, takes
from common.runtime.pagination import CURSOR, LIMIT, is_key, next_link, read_key, write_key
from common.runtime.request_parameters import Parameter
from integration.runtime.webhooks.delivery_log import LISTED, Deliveries

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

app = json_resolver()

KEY = ("event_id", "receiver", "occurred_at")
"""The members of the indexes' keys, besides their partition."""


def _name(text: str) -> str:
    if not is_key(text):
        raise ValueError(text)
    return text


IMAGE = Parameter(
    name="image",
    about="List only deliveries of this image.",
    takes="an image's name",
    schema={"type": "string", "minLength": 1},
    read=_name,
)
RECEIVER = Parameter(
    name="receiver",
    about="Deliver only to this receiver, named as in the settings.",
    takes="a receiver's name",
    schema={"type": "string", "minLength": 1},
    read=_name,
)


@dataclass(frozen=True)
class Environment:
    """The function's variables. `queues` is a JSON object: receiver -> URL of its queue."""

    deliveries_table: str
    queues: str


@cached
def _environment() -> Environment:
    return from_environment(Environment)


@cached
def _deliveries() -> Deliveries:
    return Deliveries(client("dynamodb"), _environment().deliveries_table)


@cached
def _sqs() -> "SQSClient":
    sqs: SQSClient = client("sqs")
    return sqs


@logger.inject_lambda_context(correlation_id_path=REQUEST_ID, clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a call. Called by Lambda."""
    return app.resolve(event, context)


@app.get("/openapi.json")
@takes(app)
def describe() -> Response[Any]:
    """Return the description of the API."""
    return json_file(__file__, "deliveries_api.openapi.json")


@app.get("/deliveries")
@takes(app, IMAGE, LIMIT, CURSOR)
def list_deliveries(asked: dict[str, Any]) -> Response[Any]:
    """List the deliveries of one image or of all images, newest first."""
    image = asked["image"]
    start = read_key(asked["cursor"], KEY)
    if start:
        start |= {"image": image} if image else {"listed": LISTED}
    page = _deliveries().newest(image=image, limit=asked["limit"], start=start)
    return json_response(HTTPStatus.OK, page.entries, next_link(app, asked["limit"], write_key(page.last_key, KEY)))


@app.post("/deliveries/<event_id>/replay")
@takes(app, RECEIVER)
def replay(asked: dict[str, Any], event_id: str) -> Response[Any]:
    """Deliver an event again with the same id, to all receivers that it was sent to, or to one of them."""
    receiver = asked["receiver"]
    queues: dict[str, str] = json.loads(_environment().queues)
    documents = {
        name: document
        for name, document in (_deliveries().documents(event_id) if is_key(event_id) else {}).items()
        if name in queues and receiver in {None, name}
    }
    if not documents:
        whom = repr(receiver) if receiver else "a current receiver"
        raise ApiError(
            HTTPStatus.NOT_FOUND, "DeliveryNotFound", f"no event with this id was sent to {whom} in the last 30 days"
        )
    for name, document in documents.items():
        _sqs().send_message(QueueUrl=queues[name], MessageBody=document)
    logger.info("replayed", extra={"event_id": event_id, "receivers": list(documents)})
    return json_response(HTTPStatus.ACCEPTED, {"event_id": event_id, "receivers": sorted(documents)})
