from collections.abc import Iterator

import pytest

from cli.calls import CallError, call
from cli.target import Target, TargetName
from tests.source_server import Source, serve


@pytest.fixture
def server() -> Iterator[Source]:
    with serve() as running:
        yield running


def target(name: TargetName, key: str | None) -> Target:
    return Target(name, upload="", labels="", deliveries="", api_key=key)


def test_with_a_key_the_call_carries_it(server: Source) -> None:
    assert call(target(TargetName.AWS, "secret"), "POST", server.address, receiver=None).ok
    [headers] = server.headers
    assert headers["x-api-key"] == "secret"
    assert "authorization" not in headers


def test_without_a_key_it_is_signed_by_the_callers_credentials(server: Source) -> None:
    call(target(TargetName.AWS, None), "POST", f"{server.address}/deliveries/a/replay", receiver="pets & co")
    [headers] = server.headers
    assert "/us-east-1/execute-api/aws4_request" in headers["authorization"]


def test_an_error_is_told_in_the_services_words_or_by_its_status(server: Source) -> None:
    server.post_status = 503
    with pytest.raises(CallError, match="503 Service Unavailable"):
        call(target(TargetName.LOCAL, "k"), "POST", server.address)
    server.post_body = b'{"error": {"code": "DeliveryNotFound", "message": "there is none"}}'
    with pytest.raises(CallError, match="DeliveryNotFound: there is none"):
        call(target(TargetName.LOCAL, "k"), "POST", server.address)


def test_a_service_that_does_not_answer_is_named() -> None:
    with serve() as gone:
        address = gone.address
    with pytest.raises(CallError, match=f"{address} does not answer: ConnectionError"):
        call(target(TargetName.LOCAL, "k"), "GET", address)
