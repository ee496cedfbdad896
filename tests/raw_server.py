"""A server on loopback that answers with exact bytes, as no library would send them."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Request:
    """One request that the server received."""

    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class RawServer:
    """The server's address, and its requests in their order."""

    port: int
    requests: list[Request] = field(default_factory=list)

    @property
    def host_and_port(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        return f"http://{self.host_and_port}"


@contextmanager
def serve_raw(answer: Callable[[Request], bytes]) -> Iterator[RawServer]:
    """Answer each connection's request with bytes, and close the connection, until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = RawServer(listener.getsockname()[1])

        def run() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:  # the block has ended
                    return
                with connection, suppress(OSError):
                    request = _read(connection)
                    server.requests.append(request)
                    connection.sendall(answer(request))

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def _read(connection: socket.socket) -> Request:
    with connection.makefile("rb") as stream:
        target = stream.readline().split()[1].decode()
        headers: dict[str, str] = {}
        while line := stream.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        return Request(target, headers, stream.read(int(headers.get("content-length", "0"))))
