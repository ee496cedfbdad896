"""Compare our reading of URLs with ada's, an independent parser by the WHATWG standard, which browsers follow.

Ada accepts every URL that we accept, and reads the same host, port, path and query. We refuse the others.
"""

import ipaddress
import re
from urllib.parse import quote

import pytest
from ada_url import URL
from hypothesis import example, given
from hypothesis import strategies as st

from common.runtime.safe_fetch.errors import InvalidUrlError
from common.runtime.safe_fetch.urls import LEGAL, PORTS, ParsedUrl

NUMBERS = st.sampled_from(["0", "00", "1", "08", "0x", "0x7f", "0X7F", "0xg", "127", "255", "256", "0377", "65536"])
LABELS = st.sampled_from(["a", "example", "xn--bcher-kva", "a_b", "-", "1a", "a" * 63, "a" * 64, "*", "%61", "ü", ""])
NAMES = st.lists(st.one_of(NUMBERS, LABELS, st.integers(0, 2**33).map(str)), min_size=1, max_size=5).map(".".join)
V6 = st.one_of(
    st.ip_addresses(v=6).map(lambda address: f"[{address.exploded}]"),
    st.ip_addresses(v=6).map(lambda address: f"[{address}]"),
    st.ip_addresses(v=4).map(lambda address: f"[::ffff:{address}]"),
    st.sampled_from(["[::1]", "[::01]", "[1::2::3]", "[::1%251]", "[::127.1]", "[v1.a]", "[]", "[::1"]),
)
HOSTS = st.builds("{}{}".format, st.one_of(NAMES, V6), st.sampled_from(["", ".", ".."]))
USERS = st.sampled_from(["", "", "", "", "user@", "user:pass@", "@", ":@", "a@b@"])
HOST_PORTS = st.sampled_from(["", "", ":", ":0", ":80", ":443", ":0080", ":65535", ":65536", ":+80", ":8a", ":٣"])
SEGMENTS = st.one_of(
    st.sampled_from(
        ["", ".", "..", "...", "%2e", "%2E%2e", ".%2e", "%2f", "%5c", "a", "a b", "ü", "%zz", "%", ";", ":"]
    ),
    st.text(st.characters(max_codepoint=0x17F), max_size=4),
)
PATHS = st.lists(SEGMENTS, max_size=6).map(lambda segments: "".join(f"/{segment}" for segment in segments))
QUERIES = st.one_of(st.just(""), st.text(st.characters(max_codepoint=0x17F), max_size=8).map("?{}".format))
FRAGMENTS = st.sampled_from(["", "#", "#a/../b", "#?", "##"])
SLASHES = st.sampled_from(["//", "//", "//", "//", "/", "", "///", "\\\\", "/\\"])
SCHEMES = st.sampled_from(["http:", "https:", "HTTP:", "hTTps:", "ftp:", "ht\ttp:", " http:", ""])
COMPOSED = st.builds("".join, st.tuples(SCHEMES, SLASHES, USERS, HOSTS, HOST_PORTS, PATHS, QUERIES, FRAGMENTS))

HOSTILE_PIECES = st.sampled_from(
    [
        *("a", "h.example", "xn--", "1", "0x", "8", ".", "..", "http:", "https:", "/", "//", ":", "::", "?", "#", "@"),
        *("%", "%2e", "%2f", "%00", "%40", "\\", "\t", "\n", "\r", " ", "\x00", "\x7f", "\xad", "\u200b", "\u3002"),
        *("\uff11", "\u2460", *"[];,|^`{}<>\"'*_-~&=+$!("),
    ]
)
HOSTILE = st.lists(HOSTILE_PIECES, max_size=10).map("".join)
HOSTILE_HOSTS = st.text(st.sampled_from("ab019x.-_:[]%@"), max_size=12)
URLS = st.one_of(
    COMPOSED,
    st.builds("http://{}".format, HOSTILE),
    st.builds("http://{}/{}".format, HOSTILE_HOSTS, HOSTILE),
    st.builds("https://h.example/{}".format, HOSTILE),
    HOSTILE,
)

