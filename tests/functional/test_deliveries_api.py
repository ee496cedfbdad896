import json
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

import boto3
import jsonschema  # type: ignore[import-untyped]
import pytest

from common.runtime.recognition_event import Label, RecognitionEvent
from integration.runtime import deliveries_api
from integration.runtime.webhooks.delivery_log import SHOWN, Deliveries
from integration.runtime.webhooks.receiver_answers import Answer as Answered
from tests.conftest import Templates
from tests.functional.conftest import Answer, create_tables

FINE = Answered(status=204, text="")
POISONED = Answered(status=400, text="no")


def event(number: int, image: str = "red flower.jpg") -> RecognitionEvent:
    return RecognitionEvent(
        event="image.recognized",
        event_id=f"event-{number}",
        image=image,
        image_id="edc67796-1be9-5d95-9291-4e780fc65789",
        bucket="images",
        version_id="v1",
        source_url="https://host/a.jpg",
        occurred_at=f"2026-11-20T09:30:{number:02}.000Z",
        model="3.0",
        labels=(Label(name="Dog", confidence=98.13),),
    )


@dataclass
class Service:
    """The API, its table and two receivers' queues."""

    call: Callable[..., Answer]
    table: Deliveries
    queues: dict[str, str]

    def get(self, **query: str) -> Answer:
        return self.call(deliveries_api.handler, "GET", "/deliveries", query=query)

    def replay(self, event_id: str, **query: str) -> Answer:
        path = f"/deliveries/{event_id}/replay"
        return self.call(deliveries_api.handler, "POST", path, query=query, parameters={"event_id": event_id})

    def queued(self, receiver: str) -> list[str]:
        sqs = boto3.client("sqs")
        messages = sqs.receive_message(QueueUrl=self.queues[receiver], MaxNumberOfMessages=10).get("Messages", [])
        return [message["Body"] for message in messages]


@pytest.fixture
def service(aws: None, templates: Templates, call: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch) -> Service:
    table = create_tables(templates["IntegrationStack"])["deliveries"]
    sqs = boto3.client("sqs")
    queues = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("thirdparty", "archive")}
    monkeypatch.setenv("DELIVERIES_TABLE", table)
    monkeypatch.setenv("QUEUES", json.dumps(queues))
    return Service(call, Deliveries(boto3.client("dynamodb"), table), queues)


def test_the_log_of_an_image_is_newest_first_and_says_what_was_answered(service: Service) -> None:
    service.table.record(event(1), "thirdparty", POISONED)
    service.table.record(event(2), "thirdparty", FINE)
    service.table.record(event(3, "other.jpg"), "thirdparty", FINE)
    entries = service.get(image="red flower.jpg").document
    assert [entry["event_id"] for entry in entries] == ["event-2", "event-1"]
    assert entries[1] | {"first_attempt_at": "", "last_attempt_at": ""} == {
        "event_id": "event-1",
        "receiver": "thirdparty",
        "image": "red flower.jpg",
        "event": "image.recognized",
        "status": "DEAD",
        "attempts": 1,
        "last_status": 400,
        "last_answer": "the receiver answered 400: no",
        "occurred_at": "2026-11-20T09:30:01.000Z",
        "first_attempt_at": "",
        "last_attempt_at": "",
        "delivered_at": None,
    }
    assert [entry["event_id"] for entry in service.get().document] == ["event-3", "event-2", "event-1"]
    assert service.get(image="unknown.jpg").document == []


def test_answers_are_as_described(service: Service) -> None:
    service.table.record(event(1), "thirdparty", FINE)
    service.table.wait(event(2), "thirdparty")
    document = service.call(deliveries_api.handler, "GET", "/openapi.json").document
    for path, method, status, answer in (
        ("/deliveries", "get", "200", service.get()),
        ("/deliveries/{event_id}/replay", "post", "202", service.replay("event-1")),
        ("/deliveries/{event_id}/replay", "post", "404", service.replay("unknown")),
    ):
        described = document["paths"][path][method]["responses"][status]["content"]["application/json"]["schema"]
        assert str(answer.status) == status
        jsonschema.validate(answer.document, {**described, "components": document["components"]})
    assert set(document["components"]["schemas"]["Delivery"]["properties"]) == set(SHOWN)


@pytest.mark.parametrize("query", [{}, {"image": "red flower.jpg"}])
def test_following_the_links_gives_every_delivery_once(service: Service, query: dict[str, str]) -> None:
    for number in range(4):
        for receiver in service.queues:
            service.table.record(event(number), receiver, FINE)
    seen, query = [], {**query, "limit": "3"}
    while query:
        answer = service.get(**query)
        seen += [(entry["event_id"], entry["receiver"]) for entry in answer.document]
        query = dict(parse_qsl(urlsplit(answer.headers.get("Link", "").partition(">")[0].strip("<")).query))
    assert len(seen) == len(set(seen)) == 8


def test_expired_deliveries_are_not_shown(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integration.runtime.webhooks.delivery_log.KEPT_SECONDS", -1)
    service.table.record(event(1), "thirdparty", FINE)
    assert service.get().document == []
    assert service.replay("event-1").status == 404


def test_a_replay_puts_the_same_event_into_the_queue_of_each_receiver_that_had_it(service: Service) -> None:
    for receiver in service.queues:
        service.table.record(event(1), receiver, FINE)
    answer = service.replay("event-1")
    assert (answer.status, answer.document) == (202, {"event_id": "event-1", "receivers": ["archive", "thirdparty"]})
    for receiver in service.queues:
        [body] = service.queued(receiver)
        assert RecognitionEvent.from_json(body) == event(1)


def test_a_replay_may_be_for_one_receiver(service: Service) -> None:
    for receiver in service.queues:
        service.table.record(event(1), receiver, FINE)
    assert service.replay("event-1", receiver="archive").document["receivers"] == ["archive"]
    assert service.queued("thirdparty") == []


def test_an_event_that_was_never_sent_cannot_be_replayed(service: Service) -> None:
    service.table.record(event(1), "former", FINE)
    service.table.record(event(2), "archive", FINE)
    for answer in (
        service.replay("event-1"),
        service.replay("event-2", receiver="thirdparty"),
        service.replay("unknown"),
        service.replay("x" * 3000),
    ):
        assert (answer.status, answer.document["error"]["code"]) == (404, "DeliveryNotFound")


@pytest.mark.parametrize(
    "query", [{"limit": "0"}, {"limit": "x"}, {"image": ""}, {"image": "x" * 1025}, {"cursor": "x"}, {"imgae": "a"}]
)
def test_a_wrong_parameter_is_refused_in_words(service: Service, query: dict[str, str]) -> None:
    answer = service.get(**query)
    assert (answer.status, answer.document["error"]["code"]) == (400, "InvalidParameter")
