import io
import json
import ssl
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests
import trustme
from typer.testing import CliRunner

from cli import api_client, http_sessions
from cli.api_client import CallError, call
from cli.commands import rotate_key
from cli.doctor import apis
from cli.doctor.deployment import Deployment
from cli.doctor.finding import State
from cli.doctor.receivers import check_receiver_url
from cli.main import app
from cli.target import Target, TargetName
from tests.source_server import Source, serve


@pytest.fixture
def server() -> Iterator[Source]:
    with serve() as running:
        yield running


def target(name: TargetName, key: str | None) -> Target:
    return Target(name, upload_url="", labels_url="", deliveries_url="", api_key=key)


def test_with_a_key_the_call_carries_it(server: Source) -> None:
    assert call(target(TargetName.AWS, "secret"), "POST", server.address, query={"receiver": None}).ok
    [headers] = server.headers
    assert headers["x-api-key"] == "secret"
    assert "authorization" not in headers


def test_without_a_key_it_is_signed_by_the_callers_credentials(server: Source) -> None:
    call(target(TargetName.AWS, None), "POST", f"{server.address}/deliveries/a/replay", query={"receiver": "pets & co"})
    [headers] = server.headers
    assert "/us-east-1/execute-api/aws4_request" in headers["authorization"]


def test_an_error_is_reported_in_the_services_words_or_by_its_status(server: Source) -> None:
    server.post_status = 503
    with pytest.raises(CallError, match="503 Service Unavailable"):
        call(target(TargetName.LOCAL, "k"), "POST", server.address)
    server.post_body = b'{"error": {"code": "DeliveryNotFound", "message": "there is none"}}'
    with pytest.raises(CallError, match=r"^there is none$"):
        call(target(TargetName.LOCAL, "k"), "POST", server.address)


def test_a_service_that_does_not_answer_is_named() -> None:
    with serve() as gone:
        address = gone.address
    with pytest.raises(CallError, match=f"{address} does not answer: ConnectionError"):
        call(target(TargetName.LOCAL, "k"), "GET", address)


SHOWN: dict[str, Any] = {
    "image": "a.jpg",
    "labels": ["Dog"],
    "failure": None,
    "uploaded_at": "2026-11-20T09:30:00.000Z",
}
RECORD: dict[str, Any] = {
    "image": "a.jpg",
    "status": "RECOGNIZED",
    "failure": None,
    "labels": [],
    "correlation_id": "1",
}
DAY = {"calls": 1, "cost_usd": 0.001, "cache_hits": 0, "saved_usd": 0}
ANSWERS: dict[str, Any] = {
    "GET /": [{**SHOWN, "status": "RECOGNIZED"}],
    "GET /labels": [{"label": "Dog", "images": 1}],
    "GET /search": [{**SHOWN, "confidence": 98.1}],
    "GET /images": RECORD,
    "DELETE /images/a.jpg": {"image": "a.jpg", "message": "deleted"},
    "GET /usage": {"month": "2026-11", "days": [], "budget_usd": None, "paused": False, **DAY},
    "GET /deliveries": [],
    "POST /deliveries/1/replay": {"receivers": ["thirdparty"]},
    "POST /uploads": {},
    "HEAD /": {},
}
"""The calls of each command, with an answer."""


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Target]:
    """A system that serves over TLS. Only REQUESTS_CA_BUNDLE names its authority."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(ANSWERS[f"{self.command} {self.path.partition('?')[0]}"]).encode()
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_POST = do_DELETE = do_HEAD = do_GET  # noqa: N815 - the base class's names

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Ignore clients that do not trust the server."""

    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = Server(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "authority.pem"))
    base = f"https://127.0.0.1:{server.server_address[1]}"
    running = Target(TargetName.AWS, base, base, base, "key")
    monkeypatch.setattr("cli.options.find", lambda name, **_: running)
    yield running
    server.shutdown()
    server.server_close()
    thread.join()


COMMANDS = [
    ["list"],
    ["labels"],
    ["search", "dog"],
    ["show", "a.jpg"],
    ["delete", "a.jpg", "--yes"],
    ["usage"],
    ["deliveries"],
    ["replay", "1"],
    ["ingest", "a.jpg"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_every_command_trusts_the_authority_that_the_environment_names(
    system: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jpg").write_bytes(b"picture")
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    monkeypatch.setattr("urllib3.util.Retry.get_backoff_time", lambda self: 0)
    refused = CliRunner().invoke(app, command)
    assert refused.exit_code == 1
    assert "is not trusted; set REQUESTS_CA_BUNDLE" in refused.output


def test_the_doctor_and_the_rotation_trust_it_too(system: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apis, "check_key", lambda deployment: iter(()))
    found = [*apis.check_apis(Deployment(system)), check_receiver_url("partner", "address", system.labels_url)]
    assert [finding.text for finding in found if finding.state is not State.GOOD] == []
    rotate_key.wait_until_admitted(system, "new")


def test_a_missing_authority_is_reported(server: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")
    with pytest.raises(CallError, match=r"cannot be called: .* invalid path: /nowhere\.pem"):
        call(target(TargetName.LOCAL, "k"), "GET", "https://127.0.0.1:1/")


def test_proxies_are_used_but_not_for_loopback(server: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.address)
    monkeypatch.setenv("http_proxy", server.address)
    assert call(target(TargetName.AWS, "k"), "POST", "http://api.example/uploads", body={}).ok
    assert server.paths == ["http://api.example/uploads"]
    for host in ("127.0.0.1", "localhost"):
        assert call(target(TargetName.LOCAL, "k"), "POST", f"http://{host}:{server.port}/uploads", body={}).ok
    assert server.paths[1:] == ["/uploads", "/uploads"]


def test_the_embedded_clouds_services_are_asked_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with serve() as emulator:
        emulator.post_body = b'{"QueueUrls": ["http://q"]}'
        system = replace(target(TargetName.LOCAL, "k"), aws_url=emulator.address)
        assert system.client("sqs").list_queues()["QueueUrls"] == ["http://q"]


def test_a_list_is_followed_until_there_are_enough_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(session: http_sessions.Session, method: str, address: str, **_: Any) -> requests.Response:
        asked.append(address)
        page = requests.Response()
        page.status_code = 200
        page.raw = io.BytesIO(b'[{"n": 1}]')
        page.headers["Link"] = '<?label=red+rose&label=b&limit=2&cursor=x%2Fy>; rel="next"'
        return page

    monkeypatch.setattr(http_sessions.Session, "request", answer)
    found = api_client.entries(target(TargetName.AWS, "k"), "https://api/search", {"label": ["red rose", "b"]}, 2)
    assert found == [{"n": 1}] * 2
    assert asked == [
        "https://api/search?label=red%20rose&label=b&limit=2",
        "https://api/search?label=red%20rose&label=b&limit=2&cursor=x%2Fy",
    ]