BASES = st.sampled_from(
    ["http://base.example", "https://base.example:8080/a/b/c?d=e", "http://base.example/a/../b/", "http://1.2.3.4/x//y"]
)
REFERENCES = st.one_of(
    URLS,
    st.builds("".join, st.tuples(SLASHES, USERS, HOSTS, HOST_PORTS, PATHS, QUERIES, FRAGMENTS)),
    st.builds("".join, st.tuples(PATHS, QUERIES, FRAGMENTS)),
    st.builds("".join, st.tuples(SEGMENTS, PATHS, QUERIES, FRAGMENTS)),
    HOSTILE,
)


def read(url: str, base: str | None = None) -> URL | None:
    try:
        return URL(url, base) if base else URL(url)
    except ValueError:
        return None


def assert_same(ours: ParsedUrl, theirs: URL | None) -> None:
    assert theirs is not None, "only we accept it"
    assert theirs.protocol == f"{ours.scheme}:"
    assert (theirs.username, theirs.password) == ("", "")
    host = theirs.hostname.removesuffix(".")  # the same name in DNS
    if host.startswith("["):
        assert ipaddress.IPv6Address(host.strip("[]")) == ipaddress.IPv6Address(ours.host)
    else:
        assert host == ours.host
    assert int(theirs.port or PORTS[ours.scheme]) == ours.port
    assert canonical(theirs.pathname + theirs.search) == canonical(ours.target)


def canonical(target: str) -> str:
    """Encode the characters that only one of the two parsers encodes. Servers read both forms as the same."""
    return re.sub("%[0-9a-f]{2}", lambda found: found[0].upper(), quote(target, safe=LEGAL)).replace("%27", "'")


@given(URLS)
@example("http://127.1./")
@example("http://0x7f.0.0.1/")
@example("http://a.08/")
@example("http://host/a/%2e%2e/../b/./")
@example("http://host/?")
@example("http:///host/")
def test_browsers_read_every_url_that_we_accept_as_we_do(url: str) -> None:
    try:
        ours = ParsedUrl.parse(url)
    except InvalidUrlError:
        return
    assert_same(ours, read(url))


@given(BASES, REFERENCES)
@example("http://base.example/a", "///other.example/")
@example("http://base.example/a", "http:b")
@example("http://base.example/a/b", "../../%2e%2e/c")
@example("http://base.example/a/b", "?")
@example("http://base.example/a/b", "\tc\td")
@example("http://base.example/a/b", r"\c\d?e\f#g\h")
@example("http://base.example/a/b", r"http://host\@other\..\c")
@example("http://base.example/a/b", r"/\host\c")
def test_browsers_follow_every_redirect_that_we_accept_to_the_same_place(base: str, reference: str) -> None:
    if any(character in reference for character in "\r\n"):
        return  # it cannot be in a header
    try:
        ours = ParsedUrl.parse(base).follow(reference.strip().encode().decode("latin-1"))
    except InvalidUrlError:
        return
    assert_same(ours, read(reference.strip(), base))


@pytest.mark.parametrize(
    ("url", "host", "port", "target"),
    [
        ("http://0x7f.1/", "127.0.0.1", 80, "/"),
        ("http://2130706433", "127.0.0.1", 80, "/"),
        ("http://0177.0.0.01./", "127.0.0.1", 80, "/"),
        ("http://1.2.3/", "1.2.0.3", 80, "/"),
        ("https://Example.COM.:443/a/./b/../c?d#e", "example.com", 443, "/a/c?d"),
        ("http://h/%2E%2e/%2e/x/%2e", "h", 80, "/x/"),
        ("http://h/a//../b", "h", 80, "/a/b"),
        ("http://h/..", "h", 80, "/"),
        ("http://h/../a/..", "h", 80, "/"),
        ("http://0x7g.1a/", "0x7g.1a", 80, "/"),
        ("http://[0:0::1]:81/", "::1", 81, "/"),
    ],
)
def test_a_url_has_one_reading(url: str, host: str, port: int, target: str) -> None:
    parsed = ParsedUrl.parse(url)
    assert (parsed.host, parsed.port, parsed.target) == (host, port, target)
    assert_same(parsed, read(url))


@pytest.mark.parametrize(
    "host", ["08", "a.0x", "1.2.3.4.5", "256.1", "0.0.0.0.0", "1.2.3.256", "4294967296", "0x100000000", "a.1"]
)
def test_a_name_that_ends_in_a_number_is_an_address_or_refused(host: str) -> None:
    with pytest.raises(InvalidUrlError):
        ParsedUrl.parse(f"http://{host}/")
    assert read(f"http://{host}/") is None
