"""Describe the answers of the Deliveries Service, for its OpenAPI description."""

from http import HTTPStatus
from typing import Any

from typing_extensions import TypedDict

from common.openapi import Call, Service
from integration.runtime.webhooks.delivery_log import Status


class Delivery(TypedDict):
    """One event for one receiver. Times are in UTC, ISO 8601. A member that has no value yet is null."""

    event_id: str
    receiver: str
    image: str
    event: str
    status: Status
    attempts: int
    last_status: int | None
    last_answer: str | None
    occurred_at: str
    first_attempt_at: str | None
    last_attempt_at: str | None
    delivered_at: str | None


class Replay(TypedDict):
    """The event that is delivered again, and its receivers."""

    event_id: str
    receivers: list[str]


SERVICE = Service(
    title="Sightline: Deliveries Service",
    module="integration.runtime.deliveries_api",
    calls={
        ("get", "/deliveries"): Call(answers={HTTPStatus.OK: list[Delivery]}, paged=True),
        ("post", "/deliveries/{event_id}/replay"): Call(
            answers={HTTPStatus.ACCEPTED: Replay}, errors=(HTTPStatus.NOT_FOUND,)
        ),
        ("get", "/openapi.json"): Call(answers={HTTPStatus.OK: dict[str, Any]}, open=True),
    },
    path_parameters={"event_id": "The event's id, which is in the list of deliveries and in the delivered document."},
)
