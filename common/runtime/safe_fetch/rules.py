"""The rules for sources: the hosts, ports and addresses from which pictures may be fetched."""

import ipaddress
import json
from collections.abc import Iterable
from dataclasses import dataclass

from common.runtime.safe_fetch.errors import SourceForbiddenError
from common.runtime.safe_fetch.urls import ParsedUrl

GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
SPECIAL_PURPOSE = tuple(
    # 6to4's relays, IETF protocol assignments (Teredo, ORCHID …), 6to4 and documentation. `is_global` counts some of
    # them as public, and each version of Python counts others.
    # https://www.iana.org/assignments/iana-ipv4-special-registry and …/iana-ipv6-special-registry
    map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2002::/16", "3fff::/20"))
)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, kw_only=True)
class SourceRules:
    """The settings with the names of the fields, in the form that the checks of URLs need."""

    source_ports: frozenset[int]
    allowed_sources: tuple[str, ...]
    """If this lists hosts, all other hosts are refused."""
    denied_sources: tuple[str, ...]
    denied_networks: tuple[Network, ...]
    private_sources: frozenset[tuple[str, int]]
    """Hosts and ports that may have any address, even a private one. Only a denied host or address is still refused."""

    @classmethod
    def from_json(cls, text: str) -> "SourceRules":
        """Read the output of `Settings.sources`.

        Raises:
            ValueError, KeyError, FetchError: the text is not such output, because of an error in the deployment.
        """
        document = json.loads(text)
        names = {kind: tuple(map(_pattern, document[kind])) for kind in ("allowed_sources", "denied_sources")}
        private = [ParsedUrl.parse(f"http://{pair}") for pair in document["private_sources"]]
        return cls(
            source_ports=frozenset(document["source_ports"]),
            **names,
            denied_networks=tuple(filter(None, map(_network, document["denied_sources"]))),
            private_sources=frozenset((url.spelling, url.port) for url in private),
        )

    def check_url(self, url: ParsedUrl) -> None:
        """Check the host and the port. Called before the host is looked up.

        Raises:
            SourceForbiddenError
        """
        if _matches(url.host, self.denied_sources):
            raise _denied()
        if self._is_private_source(url):
            return
        if self.allowed_sources and not _matches(url.host, self.allowed_sources):
            raise SourceForbiddenError("the setting allowed_sources does not contain the source's host")
        if url.port not in self.source_ports:
            ports = ", ".join(map(str, sorted(self.source_ports)))
            raise SourceForbiddenError(f"the source's port is {url.port}; expected one of {ports} (source_ports)")

    def check_address(self, url: ParsedUrl, address: Address) -> None:
        """Check one address of the host. All addresses are checked before the connection is made.

        Raises:
            SourceForbiddenError
        """
        if any(address in network for network in self.denied_networks):
            raise _denied()
        if not self._is_private_source(url) and not is_public(address):
            raise SourceForbiddenError("the source's address is not a public one")

    def _is_private_source(self, url: ParsedUrl) -> bool:
        return (url.spelling, url.port) in self.private_sources


def is_public(address: Address) -> bool:
    """Return True for a public address on the internet that does not contain another address, such as IPv4 in IPv6."""
    # Outside of GLOBAL_UNICAST are, among others, loopback, unique-local, link-local, site-local and multicast
    # addresses, and IPv4 addresses written as IPv6: mapped, compatible, translated (NAT64).
    if address.version == 6 and address not in GLOBAL_UNICAST:  # noqa: PLR2004
        return False
    if any(address in network for network in SPECIAL_PURPOSE):
        return False
    return address.is_global and not address.is_multicast


def _matches(host: str, patterns: Iterable[str]) -> bool:
    return any(host == entry or (entry.startswith("*.") and host.endswith(entry[1:])) for entry in patterns)


def _pattern(entry: str) -> str:
    return entry.lower().rstrip(".")


def _network(entry: str) -> Network | None:
    try:
        return ipaddress.ip_network(entry)
    except ValueError:
        return None


def _denied() -> SourceForbiddenError:
    return SourceForbiddenError("the setting denied_sources contains the source")
