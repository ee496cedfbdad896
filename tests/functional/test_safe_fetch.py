from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests

import safe_fetch
from safe_fetch import fetch
from tests.source_server import Source, picture, serve


@pytest.fixture
def source() -> Iterator[Source]:
    with serve() as running:
        yield running


@pytest.fixture
def canary() -> Iterator[Source]:
    """A server on a private address that nobody allowed."""
    with serve() as running:
        yield running


def test_a_trusted_source_is_fetched_with_an_honest_user_agent(source: Source) -> None:
    fetched = fetch(f"{source.address}/photo.jpg", private_sources=[source.host_and_port])
    assert fetched.body == picture()
    assert source.user_agents == [safe_fetch.USER_AGENT]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "127.0.0.1.",
    ],
)
def test_loopback_is_refused_in_any_spelling(canary: Source, host: str) -> None:
    with pytest.raises((safe_fetch.SourceForbiddenError, safe_fetch.SourceFailedError)):
        fetch(f"http://{host}:{urlsplit(canary.address).port}/photo.jpg")
    assert canary.requests == []


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "10.0.0.1",
        "192.168.1.1",
        "172.16.0.1",
        "100.64.0.1",
        "[fe80::1]",
        "[fd00::1]",
        "[fec0::1]",
        "[::127.0.0.1]",
    ],
)
def test_private_addresses_are_refused_without_a_connection(address: str) -> None:
    with pytest.raises(safe_fetch.SourceForbiddenError) as refusal:
        fetch(f"http://{address}/latest/meta-data/")
    assert address.strip("[]") not in str(refusal.value)


def test_a_trusted_source_cannot_redirect_to_another_private_address(source: Source, canary: Source) -> None:
    with pytest.raises(safe_fetch.SourceForbiddenError):
        fetch(f"{source.address}/redirect?{canary.address}/photo.jpg", private_sources=[source.host_and_port])
    assert canary.requests == []


def test_a_redirect_within_the_trusted_source_is_followed(source: Source) -> None:
    fetched = fetch(f"{source.address}/redirect?/photo.jpg", private_sources=[source.host_and_port])
    assert fetched.url == f"{source.address}/photo.jpg"
    assert fetched.body == picture()


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://host/a.jpg",
        "gopher://host/",
        "javascript:alert(1)",
        "//host/a.jpg",
        "a.jpg",
        "http://",
        "http://[",
        "http://[::1",
        "http://host:port/",
        "http://host:99999/",
    ],
)
def test_what_is_no_http_url_is_refused(url: str) -> None:
    with pytest.raises(safe_fetch.InvalidUrlError):
        fetch(url)


def test_a_proxy_in_the_environment_is_not_used(
    source: Source, canary: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", canary.address)
    fetch(f"{source.address}/photo.jpg", private_sources=[source.host_and_port])
    assert canary.requests == []


@pytest.mark.parametrize(("path", "status"), [("missing", 404), ("broken", 500)])
def test_the_sources_refusal_is_reported_with_its_status(source: Source, path: str, status: int) -> None:
    with pytest.raises(safe_fetch.SourceFailedError, match=str(status)) as failure:
        fetch(f"{source.address}/{path}", private_sources=[source.host_and_port])
    assert failure.value.status == status


@pytest.mark.parametrize("path", ["large", "announced", "bomb"])
def test_more_than_the_limit_is_not_taken_in(source: Source, path: str) -> None:
    with pytest.raises(safe_fetch.TooLargeError):
        fetch(f"{source.address}/{path}", private_sources=[source.host_and_port])


def test_a_source_that_does_not_answer_is_given_up(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safe_fetch, "READ_SECONDS", 0.2)
    with pytest.raises(safe_fetch.SourceTimeoutError):
        fetch(f"{source.address}/hang", private_sources=[source.host_and_port])


@pytest.mark.parametrize("path", ["drip", "slow_head", "redirect?/slow_head"])
def test_a_source_that_drips_meets_the_deadline(source: Source, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(safe_fetch, "DEADLINE_SECONDS", 0.5)
    with pytest.raises(safe_fetch.SourceTimeoutError):
        fetch(f"{source.address}/{path}", private_sources=[source.host_and_port])


def test_the_body_of_a_redirect_is_not_read(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests.Response, "content", property(lambda _: pytest.fail("the body was read")))
    fetched = fetch(f"{source.address}/heavy_redirect?/photo.jpg", private_sources=[source.host_and_port])
    assert fetched.body == picture()


def test_a_user_name_or_password_is_refused_as_the_url_is_sent_on(source: Source) -> None:
    with pytest.raises(safe_fetch.InvalidUrlError, match="password"):
        fetch(f"http://user:secret@{source.host_and_port}/photo.jpg", private_sources=[source.host_and_port])
    assert source.requests == []


@pytest.mark.parametrize("path", ["cut", "loop"])
def test_half_an_answer_and_endless_redirects_are_failures(source: Source, path: str) -> None:
    with pytest.raises(safe_fetch.SourceFailedError):
        fetch(f"{source.address}/{path}", private_sources=[source.host_and_port])


def test_a_source_that_nobody_listens_at_is_a_failure() -> None:
    with serve() as gone:
        address, pair = gone.address, gone.host_and_port
    with pytest.raises(safe_fetch.SourceFailedError) as failure:
        fetch(f"{address}/photo.jpg", private_sources=[pair])
    assert "127.0.0.1" not in str(failure.value)
