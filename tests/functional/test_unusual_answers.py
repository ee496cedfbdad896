"""Answers of receivers that no library would send, and addresses with a password."""

import base64

import boto3
import pytest

from common.runtime import caches
from local.receiver import verify
from tests.functional.desk import EVENT, Desk, desk_fixture, set_address  # noqa: F401 - a fixture
from tests.raw_server import Request, serve_raw

NEXT_SECRET = "whsec_" + "b" * 32


def head(*headers: str, status: str = "HTTP/1.1 200 OK") -> bytes:
    return "\r\n".join([status, *headers, "", ""]).encode("latin-1")


ABSURD_TIMES = [
    "9" * 25,
    "9" * 5000,
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Wed, 99 Foo 99999 99:99:99 GMT",
    "-1",
    "soon",
    "٣",
]


@pytest.mark.parametrize(
    "answer",
    [
        head(),
        head("Content-Length: 9") + b"x",
        head("Content-Length: 9", "Content-Length: 10") + b"x",
        head("Content-Length: 9, 10") + b"x",
        head("Content-Length: -5"),
        head("Content-Length: nonsense"),
        head("Transfer-Encoding: chunked") + b"zz\r\nno chunk",
        head("Transfer-Encoding: chunked", "Content-Length: 7") + b"0\r\n\r\n",
        head("Content-Encoding: gzip") + b"plain",
        head("Content-Encoding: br", "Content-Length: 5") + b"plain",
        head("Content-Encoding: aws-chunked, none") + b"plain",
        head(*(f"X-Debug-{number}: v" for number in range(150))),
        head("X-Long: " + "v" * 250_000),
        head("X-Long: " + "v" * 270_000),
        head(*["X-Debug: v"] * 30_000, status="HTTP/1.1 204 x"),
        b"HTTP/1.1 200 OK\r\nContent-Type: te",
        head("Set-Cookie: " + "v" * 70_000),
        head("Retry-After: " + "7" * 70_000),
        head("no colon", ": no name", "X-Nul: a\x00b", "X-Latin: \xe9", "Content-Type: a\rb"),
        head("Content-Type: multipart/mixed"),
        head("Location: /elsewhere", "Location: /nowhere"),
        head("Link: </a>", status="HTTP/1.1 103 Early Hints") + head(),
        head(status="HTTP/1.1 100 Continue") * 20 + head(status="HTTP/1.1 204"),
        head(status="HTTP/1.0 299 Anything"),
        head(status="HTTP/2 200"),
        *(head(f"Retry-After: {time}".encode().decode("latin-1")) for time in ABSURD_TIMES),
    ],
)
def test_a_2xx_is_a_delivery_whatever_else_the_answer_contains(desk: Desk, answer: bytes) -> None:
    """A document that the receiver has taken is never sent again."""
    with serve_raw(lambda _: answer) as receiver:
        set_address(receiver.address)
        assert desk.hand_over(EVENT.to_json()) == []
        assert len(receiver.requests) == 1
    assert (desk.item()["status"], desk.item()["attempts"]) == ("DELIVERED", 1)


@pytest.mark.parametrize("time", ABSURD_TIMES)
def test_an_absurd_pause_is_limited_or_ignored(desk: Desk, hidden: list[int], time: str) -> None:
    answer = head(f"Retry-After: {time}".encode().decode("latin-1"), status="HTTP/1.1 503 Busy")
    with serve_raw(lambda _: answer) as receiver:
        set_address(receiver.address)
        assert desk.hand_over(EVENT.to_json()) == ["0"]
    assert 1 <= hidden[0] <= 900
    assert desk.item()["last_status"] == 503


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (head("Content-Encoding: gzip", status="HTTP/1.1 500 x") + b"plain", "answered 500: DecodeError"),
        (head("Transfer-Encoding: chunked", status="HTTP/1.1 500 x") + b"zz\r\n", "answered 500: ProtocolError"),
        (head("Content-Length: 1", "Content-Length: 3", status="HTTP/1.1 500 x") + b"oops", "answered 500: oops"),
        (head(status="HTTP/1.1 103 Early Hints"), "answered 103"),
        (head("X-Long: " + "v" * 270_000, status="HTTP/1.1 103 x"), "did not answer: ProtocolError"),
        (head("X-Long: " + "v" * 270_000, status="HTTP/1.1 500 x"), "answered 500"),
        (head(status="HTTP/1.1 100 Continue") * 11_000, "did not answer: ProtocolError"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "did not answer: ProtocolError"),
    ],
)
def test_an_answer_that_takes_nothing_is_followed_by_another_attempt(
    desk: Desk, hidden: list[int], answer: bytes, says: str
) -> None:
    with serve_raw(lambda _: answer) as receiver:
        set_address(receiver.address)
        assert desk.hand_over(EVENT.to_json()) == ["0"]
    assert desk.item()["status"] == "WAITING"
    assert says in desk.item()["last_answer"]


