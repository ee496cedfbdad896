from collections.abc import Callable, Iterator

import boto3
import pytest
from aws_lambda_powertools.utilities.parameters import clear_caches

import deliver
from recognition_event import Label, RecognitionEvent
from tests.functional.conftest import Context, failed, sqs_event
from tests.partner_documents import read
from tests.source_server import Source, serve

EVENT = RecognitionEvent(
    event="image.recognized",
    event_id="b6ae377b-3121-5668-8e6a-f41604c7f2d0",
    image="red flower.jpg",
    image_id="edc67796-1be9-5d95-9291-4e780fc65789",
    bucket="images",
    version_id="v1",
    source_url="https://host/a.jpg",
    occurred_at="2026-11-20T09:30:00.123Z",
    model="3.0",
    labels=(Label(name="Dog", confidence=98.13),),
)


@pytest.fixture
def partner() -> Iterator[Source]:
    with serve() as running:
        yield running


@pytest.fixture
def hand_over(aws: None, queue_url: str, context: Context, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Hand messages to the handler; the ids of those that stay in the queue."""
    monkeypatch.setenv("THIRDPARTY_ENDPOINT_PARAMETER", "thirdparty_endpoint")
    monkeypatch.setenv("QUEUE_URL", queue_url)
    for cached in (deliver._environment, deliver._parameters, deliver._sqs):
        cached.cache_clear()
    clear_caches()  # type: ignore[no-untyped-call]

    def handed(*bodies: str) -> list[str]:
        return failed(dict(deliver.handler(sqs_event(*bodies), context)))  # type: ignore[arg-type]

    return handed


def set_address(address: str) -> None:
    boto3.client("ssm").put_parameter(Name="thirdparty_endpoint", Value=address, Type="String", Overwrite=True)


def test_the_third_party_gets_one_valid_document(hand_over: Callable[..., list[str]], partner: Source) -> None:
    set_address(partner.address)
    assert hand_over(EVENT.to_json()) == []
    [body] = partner.received
    document = read(body)
    assert (document["image"], document["labels"]["label"][0]["name"]) == ("red flower.jpg", "Dog")
    assert partner.content_types == ["application/xml; charset=utf-8"]


@pytest.mark.parametrize("status", [301, 400, 404, 429, 500, 503])
def test_a_refused_document_stays_in_the_queue(
    hand_over: Callable[..., list[str]], partner: Source, status: int
) -> None:
    set_address(partner.address)
    partner.post_status = status
    assert hand_over(EVENT.to_json()) == ["0"]
    partner.post_status = 202
    assert hand_over(EVENT.to_json()) == []


def test_a_third_party_that_is_not_there_keeps_the_documents_in_the_queue(
    hand_over: Callable[..., list[str]],
) -> None:
    with serve() as gone:
        address = gone.address
    set_address(address)
    assert hand_over(EVENT.to_json(), EVENT.to_json()) == ["0", "1"]


def test_without_an_address_there_is_nobody_to_deliver_to(hand_over: Callable[..., list[str]]) -> None:
    assert hand_over(EVENT.to_json()) == []


def test_what_is_no_event_stays_in_the_queue(hand_over: Callable[..., list[str]], partner: Source) -> None:
    set_address(partner.address)
    assert hand_over("{}", EVENT.to_json()) == ["0"]
    assert len(partner.received) == 1
