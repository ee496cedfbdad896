"""Allowed URLs are fetched. test_hostile_urls.py has the refused ones."""

import socket
import ssl
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import certifi
import pytest
import trustme

from common.runtime.safe_fetch import errors, transport
from common.runtime.safe_fetch.transport import fetch
from tests.internet import Internet, rules
from tests.source_server import Source, picture, serve

PUBLIC = "93.184.216.34"
ANOTHER = "93.184.216.35"


@pytest.fixture
def source() -> Iterator[Source]:
    with serve() as running:
        yield running


@pytest.fixture
def internet(source: Source, monkeypatch: pytest.MonkeyPatch) -> Internet:
    """An internet in which the source is `pictures.example`, on port 80."""
    internet = Internet({"pictures.example": [[PUBLIC]]}, {(PUBLIC, 80): ("127.0.0.1", source.port)})
    internet.install(monkeypatch)
    return internet


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """The only authority whose certificates are trusted."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setattr(certifi, "where", lambda: str(tmp_path / "authority.pem"))
    return authority


def tls(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def test_a_picture_is_fetched_byte_for_byte_with_an_honest_user_agent(source: Source, internet: Internet) -> None:
    fetched = fetch("http://pictures.example/photo.jpg?red", rules())
    assert fetched.body == picture(color="red")
    assert source.requests == ["/photo.jpg?red"]
    assert source.user_agents == [transport.USER_AGENT]
    assert source.hosts == ["pictures.example"]
    assert internet.connected == [(PUBLIC, 80)]


@pytest.mark.parametrize("url", ["HTTP://PICTURES.example.:/photo.jpg", "http://pictures.example:80/photo.jpg#here"])
def test_other_spellings_of_a_url_are_understood(source: Source, internet: Internet, url: str) -> None:
    assert fetch(url, rules()).body == picture()
    assert source.hosts == ["pictures.example"]
    assert source.requests == ["/photo.jpg"]


def test_without_a_path_the_root_is_asked_for(source: Source, internet: Internet) -> None:
    with pytest.raises(errors.FetchError):
        fetch("http://pictures.example?photo", rules())
    assert source.requests == ["/?photo"]


def test_all_addresses_of_a_host_are_tried(internet: Internet) -> None:
    internet.names["pictures.example"] = [[ANOTHER, "2606:2800:220:1:248:1893:25c8:1946", PUBLIC]]
    assert fetch("http://pictures.example/photo.jpg", rules()).body == picture()
    assert [host for host, _ in internet.connected][-1] == PUBLIC
    assert internet.looked_up == ["pictures.example"]


def test_a_private_source_may_have_any_address_and_port(source: Source) -> None:
    fetched = fetch(f"{source.address}/photo.jpg", rules(private_sources=(source.host_and_port,)))
    assert fetched.body == picture()
    assert source.hosts == [source.host_and_port]


@pytest.mark.parametrize(
    "target", ["/photo.jpg", "photo.jpg", "//pictures.example/photo.jpg", "/photo.jpg#here", "/hops?3"]
)
def test_redirects_are_followed(internet: Internet, target: str) -> None:
    fetched = fetch(f"http://pictures.example/redirect?{quote(target)}", rules())
    assert fetched.url.removesuffix("#here") == "http://pictures.example/photo.jpg"
    assert fetched.body == picture()


def test_five_redirects_are_followed_and_not_six(source: Source, internet: Internet) -> None:
    assert fetch("http://pictures.example/hops?4", rules()).body == picture()
    with pytest.raises(errors.SourceFailedError, match="more than 5 times"):
        fetch("http://pictures.example/hops?5", rules())
    assert source.requests.count("/photo.jpg") == 1


@pytest.mark.parametrize(
    ("target", "asked"),
    [
        ("/photo/my picture.jpg", "/photo/my%20picture.jpg"),
        ("/photo/my%20picture.jpg", "/photo/my%20picture.jpg"),
        ("/photo/ü.jpg", "/photo/%C3%BC.jpg"),
        ("/photo.jpg?a=[b]&c='d'|\"e\"", "/photo.jpg?a=[b]&c='d'%7C%22e%22"),
    ],
)
def test_a_redirect_may_be_written_carelessly(source: Source, internet: Internet, target: str, asked: str) -> None:
    with suppress(errors.FetchError):
        fetch(f"http://pictures.example/redirect?{quote(target)}", rules())
    assert source.requests[1:] == [asked]


def test_the_body_of_a_redirect_is_not_read(internet: Internet) -> None:
    assert fetch("http://pictures.example/heavy_redirect?/photo.jpg", rules()).body == picture()


def test_a_proxy_in_the_environment_is_not_used(
    source: Source, internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve() as proxy:
        monkeypatch.setenv("http_proxy", proxy.address)
        fetch("http://pictures.example/photo.jpg", rules())
        assert proxy.requests == []


@pytest.mark.parametrize("path", ["packed?gzip", "packed?deflate", "odd_length", "chunked"])
def test_a_source_may_send_in_its_own_way(internet: Internet, path: str) -> None:
    assert fetch(f"http://pictures.example/{path}", rules()).body == picture()


@pytest.mark.parametrize(("path", "status"), [("missing", 404), ("broken", 500)])
def test_the_sources_refusal_is_reported_with_its_status(internet: Internet, path: str, status: int) -> None:
    with pytest.raises(errors.SourceFailedError, match=str(status)) as failure:
        fetch(f"http://pictures.example/{path}", rules())
    assert failure.value.status == status


@pytest.mark.parametrize("path", ["large", "announced", "bomb"])
def test_at_most_15_megabytes_are_fetched(internet: Internet, path: str) -> None:
    with pytest.raises(errors.TooLargeError, match="15 MB"):
        fetch(f"http://pictures.example/{path}", rules())


def test_compressed_answers_are_not_decompressed_beyond_the_limit(internet: Internet) -> None:
    """200 MB of zeros; the first time the source itself makes them."""
    for _ in range(2):
        tracemalloc.start()
        with pytest.raises(errors.TooLargeError):
            fetch("http://pictures.example/bomb", rules())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 3 * transport.MAX_BYTES


def test_a_source_without_a_server_is_a_failure() -> None:
    with serve() as gone:
        pass
    with pytest.raises(errors.SourceFailedError) as failure:
        fetch(f"{gone.address}/photo.jpg", rules(private_sources=(gone.host_and_port,)))
    assert "127.0.0.1" not in str(failure.value)


def test_a_source_that_accepts_no_connection_is_given_up(internet: Internet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "CONNECT_SECONDS", 0.2)
    began = time.monotonic()
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as waiting:
        waiting.connect(full.getsockname())  # the only connection that may wait
        internet.routes[PUBLIC, 80] = full.getsockname()
        with pytest.raises(errors.SourceTimeoutError):
            fetch("http://pictures.example/photo.jpg", rules())
    assert time.monotonic() - began < transport.READ_SECONDS


@pytest.mark.parametrize("host", ["pictures.example", "pictures.example.", "Pictures.Example"])
def test_over_tls_the_name_is_asked_for_at_the_checked_address(
    authority: trustme.CA, internet: Internet, host: str
) -> None:
    names: list[str | None] = []
    context = tls(authority.issue_cert("pictures.example"))
    context.sni_callback = lambda _connection, name, _context: names.append(name)
    with serve(context) as source:
        internet.routes[PUBLIC, 443] = ("127.0.0.1", source.port)
        assert fetch(f"https://{host}/photo.jpg", rules()).body == picture()
        assert source.hosts == names == ["pictures.example"]
        assert internet.connected == [(PUBLIC, 443)]


def test_over_tls_an_address_is_proved_as_well(authority: trustme.CA, internet: Internet) -> None:
    with serve(tls(authority.issue_cert(PUBLIC))) as source:
        internet.routes |= {(PUBLIC, 443): ("127.0.0.1", source.port), (ANOTHER, 443): ("127.0.0.1", source.port)}
        assert fetch(f"https://{PUBLIC}/photo.jpg", rules()).body == picture()
        with pytest.raises(errors.SourceFailedError, match="certificate is not valid"):
            fetch(f"https://{ANOTHER}/photo.jpg", rules())
        assert len(source.requests) == 1


def test_a_wrong_certificate_is_a_failure_of_the_source(authority: trustme.CA, internet: Internet) -> None:
    wrong = {
        "mismatch": authority.issue_cert("other.example"),
        "expired": authority.issue_cert("pictures.example", not_after=datetime.now(UTC) - timedelta(days=1)),
        "unable to get|self.signed": trustme.CA().issue_cert("pictures.example"),
    }
    for reason, certificate in wrong.items():
        with serve(tls(certificate)) as source:
            internet.routes[PUBLIC, 443] = ("127.0.0.1", source.port)
            with pytest.raises(errors.SourceFailedError, match=f"certificate is not valid: .*({reason})"):
                fetch("https://pictures.example/photo.jpg", rules())
            assert source.requests == []


def test_a_source_on_443_without_tls_is_a_failure(source: Source, internet: Internet) -> None:
    internet.routes[PUBLIC, 443] = ("127.0.0.1", source.port)
    with pytest.raises(errors.SourceFailedError, match="could not be reached"):
        fetch("https://pictures.example/photo.jpg", rules())


def test_a_redirect_may_lead_from_http_to_https_and_not_back(
    authority: trustme.CA, source: Source, internet: Internet
) -> None:
    with serve(tls(authority.issue_cert("pictures.example"))) as secure:
        internet.routes[PUBLIC, 443] = ("127.0.0.1", secure.port)
        assert fetch("http://pictures.example/redirect?https://pictures.example/photo.jpg", rules()).body == picture()
        before = list(source.requests)
        for target in ("http://pictures.example/photo.jpg", "HTTP://pictures.example/photo.jpg"):
            with pytest.raises(errors.SourceForbiddenError, match="from https to http"):
                fetch(f"https://pictures.example/redirect?{target}", rules())
        assert source.requests == before


@pytest.mark.parametrize("limit", ["READ_SECONDS", "DEADLINE_SECONDS"])
def test_a_handshake_that_is_too_slow_is_given_up(
    internet: Internet, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(transport, limit, 0.2)
    released = threading.Event()

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.sendall(b"\x16\x03\x03\x40\x00")  # a record of 16 KB begins
            while not released.wait(0.02):
                connection.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        internet.routes[PUBLIC, 443] = listener.getsockname()
        server = threading.Thread(target=drip, args=[listener])
        server.start()
        try:
            with pytest.raises(errors.SourceTimeoutError):
                fetch("https://pictures.example/photo.jpg", rules())
            server.join(60)  # the fetch has closed the connection
            assert not server.is_alive()
        finally:
            released.set()
            server.join()


def test_only_allowed_hosts_are_fetched_from_if_there_are_any(source: Source, internet: Internet) -> None:
    only = rules(allowed_sources=("*.example",))
    assert fetch("http://pictures.example/photo.jpg", only).body == picture()
    for host in ("pictures.example.org", "example", PUBLIC):
        with pytest.raises(errors.SourceForbiddenError, match="allowed_sources"):
            fetch(f"http://{host}/photo.jpg", only)
    assert internet.looked_up == ["pictures.example"]


def test_an_allowed_host_may_not_redirect_to_another(source: Source, internet: Internet) -> None:
    with pytest.raises(errors.SourceForbiddenError, match="allowed_sources"):
        fetch("http://pictures.example/redirect?http://other.example/", rules(allowed_sources=("pictures.example",)))
    assert internet.looked_up == ["pictures.example"]


def test_denied_sources_are_refused_before_all_other_rules(source: Source, internet: Internet) -> None:
    for denied in ("127.0.0.1", "127.0.0.0/8"):
        trusting = rules(private_sources=(source.host_and_port,), denied_sources=(denied,))
        with pytest.raises(errors.SourceForbiddenError, match="denied_sources"):
            fetch(f"{source.address}/photo.jpg", trusting)
    both = rules(allowed_sources=("*.example",), denied_sources=("Pictures.Example.",))
    with pytest.raises(errors.SourceForbiddenError, match="denied_sources"):
        fetch("http://pictures.example/photo.jpg", both)
    assert source.requests == []


def test_a_port_in_the_settings_is_allowed(source: Source, internet: Internet) -> None:
    internet.routes[PUBLIC, 8080] = ("127.0.0.1", source.port)
    assert fetch("http://pictures.example:8080/photo.jpg", rules(source_ports=(8080,))).body == picture()
    assert source.hosts == ["pictures.example:8080"]
    with pytest.raises(errors.SourceForbiddenError, match="port is 80; expected one of 8080"):
        fetch("http://pictures.example/photo.jpg", rules(source_ports=(8080,)))


def test_a_busy_source_says_when_to_come_back(source: Source) -> None:
    with pytest.raises(errors.SourceFailedError) as failure:
        fetch(f"{source.address}/flaky?9", rules(private_sources=(source.host_and_port,)))
    assert (failure.value.status, failure.value.retry_after) == (503, 7)
