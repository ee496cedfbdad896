"""Hostile URLs through the real handler, one row each: status, code and the rule that the answer names.

No row may reach the canary, a server that no request may reach. Hostile answers are in test_hostile_answers.py.
"""

import socket
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from common.runtime.safe_fetch import transport
from tests.functional.conftest import Answer
from tests.functional.hostile_system import (  # noqa: F401 - fixtures
    PUBLIC,
    ask_fixture,
    assert_no_fetch_is_left,
    assert_refused,
    canary_fixture,
    internet_fixture,
    start_fixture,
)
from tests.internet import Internet
from tests.source_server import Source

TEREDO = "2001:0:53aa:64c:0:fbdd:80ff:fffe"
LOOPBACK = (
    *("127.0.0.1", "127.0.0.1.", "127.1", "127.0.1", "127.1.", "127.255.255.254", "2130706433", "017700000001"),
    *("0x7f000001", "0x7F.1", "0x7f.0x0.0x0.0x1", "0177.0.0.1", "0177.0.0.01", "00000177.0.0.1", "0177.0x0.1"),
    *("0", "0.0.0.0", "0x0", "00", "localhost", "LOCALHOST", "localhost.", "127.0.0.1.nip.io", "127.0.0.1.NIP.io."),
    *("[::1]", "[0:0:0:0:0:0:0:1]", "[0000::0001]", "[::]", "[::0.0.0.1]"),
    *("[::ffff:127.0.0.1]", "[::FFFF:7f00:1]", "[0:0:0:0:0:ffff:7f00:1]", "[::ffff:0:127.0.0.1]", "[::127.0.0.1]"),
    *("[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", f"[{TEREDO}]"),
    *("mapped.example", "nat64.example", "six.example"),
)
NOT_PUBLIC = (
    *("10.0.0.1", "012.1", "167772161", "172.16.0.1", "172.31.255.255", "192.168.1.1", "192.168.257", "100.64.0.1"),
    *("169.254.169.254", "169.254.170.2", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.16689662"),
    *("metadata.internal", "169-254-169-254.sslip.io", "some.example", "192.0.0.192", "192.0.2.1", "192.88.99.1"),
    *("198.18.0.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
    *("[fe80::1]", "[febf::1]", "[fec0::1]", "[fc00::1]", "[fd00:ec2::254]", "[ff02::1]", "[ff0e::1]", "[100::1]"),
    *("[2001:db8::1]", "[2001:10::1]", "[3fff::1]", "[5f00::1]", "[4000::1]", "[::ffff:8.8.4.4]", "[64:ff9b::808:404]"),
)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", LOOPBACK)
def test_loopback_is_refused_in_any_spelling(
    ask: Callable[[str], Answer], internet: Internet, host: str, scheme: str
) -> None:
    assert_refused(ask(f"{scheme}://{host}:{{port}}/photo.jpg"), 403, "SourceForbidden", "not a public one")
    assert internet.connected == []


@pytest.mark.parametrize("host", NOT_PUBLIC)
def test_addresses_outside_the_public_internet_are_refused(
    ask: Callable[[str], Answer], internet: Internet, host: str
) -> None:
    assert_refused(ask(f"http://{host}/latest/meta-data/"), 403, "SourceForbidden", "not a public one")
    assert internet.connected == []


ASCII = "percent-encode"
HOST = "host"
USER = "user name"
SCHEME = "http://"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://user@127.0.0.1:{port}/", USER),
        ("http://user:secret@public.example/", USER),
        ("http://public.example@127.0.0.1:{port}/", USER),
        ("http://public.example:80@127.0.0.1:{port}/", USER),
        ("http://127.0.0.1:{port}@public.example/", USER),
        ("http://@127.0.0.1:{port}/", USER),
        ("http://:@127.0.0.1:{port}/", USER),
        ("http://a@b@127.0.0.1:{port}/", USER),
        (r"http://public.example\@127.0.0.1:{port}/", ASCII),
        (r"http://127.0.0.1:{port}\@public.example/", ASCII),
        (r"http://127.0.0.1:{port}\.public.example/", ASCII),
        (r"http:\\127.0.0.1:{port}\photo.jpg", ASCII),
        (r"http:/\127.0.0.1:{port}/", ASCII),
        ("http://127.0.0.1\t:{port}/", ASCII),
        ("http://127.0.0.1:{port}/\n", ASCII),
        ("ht\ntp://127.0.0.1:{port}/", ASCII),
        ("\thttp://127.0.0.1:{port}/", ASCII),
        (" http://127.0.0.1:{port}/", ASCII),
        ("\x00http://127.0.0.1:{port}/", ASCII),
        ("http://127.0.0.1 .public.example:{port}/", ASCII),
        ("http://public.example/ HTTP/1.1\r\nHost: 127.0.0.1\r\n", ASCII),
        ("http://127.0.0.1\x7f:{port}/", ASCII),
        ("http://１２７.0.0.1:{port}/", ASCII),  # noqa: RUF001 - full-width digits
        ("http://127。0。0。1:{port}/", ASCII),
        ("http://①②⑦.0.0.1:{port}/", ASCII),
        ("http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:{port}/", ASCII),
        ("http://127.0.0.1／.public.example:{port}/", ASCII),  # noqa: RUF001 - a full-width slash
        ("http://loc\u00adalhost:{port}/", ASCII),
        ("http://127%2e0%2e0%2e1:{port}/", HOST),
        ("http://%31%32%37.0.0.1:{port}/", HOST),
        ("http://%6cocalhost:{port}/", HOST),
        ("http://127.0.0.1%00.public.example:{port}/", HOST),
        ("http://127.0.0.1%09:{port}/", HOST),
        ("http://127.0.0.1%2f@public.example:{port}/", USER),
        ("http://[fe80::1%25eth0]/", HOST),
        ("http://[fe80::1%eth0]/", HOST),
        ("http://[::1%251]:{port}/", HOST),
        ("http://[::1]public.example:{port}/", HOST),
        ("http://public.example[::1]:{port}/", HOST),
        ("http://[127.0.0.1]:{port}/", HOST),
        ("http://[v1.127.0.0.1]:{port}/", HOST),
        ("http://[::1:{port}/", HOST),
        ("http://::1:{port}/", HOST),
        ("http://127.0.0.1..:{port}/", HOST),
        ("http://127..0.1:{port}/", HOST),
        ("http://.127.0.0.1:{port}/", HOST),
        ("http://./", HOST),
        ("http://*.example/", HOST),
        ("http://127.0.0.1,public.example:{port}/", HOST),
        (f"http://{'a' * 64}.example/", HOST),
        ("http:///127.0.0.1:{port}/", HOST),
        ("http:127.0.0.1:{port}/", HOST),
        ("http://", HOST),
        ("http://:{port}/", HOST),
        ("http://127.0.0.1:port/", HOST),
        ("http://127.0.0.1:99999/", HOST),
        ("http://127.0.0.1:-80/", HOST),
        ("http://127.0.0.1:+80/", HOST),
        ("http://127.0.0.1:8_0/", HOST),
        ("http://127.0.0.1:80:{port}/", HOST),
        ("http://user:secret/of@127.0.0.1:{port}/", HOST),
        ("//127.0.0.1:{port}/", SCHEME),
        ("127.0.0.1:{port}/", SCHEME),
        ("file:///etc/passwd", SCHEME),
        ("file://127.0.0.1/etc/passwd", SCHEME),
        ("ftp://127.0.0.1:{port}/a.jpg", SCHEME),
        ("gopher://127.0.0.1:{port}/_GET%20/", SCHEME),
        ("dict://127.0.0.1:{port}/", SCHEME),
        ("ldap://127.0.0.1:{port}/", SCHEME),
        ("data:image/png;base64,AAAA", SCHEME),
        ("javascript:alert(1)", SCHEME),
        ("jar:http://127.0.0.1:{port}/!/", SCHEME),
        ("url:http://127.0.0.1:{port}/", SCHEME),
        ("http+unix://%2fvar%2frun%2fdocker.sock/", SCHEME),
    ],
)
def test_invalid_and_ambiguous_urls_are_refused(
    ask: Callable[[str], Answer], internet: Internet, url: str, says: str
) -> None:
    assert_refused(ask(url), 400, "InvalidParameter", says)
    assert not internet.looked_up
    assert not internet.connected


