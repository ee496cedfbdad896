"""A simulated internet: names, and public addresses that lead to local servers."""

import json
import socket
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

import pytest

from common.runtime.safe_fetch.rules import SourceRules
from common.settings import Settings

Endpoint = tuple[str, int]


@dataclass
class Internet:
    """Names with their addresses, the routes of their packets, and the observed look-ups and connections."""

    names: dict[str, list[list[str]]] = field(default_factory=dict)
    """Each look-up of a name takes the next answer; the last one stays."""
    routes: dict[Endpoint, Endpoint] = field(default_factory=dict)
    """Public endpoint -> the local server behind it. A loopback address leads to itself. All other addresses refuse
    connections."""
    looked_up: list[str] = field(default_factory=list)
    connected: list[Endpoint] = field(default_factory=list)
    """Every endpoint that anybody tried to reach."""

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Replace the real one."""
        look_up, connect = socket.getaddrinfo, socket.socket.connect

        def getaddrinfo(host: str, port: int, **options: Any) -> list[Any]:
            self.looked_up.append(host)
            answers = self.names.get(host)
            if answers is None:  # addresses in all the spellings that the C library knows, and no other name
                return look_up(host, port, **options, flags=socket.AI_NUMERICHOST)
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            return [entry for address in answer for entry in look_up(address, port, **options)]

        def connected(connection: socket.socket, endpoint: Any) -> None:
            host, port = endpoint[:2]
            self.connected.append((host, port))
            if not ip_address(host).is_loopback and (host, port) not in self.routes:
                raise ConnectionRefusedError
            connect(connection, self.routes.get((host, port), endpoint))

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        monkeypatch.setattr(socket.socket, "connect", connected)


def rules(**settings: Any) -> SourceRules:
    """Return the rules that a deployment with these settings gives to its functions."""
    return SourceRules.from_json(json.dumps(Settings(**settings).sources))
