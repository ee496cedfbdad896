"""Reading of URLs, public addresses, and the sources that the settings allow."""

import dataclasses
import ipaddress
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from common.runtime.safe_fetch.errors import InvalidUrlError, SourceForbiddenError
from common.runtime.safe_fetch.rules import SourceRules, is_public
from common.runtime.safe_fetch.urls import ParsedUrl
from common.setting_types import SettingsError
from common.settings import Settings
from tests.internet import rules

# URLs about which parsers disagree.
PIECES = st.sampled_from(
    [
        *(
            "http:",
            "https:",
            "HTTP:",
            "file:",
            "//",
            "/",
            "///",
            "\\",
            "@",
            ":",
            "#",
            "?",
            "[",
            "]",
            "%",
            ".",
            "..",
            " ",
            "\t",
        ),
        *(
            "\n",
            "\r",
            "\x00",
            "%2e",
            "%00",
            "%25",
            "%40",
            "user",
            ":80",
            ":080",
            ":0",
            ":",
            ":8o",
            ":99999",
            "localhost",
        ),
        *("127.0.0.1", "0x7f.1", "[::1]", "[fe80::1%25eth0]", "good.example", "evil.example", "１", "。", "ⓛ", "ß"),  # noqa: RUF001
    ]
)
HOSTS = st.sampled_from(["good.example", "127.0.0.1", "0x7f.1", "[::1]", "GOOD.example.", "1"])
URLS = st.one_of(
    st.lists(PIECES, max_size=12).map("".join),
    st.builds("http://{}{}{}".format, HOSTS, st.sampled_from(["", ":80", ":081", ":", ":0"]) | PIECES, PIECES),
    st.builds("https://{}/{}{}{}".format, HOSTS, PIECES, PIECES, PIECES),
)


@given(URLS)
def test_other_parsers_read_the_same_host_and_port(url: str) -> None:
    """Our reader and urllib3's, which requests uses too, read the same host and port, or one of them refuses the
    URL."""
    try:
        ours, theirs = ParsedUrl.parse(url), parse_url(url)
    except (InvalidUrlError, LocationParseError):
        return
    assert theirs.host is not None
    assert ours.spelling == theirs.host.strip("[]").removesuffix(".").lower()
    assert ours.port == (theirs.port if theirs.port is not None else {"http": 80, "https": 443}[ours.scheme])
    assert theirs.auth is None
    assert ours.target.isascii()
    assert not set(ours.target) & set(" \r\n\t\\#")


@given(URLS)
def test_reading_a_url_again_changes_nothing(url: str) -> None:
    try:
        place = ParsedUrl.parse(url)
    except InvalidUrlError:
        return
    again = ParsedUrl.parse(f"{place.scheme}://{place.authority}{place.target}")
    assert again == dataclasses.replace(place, spelling=place.host)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_in_ipv6_notation_is_never_public(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    clothes = {
        "mapped": (0xFFFF << 32) | number,
        "compatible": number,
        "translated": (0xFFFF << 48) | number,
        "nat64": (0x64FF9B << 96) | number,
        "local nat64": (0x64FF9B0001 << 80) | number,
        "6to4": (0x2002 << 112) | (number << 80),
        "teredo's server": (0x20010000 << 96) | (number << 64),
        "teredo's client": (0x20010000 << 96) | (number ^ 0xFFFFFFFF),
    }
    for name, value in clothes.items():
        assert not is_public(ipaddress.IPv6Address(value)), name


@given(
    st.sampled_from(
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
            *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "::/8", "100::/64", "2001::/23", "2001:db8::/32"),
            *("2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
        )
    ).flatmap(lambda network: st.ip_addresses(network=network))
)
def test_special_addresses_are_not_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """https://www.iana.org/assignments/iana-ipv4-special-registry and …/iana-ipv6-special-registry"""
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001::1", "2400::1"]
)
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("settings", "url", "refusal"),
    [
        ({}, "http://example.com", None),
        ({}, "https://example.com:80", None),
        ({}, "http://example.com:8080", "source_ports"),
        ({"source_ports": (443,)}, "http://example.com", "source_ports"),
        ({"allowed_sources": ("example.com",)}, "http://EXAMPLE.com.", None),
        ({"allowed_sources": ("Example.COM.",)}, "http://example.com", None),
        ({"allowed_sources": ("example.com",)}, "http://www.example.com", "allowed_sources"),
        ({"allowed_sources": ("example.com",)}, "http://example.com.evil", "allowed_sources"),
        ({"allowed_sources": ("*.example.com",)}, "http://a.b.example.com", None),
        ({"allowed_sources": ("*.example.com",)}, "http://example.com", "allowed_sources"),
        ({"allowed_sources": ("*.example.com",)}, "http://evilexample.com", "allowed_sources"),
        ({"allowed_sources": ("example.com",)}, "http://example.com:22", "source_ports"),
        ({"allowed_sources": ("1.1.1.1",)}, "http://1.1.1.1", None),
        ({"allowed_sources": ("xn--bcher-kva.example",)}, "http://XN--bcher-KVA.example", None),
        ({"denied_sources": ("example.com",)}, "http://Example.Com.", "denied_sources"),
        ({"denied_sources": ("example.com",)}, "http://www.example.com", None),
        (
            {"denied_sources": ("*.example.com",), "allowed_sources": ("a.example.com",)},
            "http://a.example.com",
            "denied",
        ),
        ({"private_sources": ("host:8000",)}, "http://HOST:8000", None),
        ({"private_sources": ("HOST:8000",)}, "https://host:8000", None),
        ({"private_sources": ("host:80",)}, "http://host", None),
        ({"private_sources": ("[::0001]:8000",)}, "http://[::1]:8000", None),
        ({"private_sources": ("host:8000",)}, "http://host:8001", "source_ports"),
        ({"private_sources": ("host:8000",), "allowed_sources": ("example.com",)}, "http://host:8000", None),
        ({"private_sources": ("host:8000",), "denied_sources": ("host",)}, "http://host:8000", "denied_sources"),
    ],
)
def test_the_settings_decide_by_host_and_port(settings: dict[str, tuple[str]], url: str, refusal: str | None) -> None:
    made = rules(**settings)
    if refusal is None:
        made.check_url(ParsedUrl.parse(url))
    else:
        with pytest.raises(SourceForbiddenError, match=refusal):
            made.check_url(ParsedUrl.parse(url))


PARTS = st.sampled_from(
    [
        *(
            "[",
            "]",
            "::1",
            "::",
            "/64",
            "%eth0",
            ":",
            ":80",
            ":0",
            ":99999",
            ".",
            "*.",
            "host",
            "1.2.3.4",
            "/8",
            "@",
            " ",
            "ü",
        )
    ]
)
SOURCES = st.lists(PARTS, min_size=1, max_size=4).map("".join)


@given(SOURCES, st.sampled_from(["allowed_sources", "denied_sources", "private_sources"]))
def test_what_the_settings_accept_the_functions_understand(source: str, setting: str) -> None:
    try:
        settings = Settings.from_context({setting: [source]})
    except SettingsError:
        return
    SourceRules.from_json(json.dumps(settings.sources))


def test_a_denied_network_is_denied_by_address() -> None:
    made = rules(denied_sources=("8.8.0.0/16", "2600::/16"))
    place = ParsedUrl.parse("http://example.com")
    made.check_address(place, ipaddress.ip_address("1.1.1.1"))
    for address in ("8.8.4.4", "2600::1"):
        with pytest.raises(SourceForbiddenError, match="denied_sources"):
            made.check_address(place, ipaddress.ip_address(address))