@pytest.mark.parametrize(
    "url",
    [
        "http://public.example#@127.0.0.1:{port}/",
        "http://public.example?@127.0.0.1:{port}/",
        "http://public.example/@127.0.0.1:{port}/",
        "http://public.example//127.0.0.1:{port}/",
        "http://public.example:/127.0.0.1:{port}/",
        "http://public.example:80#127.0.0.1:{port}",
        "http://PUBLIC.example./",
    ],
)
def test_a_url_means_the_host_that_was_checked(ask: Callable[[str], Answer], internet: Internet, url: str) -> None:
    assert_refused(ask(url), 502, "SourceFailed", "could not be reached")
    assert internet.looked_up == ["public.example"]
    assert internet.connected == [(PUBLIC, 80)]


@pytest.mark.parametrize("port", [0, 1, 22, 25, 2375, 6379, 8080, 9001, 65535])
@pytest.mark.parametrize("host", ["public.example", "127.0.0.1"])
def test_other_ports_are_refused_before_the_host_is_looked_up(
    ask: Callable[[str], Answer], internet: Internet, host: str, port: int
) -> None:
    assert_refused(ask(f"http://{host}:{port}/"), 403, "SourceForbidden", f"port is {port}; expected one of 80, 443")
    assert not internet.looked_up
    assert not internet.connected


