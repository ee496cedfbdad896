"""The password in a receiver's address is shown nowhere, whatever the receiver answers."""

import base64
import html
import json
import logging
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import boto3
import pytest

from cli.doctor.receivers import check_receiver_url
from common.runtime import caches, http_api
from integration.runtime import deliveries_api
from tests.functional.conftest import Answer
from tests.functional.desk import EVENT, Desk, desk_fixture, set_address  # noqa: F401 - a fixture
from tests.functional.test_unusual_answers import head
from tests.raw_server import Request, serve_raw

PASSWORDS = ["hunter2!", "kÖnig/\"<&>'%", "a-long+password=with;signs~"]


def forms(password: str) -> list[str]:
    """Return the spellings of a password that an answer could repeat."""
    encoded = base64.b64encode(f"anna:{password}".encode()).decode()
    return [password, quote(password, ""), json.dumps(password)[1:-1], html.escape(password), encoded]


def addresses_with(password: str, host_and_port: str) -> list[str]:
    """Return addresses of receivers that answer, that are not there, and that are wrong."""
    auth = f"anna:{quote(password, '')}@"
    answering = [f"{host_and_port}/{status}/{form}" for status in (200, 302, 404, 503) for form in range(6)]
    return [
        *(f"http://{auth}{rest}" for rest in [*answering, "127.0.0.1:9/", "[/", "/"]),
        *(f"ftp://{auth}host/", f"{auth}host:x"),
        *(f"http://anna:{start}{password}@127.0.0.1:9/" for start in ("", "12")),
    ]


@pytest.mark.parametrize("password", PASSWORDS)
def test_the_password_of_an_address_is_shown_nowhere(
    desk: Desk,
    hidden: list[int],
    password: str,
    call: Callable[..., Answer],
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is not in logs, metrics, the list of deliveries, dead letters, the breaker table or the output of `doctor`."""
    caplog.set_level(logging.INFO)
    monkeypatch.setenv("QUEUES", "{}")
    monkeypatch.setattr(http_api.logger.registered_handler, "stream", sys.stdout)
    shown: list[Any] = []

    def echo(request: Request) -> bytes:
        status, what = request.target.strip("/").split("/")
        body = forms(password)[int(what)] if what != "5" else f"is it {password[:-1]}"
        return head("Connection: close", "bad header", status=f"HTTP/1.1 {status} x") + body.encode()

    with serve_raw(echo) as receiver:
        for address in addresses_with(password, receiver.host_and_port):
            set_address(address)
            caches.clear_all()
            boto3.client("dynamodb").delete_item(
                TableName=desk.tables["breakers"], Key={"receiver": {"S": "thirdparty"}}
            )
            desk.hand_over(EVENT.to_json())
            shown += [desk.item(), desk.dead(), call(deliveries_api.handler, "GET", "/deliveries").document]
            shown.append(boto3.client("dynamodb").scan(TableName=desk.tables["breakers"])["Items"])
            shown.append(check_receiver_url("thirdparty", "thirdparty_endpoint", address))
    everything = f"{json.dumps(shown, default=str, ensure_ascii=False)}{shown}{caplog.text}{capsys.readouterr()}"
    for secret in [*forms(password), password[:-1], quote(password[:-1], "")]:
        assert secret not in everything
    assert "answered 404: " in everything
