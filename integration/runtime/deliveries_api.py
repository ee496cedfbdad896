"""The Deliveries Service: what was offered to whom, and offering it again."""

import json
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from aws_clients import client
from deliveries import LISTED, Deliveries
from environment import from_environment
from http_api import ApiError, bad_request, json_resolver, json_response, logger, query
from pages import is_key, next_link, to_key, to_limit

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

app = json_resolver()

CURSOR = ("event_id", "receiver", "occurred_at")


@dataclass(frozen=True)
class Environment:
    """The function's variables; `queues` is a JSON object, receiver -> URL of its queue."""

    deliveries_table: str
    queues: str


@cache
def _environment() -> Environment:
    return from_environment(Environment)


@cache
def _deliveries() -> Deliveries:
    return Deliveries(client("dynamodb"), _environment().deliveries_table)


@cache
def _sqs() -> "SQSClient":
    sqs: SQSClient = client("sqs")
    return sqs


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Lambda's entry."""
    return app.resolve(event, context)


@app.get("/deliveries")
def list_deliveries() -> Response[Any]:
    """A page of the deliveries, of one image or of all, newest first; the next page in a relative Link."""
    parameters = query(app, {"image", "limit", "cursor"})
    image, limit = parameters.get("image"), to_limit(parameters.get("limit"))
    if image is not None and not is_key(image):
        raise bad_request("image takes an image's name")
    start = to_key(parameters.get("cursor"), CURSOR)
    if start:
        start |= {"image": image} if image else {"listed": LISTED}
    page = _deliveries().newest(image=image, limit=limit, start=start)
    headers = {}
    if page.last_key:
        headers = next_link(page.last_key, CURSOR, **({"image": image} if image else {}), limit=limit)
    return json_response(HTTPStatus.OK, page.entries, headers)


@app.post("/deliveries/<event_id>/replay")
def replay(event_id: str) -> Response[Any]:
    """Offer what was offered before, under the same id: to all who were offered it, or to one of them."""
    receiver = query(app, {"receiver"}).get("receiver")
    queues: dict[str, str] = json.loads(_environment().queues)
    documents = {
        name: document
        for name, document in (_deliveries().documents(event_id) if is_key(event_id) else {}).items()
        if name in queues and receiver in {None, name}
    }
    if not documents:
        whom = f"{receiver!r} was" if receiver else "a receiver of today was"
        raise ApiError(
            HTTPStatus.NOT_FOUND, "DeliveryNotFound", f"there is no event of this id that {whom} offered in 30 days"
        )
    for name, document in documents.items():
        _sqs().send_message(QueueUrl=queues[name], MessageBody=document)
    logger.info("replayed", extra={"event_id": event_id, "receivers": list(documents)})
    return json_response(HTTPStatus.ACCEPTED, {"event_id": event_id, "receivers": sorted(documents)})