@pytest.mark.parametrize(
    "host",
    [
        *("denied.example", "DENIED.example", "denied.example.", "www.denied.example", "a.b.denied.example", "8.8.8.8"),
        *("134744072", "0x8.8.8.8", "8.526344", "other.example"),
    ],
)
def test_a_denied_source_is_refused_in_any_spelling(
    ask: Callable[[str], Answer], internet: Internet, host: str
) -> None:
    assert_refused(ask(f"http://{host}/"), 403, "SourceForbidden", "denied_sources")
    assert internet.connected == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_every_redirect_is_checked(ask: Callable[[str], Answer], status: int) -> None:
    url = f"{{start}}/redirect_with?{status},http://127.0.0.1:{{port}}/photo.jpg"
    assert_refused(ask(url), 403, "SourceForbidden", "not a public one")


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("http://127.0.0.1:{port}/photo.jpg", "not a public one"),
        ("//127.0.0.1:{port}/photo.jpg", "not a public one"),
        ("//2130706433:{port}/photo.jpg", "not a public one"),
        ("{start}/redirect?http://localhost:{port}/photo.jpg", "not a public one"),
        ("http://[::1]:{port}/photo.jpg", "not a public one"),
        ("http://[::ffff:127.0.0.1]:{port}/photo.jpg", "not a public one"),
        ("http://[64:ff9b::7f00:1]:{port}/photo.jpg", "not a public one"),
        ("http://169.254.169.254/latest/meta-data/", "not a public one"),
        ("http://127.0.0.1.nip.io:{port}/photo.jpg", "not a public one"),
        ("http://some.example/", "not a public one"),
        ("http://10.0.0.1/", "not a public one"),
        ("http://100.64.0.1/", "not a public one"),
        ("http://[fd00:ec2::254]/", "not a public one"),
        ("http://224.0.0.1/", "not a public one"),
        ("http://240.0.0.1/", "not a public one"),
        ("http://127.0.0.1:9001/2018-06-01/runtime/", "port is 9001"),
        ("http://public.example:22/", "port is 22"),
        ("http://www.denied.example/", "denied_sources"),
        ("http://public.example@127.0.0.1:{port}/", USER),
        (r"http:\\127.0.0.1:{port}\photo.jpg", ASCII),
        (r"\\127.0.0.1:{port}\photo.jpg", ASCII),
        ("http://[fe80::1%25eth0]/", HOST),
        ("http://127%2e0%2e0%2e1:{port}/", HOST),
        ("http://１２７.0.0.1:{port}/", HOST),  # noqa: RUF001 - full-width digits, as UTF-8 in the header
        ("http://[", "redirects to a URL that must not be fetched"),
        ("file:///etc/passwd", SCHEME),
        ("ftp://127.0.0.1/", SCHEME),
        ("data:image/png;base64,AAAA", SCHEME),
    ],
)
def test_a_redirect_is_under_the_same_rules(
    ask: Callable[[str], Answer], internet: Internet, start: Source, target: str, says: str
) -> None:
    assert_refused(ask(f"{{start}}/redirect?{quote(target, safe='{}')}"), 403, "SourceForbidden", says)
    assert set(internet.connected) == {("127.0.0.1", start.port)}


def test_a_name_is_looked_up_once_for_each_request(ask: Callable[[str], Answer], internet: Internet) -> None:
    """A resolver that answers loopback the second time is not asked again."""
    assert_refused(ask("http://rebinding.example:{port}/photo.jpg"), 502, "SourceFailed", "could not be reached")
    assert internet.looked_up == ["rebinding.example"]
    assert {host for host, _ in internet.connected} == {PUBLIC}


def test_a_name_is_checked_again_when_it_redirects_to_itself(
    ask: Callable[[str], Answer], internet: Internet, start: Source, canary: Source
) -> None:
    internet.routes[PUBLIC, canary.port] = ("127.0.0.1", start.port)
    url = "http://rebinding.example:{port}/redirect?/photo.jpg"
    assert_refused(ask(url), 403, "SourceForbidden", "not a public one")
    assert internet.looked_up == ["rebinding.example"] * 2
    assert internet.connected == [(PUBLIC, canary.port)]


def test_a_private_source_is_exactly_one_host_and_port(
    ask: Callable[[str], Answer], internet: Internet, start: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another spelling of its host, and another port of it, are other sources."""
    for url in (start.address.replace("127.0.0.1", host) for host in ("localhost", "127.1", "[::ffff:127.0.0.1]")):
        assert_refused(ask(f"{url}/photo.jpg"), 403, "SourceForbidden", "port is")
    assert internet.connected == []


def test_a_name_that_is_not_known_is_a_failure_of_the_source(ask: Callable[[str], Answer]) -> None:
    assert_refused(ask("http://nobody.example/a.jpg"), 502, "SourceFailed", "could not be looked up")


def test_a_resolver_that_hangs_meets_the_deadline(
    ask: Callable[[str], Answer], internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "DEADLINE_SECONDS", 0.2)
    released, look_up = threading.Event(), socket.getaddrinfo

    def hang(*arguments: Any, **options: Any) -> Any:
        released.wait(30)
        return look_up(*arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        assert_refused(ask("http://public.example/"), 504, "SourceTimeout", "too slow")
    finally:
        released.set()
    assert_no_fetch_is_left()
    assert internet.looked_up
    assert internet.connected == []  # although the look-up has answered by now
