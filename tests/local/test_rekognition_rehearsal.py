"""Test rehearsals of faults: each setting is changed while the server runs."""

from __future__ import annotations

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from tests.local.photos import photo, qr_code
from tests.local.servers import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.local.servers import LocalRekognition

CALM = {"latency_ms": 0, "calls_per_second": None, "failure_rate": 0, "outage": False}


@pytest.fixture(scope="module")
def blind() -> Iterator[LocalRekognition]:
    with running("--engine", "blind") as server:
        yield server


@pytest.fixture
def server(blind: LocalRekognition) -> Iterator[LocalRekognition]:
    yield blind
    rehearse(blind, **CALM)


def rehearse(server: LocalRekognition, **settings: object) -> tuple[int, dict[str, object]]:
    status, _, body = server.post("/rehearsal", json.dumps(settings).encode())
    return status, body


def outcomes(server: LocalRekognition, calls: int) -> list[str]:
    """Return the error code of each call, or OK."""
    client = server.client()

    def outcome(_: int) -> str:
        try:
            client.detect_labels(Image={"Bytes": photo("coffee.png")})
        except ClientError as error:
            return error.response["Error"]["Code"]
        return "OK"

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(outcome, range(calls)))


def test_nothing_is_rehearsed_by_default(server: LocalRekognition) -> None:
    assert server.get("/rehearsal") == CALM
    assert outcomes(server, 4) == ["OK"] * 4


def test_settings_change_one_by_one(server: LocalRekognition) -> None:
    assert rehearse(server, latency_ms=5) == (200, CALM | {"latency_ms": 5})
    assert rehearse(server, failure_rate=0.25) == (200, CALM | {"latency_ms": 5, "failure_rate": 0.25})
    assert server.get("/rehearsal")["latency_ms"] == 5


def test_latency_delays_answers_but_not_each_other(server: LocalRekognition) -> None:
    rehearse(server, latency_ms=2000)
    started = time.monotonic()
    assert outcomes(server, 4) == ["OK"] * 4
    assert 2 <= time.monotonic() - started < 8


def test_calls_over_the_limit_are_throttled_with_the_exception_that_sdks_retry(server: LocalRekognition) -> None:
    rehearse(server, calls_per_second=2)
    assert outcomes(server, 2) == ["OK"] * 2
    rehearse(server, calls_per_second=0.01)
    assert Counter(outcomes(server, 10)) == {"OK": 1, "ProvisionedThroughputExceededException": 9}
    rehearse(server, calls_per_second=0.3)
    client = server.client(attempts=8)
    client.detect_labels(Image={"Bytes": photo("coffee.png")})
    assert client.detect_labels(Image={"Bytes": photo("coffee.png")})["ResponseMetadata"]["RetryAttempts"] > 0


def test_a_share_of_the_calls_fails(server: LocalRekognition) -> None:
    rehearse(server, failure_rate=1)
    assert set(outcomes(server, 4)) == {"InternalServerError"}
    rehearse(server, failure_rate=0.5)
    assert set(outcomes(server, 40)) == {"OK", "InternalServerError"}


def test_an_outage_lasts_until_it_is_switched_off(server: LocalRekognition) -> None:
    rehearse(server, outage=True)
    assert set(outcomes(server, 4)) == {"InternalServerError"}
    client = server.client()
    with pytest.raises(client.exceptions.InternalServerError) as failure:
        client.detect_labels(Image={"Bytes": photo("coffee.png")})
    assert failure.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    rehearse(server, outage=False)
    assert outcomes(server, 2) == ["OK"] * 2


def test_a_rule_for_another_operation_does_not_matter(server: LocalRekognition) -> None:
    special = {"DetectText": CALM | {"outage": True}}
    assert rehearse(server, operation="DetectText", outage=True) == (200, CALM | {"operations": special})
    assert outcomes(server, 2) == ["OK"] * 2
    assert rehearse(server, operation="DetectText", outage=False) == (200, CALM)


def test_a_rule_for_one_operation_adds_to_that_for_all(server: LocalRekognition) -> None:
    rehearse(server, operation="DetectLabels", calls_per_second=0.01)
    rehearse(server, calls_per_second=1000)
    assert set(outcomes(server, 4)) == {"OK", "ProvisionedThroughputExceededException"}
    rehearse(server, operation="DetectLabels", calls_per_second=None)
    assert set(outcomes(server, 4)) == {"OK"}


def test_rehearsed_refusals_are_counted_as_refused() -> None:
    with running("--engine", "blind") as server:
        outcomes(server, 3)
        rehearse(server, outage=True)
        outcomes(server, 2)
        assert server.get("/stats") == {"DetectLabels": 3, "refused": {"DetectLabels": {"InternalServerError": 2}}}


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b'{"latency": 5}', "there is no setting latency"),
        (b'{"latency_ms": -1}', "latency_ms: -1 is not a number from 0 to 60000"),
        (b'{"latency_ms": "long"}', 'latency_ms: "long" is not a number'),
        (b'{"latency_ms": true}', "latency_ms: true is not a number"),
        (b'{"calls_per_second": 0}', "calls_per_second: 0 is not null or a number above 0"),
        (b'{"calls_per_second": Infinity}', "calls_per_second: Infinity is not null"),
        (b'{"failure_rate": 1.5}', "failure_rate: 1.5 is not a number from 0 to 1"),
        (b'{"failure_rate": NaN}', "failure_rate: NaN is not"),
        (b'{"outage": "yes"}', 'outage: "yes" is not true or false'),
        (b'{"latency_ms": 9, "outage": 1}', "outage: 1 is not true or false"),
        (
            b'{"operation": "DetectDreams", "outage": true}',
            'operation: "DetectDreams" is unknown; expected one of DetectLabels, ',
        ),
        (b'{"operation": null, "outage": true}', "operation: null is unknown; expected one of"),
        (b'{"operation": "DetectLabels", "outage": 1}', "outage: 1 is not true or false"),
        (b"[]", "the body is not a JSON object"),
        (b"\xff", "the body is not JSON"),
    ],
)
def test_a_wrong_setting_is_refused_by_name_and_changes_nothing(
    server: LocalRekognition, body: bytes, named: str
) -> None:
    status, _, answer = server.post("/rehearsal", body)
    assert status == 400
    assert answer["error"].startswith(named)
    assert server.get("/rehearsal") == CALM


def test_the_blind_engine_says_so_in_every_answer_and_in_its_health(server: LocalRekognition) -> None:
    health = server.get("/health")
    assert [engine["name"] for engine in health["engines"]] == ["blind"]
    assert "sees nothing" in server.greeting
    client = server.client()
    answers = [client.detect_labels(Image={"Bytes": picture}) for picture in (photo("coffee.png"), qr_code("x"))]
    assert answers[0]["Labels"] == answers[1]["Labels"] != []
    assert {answer["LabelModelVersion"] for answer in answers} == {"local-2.0+blind"}


def test_the_blind_engine_still_refuses_what_is_no_picture(server: LocalRekognition) -> None:
    client = server.client()
    with pytest.raises(client.exceptions.InvalidImageFormatException):
        client.detect_labels(Image={"Bytes": b"not a picture"})
