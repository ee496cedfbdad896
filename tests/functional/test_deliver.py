import dataclasses
import time
from collections.abc import Iterator

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.runtime import caches
from common.runtime.recognition_event import AbilityResult, RecognitionEvent
from integration.runtime import deliver
from integration.runtime.webhooks import circuit_breaker, webhook_client
from integration.runtime.webhooks.breaker_table import BreakerTable
from integration.runtime.webhooks.delivery_log import Deliveries
from integration.runtime.webhooks.signatures import SecretError
from local.receiver import verify
from tests.counted import COUNTED
from tests.functional.conftest import emitted, kinds
from tests.functional.desk import EVENT, SECRET, Desk, desk_fixture, set_address  # noqa: F401 - a fixture
from tests.functional.recorders import recorded_calls
from tests.partner_documents import read, read_2
from tests.source_server import Source, serve

NEXT_SECRET = "whsec_" + "b" * 32


@pytest.fixture
def partner() -> Iterator[Source]:
    with serve() as running:
        yield running


def test_the_third_party_gets_one_valid_signed_document(desk: Desk, partner: Source) -> None:
    set_address(partner.address)
    assert desk.hand_over(EVENT.to_json()) == []
    [body], [headers] = partner.received, partner.headers
    document = read(body)
    assert (document["image"], document["labels"]["label"][0]["name"]) == ("red flower.jpg", "Dog")
    assert headers["content-type"] == "application/xml; charset=utf-8"
    assert verify([SECRET], headers, body) == EVENT.event_id
    item = desk.item()
    assert (item["status"], item["attempts"], item["last_status"]) == ("DELIVERED", 1, 200)
    assert item["delivered_at"] == item["last_attempt_at"] == item["first_attempt_at"]


def test_the_address_may_be_encrypted(desk: Desk, partner: Source) -> None:
    set_address(partner.address, kind="SecureString")
    assert desk.hand_over(EVENT.to_json()) == []
    assert len(partner.received) == 1