@pytest.mark.parametrize(
    ("auth", "credentials"),
    [
        ("user:pass@", "user:pass"),
        ("user@", "user:"),
        (":pass@", ":pass"),
        ("us%40er:p%3Ass%2Fw%C3%B6rd@", "us@er:p:ss/wörd"),
        ("user:a:b@", "user:a:b"),
        ("us%40er:100%@", "us@er:100%"),
        ("\u00fcser:%FC@", b"\xc3\xbcser:\xfc"),
    ],
)
def test_user_and_password_of_an_address_are_sent_as_basic_authentication(
    desk: Desk, auth: str, credentials: str | bytes
) -> None:
    credentials = credentials.encode() if isinstance(credentials, str) else credentials
    with serve_raw(lambda _: head()) as receiver:
        set_address(f"http://{auth}{receiver.host_and_port}/hook?a=b")
        assert desk.hand_over(EVENT.to_json()) == []
        [request] = receiver.requests
        assert request.headers["authorization"] == f"Basic {base64.b64encode(credentials).decode()}"
        assert (request.target, request.headers["host"]) == ("/hook?a=b", receiver.host_and_port)
        set_address(receiver.address)
        caches.clear_all()
        assert desk.hand_over(EVENT.to_json()) == []
        assert "authorization" not in receiver.requests[1].headers


@pytest.mark.parametrize("status", [401, 403])
def test_a_receiver_that_switched_to_the_new_secret_gets_the_document_signed_by_it(desk: Desk, status: int) -> None:
    """Workers keep the secrets for a minute. Without a new one, nothing is sent twice."""

    def answer(request: Request) -> bytes:
        try:
            verify([NEXT_SECRET], request.headers, request.body)
        except ValueError:
            return head(status=f"HTTP/1.1 {status} x")
        return head()

    with serve_raw(answer) as receiver:
        set_address(receiver.address)
        assert desk.hand_over(EVENT.to_json()) == []
        assert len(receiver.requests) == 1
        [(_, reason)] = desk.dead()
        assert reason == f"the receiver answered {status}"
        boto3.client("secretsmanager").put_secret_value(SecretId="signing", SecretString=NEXT_SECRET)
        assert desk.hand_over(EVENT.to_json()) == []
        assert len(receiver.requests) == 3
    assert desk.dead() == []
    assert desk.item()["status"] == "DELIVERED"


def test_a_receiver_with_a_new_password_gets_the_document_at_its_new_address(desk: Desk) -> None:
    wanted = f"Basic {base64.b64encode(b'anna:new').decode()}"

    def answer(request: Request) -> bytes:
        return head() if request.headers.get("authorization") == wanted else head(status="HTTP/1.1 401 x")

    with serve_raw(answer) as receiver:
        set_address(f"http://anna:old@{receiver.host_and_port}/")
        assert desk.hand_over(EVENT.to_json()) == []
        set_address(f"http://anna:new@{receiver.host_and_port}/")
        assert desk.hand_over(EVENT.to_json()) == []
        assert len(receiver.requests) == 3
    assert desk.item()["status"] == "DELIVERED"
