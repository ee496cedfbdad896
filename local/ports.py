"""Choose the loopback ports of an embedded cloud's services."""

import socket
from collections.abc import Callable, Collection, Mapping

from local.errors import CloudError

HOST = "127.0.0.1"
SERVICES = ("emulator", "rekognition", "partner", "photos")


def choose_ports(
    previous: Mapping[str, int], *, emulator_port: int | None, say: Callable[[str], None]
) -> dict[str, int]:
    """Return a port for each service: its previous port if this is free, or else another free port.

    `emulator_port` is the port that the user asked for.

    Raises:
        CloudError: the port that the user asked for cannot be used.
    """
    remembered = dict(previous)
    if emulator_port:
        remembered = {name: port for name, port in remembered.items() if port != emulator_port}
        remembered["emulator"] = emulator_port
        if why := _why_taken(emulator_port):
            raise CloudError(
                f"LOCAL_PORT={emulator_port}: {why}; choose another port, or leave out LOCAL_PORT to get a free one"
            )
    ports: dict[str, int] = {}
    for name in SERVICES:
        before = remembered.get(name)
        if before in ports.values():  # an earlier version could give two services the same port
            before = None
        if before and not _why_taken(before):
            ports[name] = before
        else:
            ports[name] = _free_port({*ports.values(), *remembered.values()})
        if before and before != ports[name]:
            say(f"port {before} is taken by another program: {name} moves to {ports[name]}; nothing is lost")
    return ports


def _why_taken(port: int) -> str:
    """Return the reason why a service cannot listen on a port, or an empty string if the port is usable."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except PermissionError:
            return "only an administrator may use this port"
        except OSError:
            return "another program uses this port"
    return ""


def _free_port(reserved: Collection[int]) -> int:
    """Return a free port that is not reserved for another service. Nothing listens on a reserved port yet."""
    while (port := offered_port()) in reserved:
        pass
    return port


def offered_port() -> int:
    """Return a port that the operating system offers."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port