def test_as_json_it_is_the_event(desk: Desk, partner: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORMAT", "json")
    set_address(partner.address)
    assert desk.hand_over(EVENT.to_json()) == []
    assert RecognitionEvent.from_json(partner.received[0].decode()) == EVENT
    assert partner.headers[0]["content-type"] == "application/json"
    assert verify([SECRET], partner.headers[0], partner.received[0])


def test_as_schema_2_it_has_the_results_of_abilities(
    desk: Desk, partner: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCHEMA", "2")
    set_address(partner.address)
    smoking = {"name": "Smoking", "parent": None, "level": 1, "confidence": 90.5}
    moderation = AbilityResult(status="done", at="2026-11-20T09:30:01.456Z", model="7.0", found=(smoking,))
    desk.hand_over(dataclasses.replace(EVENT, abilities={"moderation": moderation}).to_json())
    (ability,) = read_2(partner.received[0])["abilities"]["ability"]
    assert (ability["name"], ability["model"]) == ("moderation", "7.0")
    assert ability["found"]["moderation_label"][0]["name"] == ["Smoking"]
    assert partner.headers[0]["content-type"] == "application/xml; charset=utf-8"


def test_during_a_rotation_both_secrets_sign(desk: Desk, partner: Source) -> None:
    set_address(partner.address)
    boto3.client("secretsmanager").put_secret_value(SecretId="signing", SecretString=NEXT_SECRET)
    desk.hand_over(EVENT.to_json())
    for secret in (SECRET, NEXT_SECRET):
        assert verify([secret], partner.headers[0], partner.received[0])


def test_an_invalid_secret_keeps_documents_and_an_invalid_previous_one_does_no_harm(
    desk: Desk, partner: Source
) -> None:
    set_address(partner.address)
    manager = boto3.client("secretsmanager")
    manager.put_secret_value(SecretId="signing", SecretString="oops")
    with pytest.raises(SecretError):
        desk.hand_over(EVENT.to_json())
    manager.put_secret_value(SecretId="signing", SecretString=NEXT_SECRET)
    assert desk.hand_over(EVENT.to_json()) == []
    assert verify([NEXT_SECRET], partner.headers[0], partner.received[0])


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
def test_a_document_that_the_receiver_could_not_take_is_sent_again_with_the_same_id(
    desk: Desk, partner: Source, hidden: list[int], status: int
) -> None:
    set_address(partner.address)
    partner.post_status = status
    assert desk.hand_over(EVENT.to_json()) == ["0"]
    assert 2 <= hidden[0] <= 5
    item = desk.item()
    assert (item["status"], item["attempts"], item["last_status"]) == ("WAITING", 1, status)
    assert item["last_answer"] == f"the receiver answered {status}: thank you"
    partner.post_status = 202
    assert desk.hand_over(EVENT.to_json()) == []
    assert len({headers["webhook-id"] for headers in partner.headers}) == 1
    item = desk.item()
    assert (item["status"], item["attempts"], item["last_status"]) == ("DELIVERED", 2, 202)
    assert desk.dead() == []


@pytest.mark.parametrize("status", [301, 400, 401, 404, 413])
def test_poison_goes_to_the_dead_letters_after_one_attempt_with_the_answer(
    desk: Desk, partner: Source, status: int
) -> None:
    set_address(partner.address)
    partner.post_status = status
    assert desk.hand_over(EVENT.to_json()) == []
    assert desk.dead() == [(EVENT.to_json(), f"the receiver answered {status}: thank you")]
    assert len(partner.received) == 1
    item = desk.item()
    assert (item["status"], item["attempts"], item["last_status"]) == ("DEAD", 1, status)


@pytest.mark.parametrize("path", ["/hooks/T0KEN-SECRET", "/hooks/T0KEN%2dSECRET%21?to=a%20b&key=T0KEN-SECRET"])
def test_an_answer_that_repeats_the_secret_address_is_kept_without_it(desk: Desk, partner: Source, path: str) -> None:
    set_address(f"{partner.address}{path}")
    partner.post_status, partner.post_echoes = 404, True
    assert desk.hand_over(EVENT.to_json()) == []
    [(_, reason)] = desk.dead()
    assert 'the receiver answered 404: {"path": "' in reason
    for text in (reason, desk.item()["last_answer"]):
        assert "T0K" not in text


def test_an_answer_of_a_receiver_at_the_root_is_kept_as_it_is(desk: Desk, partner: Source) -> None:
    set_address(f"{partner.address}/")
    partner.post_status, partner.post_body = 400, b"no /labels: a b/c"
    assert desk.hand_over(EVENT.to_json()) == []
    [(_, reason)] = desk.dead()
    assert reason == "the receiver answered 400: no /labels: a b/c"


def test_a_message_that_is_no_event_becomes_a_dead_letter_and_the_others_are_delivered(
    desk: Desk, partner: Source
) -> None:
    set_address(partner.address)
    assert desk.hand_over("{}", EVENT.to_json(), '{"schema": "' + "x" * 5000) == []
    assert len(partner.received) == 1
    assert sorted(body[:10] for body, _ in desk.dead()) == ['{"schema":', "{}"]


def test_retry_after_is_honoured(desk: Desk, partner: Source, hidden: list[int]) -> None:
    set_address(partner.address)
    partner.post_status, partner.post_headers = 500, {"Retry-After": "40"}
    assert desk.hand_over(EVENT.to_json()) == ["0"]
    assert 40 <= hidden[0] <= 50


def test_a_throttling_receiver_is_left_alone_by_every_worker(desk: Desk, partner: Source, hidden: list[int]) -> None:
    set_address(partner.address)
    partner.post_status, partner.post_headers = 429, {"Retry-After": "60"}
    events = [dataclasses.replace(EVENT, event_id=str(number)).to_json() for number in range(3)]
    assert desk.hand_over(*events) == ["0", "1", "2"]
    caches.clear_all()
    assert desk.hand_over(EVENT.to_json()) == ["0"]
    assert len(partner.received) == 1
    assert all(58 <= seconds <= 75 for seconds in hidden)
    assert sorted(entry["attempts"] for entry in desk.entries()) == [0, 0, 0, 1]


def test_a_receiver_that_is_not_there_is_called_five_times_and_then_probed(
    desk: Desk, hidden: list[int], capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with serve() as gone:
        address = gone.address
    set_address(address)
    events = [dataclasses.replace(EVENT, event_id=str(number)) for number in range(10)]
    assert len(desk.hand_over(*[event.to_json() for event in events])) == 10
    entries = desk.entries()
    assert len(entries) == 10, "what waits behind the open breaker is in the log as well"
    assert {(entry["status"], entry["last_status"]) for entry in entries} == {("WAITING", None)}
    offered = [entry for entry in entries if entry["attempts"]]
    assert len(offered) == circuit_breaker.FAILURES
    assert {entry["last_answer"] for entry in offered} == {"the receiver did not answer: NewConnectionError"}
    [change] = [record for record in caplog.records if record.getMessage() == "breaker open"]
    assert change.reason == "the receiver did not answer: NewConnectionError; no call for 5 s"  # type: ignore[attr-defined]
    metrics = emitted(capsys)
    assert metrics["BreakerOpen", "receiver=thirdparty"] == [1] * 6  # when it opened, and for each that waits
    assert metrics["DeliveryAttempts", "outcome=again", "receiver=thirdparty"] == [1] * circuit_breaker.FAILURES


def test_a_receiver_that_is_down_is_counted_until_it_answers(
    desk: Desk, partner: Source, hidden: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    """It is counted during a long pause too. After 20 minutes without a data point the alarm would end."""
    set_address(partner.address)
    partner.post_status, partner.post_headers = 503, {"Retry-After": "3600"}
    assert desk.hand_over(EVENT.to_json()) == ["0"]
    assert desk.hand_over(EVENT.to_json(), receives=2) == ["0"]
    assert max(hidden) <= 900
    down = emitted(capsys)
    assert down["BreakerOpen", "receiver=thirdparty"] == [1, 1]
    store = BreakerTable(boto3.client("dynamodb"), desk.tables["breakers"], "thirdparty")
    store.open(retry_at=time.time() - 1, interval=5, seen=store.read().retry_at)
    caches.clear_all()
    partner.post_status = 200
    assert desk.hand_over(EVENT.to_json()) == []
    up = emitted(capsys)
    assert up["BreakerOpen", "receiver=thirdparty"] == [0]
    assert kinds(down, up) == COUNTED["deliver"]
    assert ("MessagesFailed",) not in down


def test_waiting_is_no_attempt_but_a_document_that_waited_for_eight_days_is_dead(desk: Desk, hidden: list[int]) -> None:
    open_breaker(desk)
    set_address("http://127.0.0.1:9")
    assert desk.hand_over(EVENT.to_json(), receives=900) == ["0"]
    assert hidden == [900]
    assert desk.dead() == []
    assert desk.hand_over(EVENT.to_json(), age=8.1 * 86_400) == []
    [(body, reason)] = desk.dead()
    assert body == EVENT.to_json()
    assert reason == "the receiver is down or wants a pause, for 8 days"


def open_breaker(desk: Desk) -> None:
    store = BreakerTable(boto3.client("dynamodb"), desk.tables["breakers"], "thirdparty")
    store.open(retry_at=time.time() + 1000, interval=60, seen=None)


def test_documents_behind_an_open_breaker_are_shown_as_waiting_before_the_first_call(
    desk: Desk, hidden: list[int]
) -> None:
    open_breaker(desk)
    set_address("http://127.0.0.1:9")
    assert desk.hand_over(EVENT.to_json()) == ["0"]
    item = desk.item()
    assert (item["event_id"], item["image"], item["event"]) == (EVENT.event_id, EVENT.image, EVENT.event)
    assert (item["status"], item["attempts"]) == ("WAITING", 0)
    never = ("last_status", "last_answer", "first_attempt_at", "last_attempt_at", "delivered_at")
    assert [item[name] for name in never] == [None] * 5
    assert desk.hand_over(EVENT.to_json(), age=8.1 * 86_400) == []
    assert (desk.item()["status"], desk.item()["attempts"]) == ("DEAD", 0)


@pytest.mark.parametrize(("status", "before"), [(200, "DELIVERED"), (400, "DEAD"), (500, "WAITING")])
def test_a_document_that_waits_again_keeps_its_attempts_and_its_last_answer(
    desk: Desk, partner: Source, hidden: list[int], status: int, before: str
) -> None:
    """A document waits again after a replay or a redrive."""
    set_address(partner.address)
    partner.post_status = status
    desk.hand_over(EVENT.to_json())
    offered = desk.item()
    assert offered["status"] == before
    open_breaker(desk)
    caches.clear_all()
    assert desk.hand_over(EVENT.to_json()) == ["0"]
    assert desk.item() == {**offered, "status": "WAITING"}


def test_a_document_that_waits_is_logged_less_and_less_often(
    desk: Desk, hidden: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten times in a thousand receives. Once would not be enough, because writing may fail."""
    open_breaker(desk)
    set_address("http://127.0.0.1:9")
    noted: list[int] = []
    receives = 0
    monkeypatch.setattr(Deliveries, "wait", lambda self, event, receiver: noted.append(receives))
    for receives in (1, 2, 3, 4, 5, 6, 7, 8, 9, 512, 999, 1000):
        desk.hand_over(EVENT.to_json(), receives=receives)
    assert noted == [1, 2, 4, 8, 512]


def test_after_its_last_attempt_a_document_is_dead_and_a_redrive_starts_again(
    desk: Desk, partner: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "MAX_ATTEMPTS", 3)
    set_address(partner.address)
    partner.post_status = 500
    for _ in range(2):
        for left in (["0"], ["0"], []):
            assert desk.hand_over(EVENT.to_json()) == left
        assert desk.item()["status"] == "DEAD"
        [(body, reason)] = desk.dead()
        assert body == EVENT.to_json()
        assert reason == "the receiver answered 500: thank you, at the last of 3 attempts"
        caches.clear_all()
        BreakerTable(boto3.client("dynamodb"), desk.tables["breakers"], "thirdparty").close(seen=None)
    assert desk.item()["attempts"] == 6


def test_a_status_that_never_comes_is_no_answer(
    desk: Desk, partner: Source, hidden: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_client, "DEADLINE_SECONDS", 0.3)
    set_address(partner.address)
    partner.post_drips = "status"
    assert desk.hand_over(EVENT.to_json()) == ["0"]
    assert desk.item()["last_answer"] == "the receiver did not answer: no answer within 0.3 s"


def test_a_status_counts_although_the_rest_of_the_answer_never_comes(
    desk: Desk, partner: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_client, "DEADLINE_SECONDS", 0.3)
    set_address(partner.address)
    partner.post_drips = "head"
    assert desk.hand_over(EVENT.to_json()) == []
    assert desk.item()["status"] == "DELIVERED"


def test_without_an_address_nothing_is_delivered(desk: Desk) -> None:
    assert desk.hand_over(EVENT.to_json()) == []
    assert desk.dead() == []


def test_a_warm_worker_makes_one_write_for_a_delivery_and_reads_nothing(
    desk: Desk, partner: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_address(partner.address)
    calls = recorded_calls(monkeypatch, deliver)
    desk.hand_over(EVENT.to_json())
    assert {"GetParameter", "GetSecretValue"} <= set(calls)
    calls.clear()
    desk.hand_over(*[EVENT.to_json()] * 10)
    assert calls == ["UpdateItem"] * 10


statuses = st.lists(st.sampled_from([200, 204, 400, 500, 503]), min_size=1, max_size=6)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(statuses)
def test_after_any_answer_a_document_is_delivered_waiting_or_dead(
    desk: Desk, partner: Source, hidden: list[int], answers: list[int]
) -> None:
    set_address(partner.address)
    state = desk.tables["breakers"], "thirdparty"
    for status in answers:
        caches.clear_all()
        BreakerTable(boto3.client("dynamodb"), *state).close(seen=None)
        partner.post_status = status
        stays = desk.hand_over(EVENT.to_json()) == ["0"]
        dead = desk.dead()
        item = desk.item()
        assert (stays, bool(dead), item["status"]) == {
            2: (False, False, "DELIVERED"),
            4: (False, True, "DEAD"),
            5: (True, False, "WAITING"),
        }[status // 100]
