"""A source of pictures on loopback that answers as its paths say, well or badly; and a partner that takes documents."""

import gzip
import io
import json
import ssl
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

from PIL import Image

from tests.picture_files import encoded, scene


def picture(format: str = "JPEG", *, color: str = "teal", size: tuple[int, int] = (120, 90)) -> bytes:
    """Return a small picture."""
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, format)
    return buffer.getvalue()


@cache
def _bomb() -> bytes:
    return gzip.compress(bytes(200 * 1024 * 1024), 1)


@dataclass
class Source:
    """The server's address, and the requests that it received."""

    address: str
    requests: list[str] = field(default_factory=list)
    user_agents: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    received: list[bytes] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    """The paths of POST requests."""
    post_status: int = 200
    post_body: bytes = b"thank you"
    post_headers: dict[str, str] = field(default_factory=dict)
    post_drips: str = ""
    """Never end this part of the answer to a POST: "status" or "head"."""
    post_echoes: bool = False
    released: threading.Event = field(default_factory=threading.Event)
    pair: threading.Barrier = field(default_factory=lambda: threading.Barrier(2, timeout=30))

    @property
    def host_and_port(self) -> str:
        return self.address.partition("://")[2]

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, source: Source, *args: object) -> None:
        self.source = source
        super().__init__(*args)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self.source.requests.append(self.path)
        self.source.user_agents.append(self.headers["User-Agent"])
        self.source.hosts.append(self.headers["Host"])
        path, _, argument = self.path.removeprefix("/").partition("?")
        self.close_connection = True
        getattr(self, path.partition("/")[0].partition(".")[0])(argument)

    def do_POST(self) -> None:
        self.source.received.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.source.paths.append(self.path)
        self.source.headers.append({name.lower(): value for name, value in self.headers.items()})
        if self.source.post_drips:
            self.close_connection = True
            self.slow_status("") if self.source.post_drips == "status" else self.slow_head("")
            return
        body = self.source.post_body
        if self.source.post_echoes:
            body = json.dumps({"path": self.path, "route": unquote(self.path), "hook": self.path.split("/")}).encode()
        self._head(self.source.post_status, {"Content-Length": str(len(body)), **self.source.post_headers})
        self.wfile.write(body)

    def photo(self, color: str) -> None:
        self._send(200, picture(color=color or "teal"))

    def together(self, color: str) -> None:
        """Answer two requests at the same moment."""
        self.source.pair.wait()
        self.photo(color)

    def png(self, _: str) -> None:
        self._send(200, picture("PNG"))

    def any(self, format: str) -> None:
        self._send(200, encoded(scene(), format))

    def file(self, name: str) -> None:
        self._send(200, self.source.files[name])

    def small(self, _: str) -> None:
        self._send(200, picture(size=(40, 40)))

    def truncated(self, _: str) -> None:
        self._send(200, picture()[:-100])

    def flaky(self, times: str) -> None:
        """Answer the first requests with an error, as a busy source does."""
        if self.source.requests.count(self.path) > int(times):
            self._send(200, picture())
        else:
            self._head(503, {"Retry-After": "7", "Content-Length": "0"})

    def missing(self, _: str) -> None:
        self._send(404, b"no such thing")

    def broken(self, _: str) -> None:
        self._send(500, b"secret stack trace")

    def page(self, _: str) -> None:
        self._send(200, b"<html>not a picture</html>")

    def empty(self, _: str) -> None:
        self._send(200, b"")

    def hang(self, _: str) -> None:
        self.source.released.wait(60)

    def drip(self, _: str) -> None:
        self._head(200, {"Content-Type": "image/jpeg"})
        while not self.source.released.wait(0.05):
            self.wfile.write(b"x")

    def large(self, _: str) -> None:
        self._head(200, {"Content-Type": "image/jpeg"})
        for _chunk in range(20):
            self.wfile.write(bytes(1024 * 1024))

    def announced(self, _: str) -> None:
        self._head(200, {"Content-Length": str(20 * 1024 * 1024)})

    def bomb(self, _: str) -> None:
        body = _bomb()
        self._head(200, {"Content-Encoding": "gzip", "Content-Length": str(len(body))})
        self.wfile.write(body)

    def cut(self, _: str) -> None:
        self._head(200, {"Content-Length": "100000"})
        self.wfile.write(picture()[:200])

    def redirect(self, target: str, status: int = 302) -> None:
        # The percent-decoded bytes are sent unchanged.
        self._head(status, {"Location": unquote(target, "latin-1"), "Content-Length": "0"})

    def heavy_redirect(self, target: str) -> None:
        """Redirect with an endless body."""
        self._head(302, {"Location": target})
        while not self.source.released.is_set():
            self.wfile.write(bytes(1024 * 1024))

    def slow_head(self, _: str) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not self.source.released.wait(0.05):
            self.wfile.write(b"x")

    def slow_status(self, _: str) -> None:
        while not self.source.released.wait(0.05):
            self.wfile.write(b"H")

    def continues(self, _: str) -> None:
        while not self.source.released.wait(0.01):
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def early(self, _: str) -> None:
        self.wfile.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")

    def endless_headers(self, _: str) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not self.source.released.is_set():
            self.wfile.write(b"X-More: more\r\n")

    def endless_header(self, _: str) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while not self.source.released.is_set():
            self.wfile.write(bytes(65536).replace(b"\0", b"x"))

    def endless_chunks(self, _: str) -> None:
        self._head(200, {"Transfer-Encoding": "chunked"})
        while not self.source.released.is_set():
            self.wfile.write(b"10000\r\n" + bytes(0x10000) + b"\r\n")

    def slow_chunks(self, _: str) -> None:
        self._head(200, {"Transfer-Encoding": "chunked"})
        while not self.source.released.wait(0.05):
            self.wfile.write(b"1\r\nx\r\n")

    def slow_chunk_size(self, _: str) -> None:
        self._head(200, {"Transfer-Encoding": "chunked"})
        while not self.source.released.wait(0.05):
            self.wfile.write(b"0")

    def trailers(self, _: str) -> None:
        self._head(200, {"Transfer-Encoding": "chunked"})
        self.wfile.write(b"1\r\nx\r\n0\r\n")
        while not self.source.released.wait(0.01):
            self.wfile.write(b"X-More: more\r\n")

    def chunk(self, size: str) -> None:
        """Send a chunk that announces a size, and then other bytes."""
        self._head(200, {"Transfer-Encoding": "chunked"})
        self.wfile.write(size.encode() + b"\r\n" + bytes(1000))

    def no_http(self, _: str) -> None:
        self.wfile.write(b"220 mail.example ESMTP\r\n")

    def nothing(self, _: str) -> None:
        pass

    def status(self, code: str) -> None:
        self._send(int(code), b"")

    def redirect_with(self, argument: str) -> None:
        status, _, target = argument.partition(",")
        self.redirect(target, int(status))

    def hops(self, left: str) -> None:
        self.redirect(f"/hops?{int(left) - 1}" if int(left) else "/photo.jpg")

    def short(self, length: str) -> None:
        """Announce fewer bytes than the picture has."""
        self._head(200, {"Content-Length": length})
        self.wfile.write(picture())

    def chunked(self, _: str) -> None:
        self._head(200, {"Transfer-Encoding": "chunked"})
        for byte in picture():
            self.wfile.write(b"1;name=value\r\n" + bytes([byte]) + b"\r\n")
        self.wfile.write(b"0\r\nX-Trailer: yes\r\n\r\n")

    def packed(self, encoding: str) -> None:
        """Send a picture with this Content-Encoding. Only gzip and deflate are really applied."""
        body = picture()
        if encoding == "gzip":
            body = gzip.compress(body)
        elif encoding == "deflate":
            body = zlib.compress(body)
        self._head(200, {"Content-Encoding": encoding, "Content-Length": str(len(body))})
        self.wfile.write(body)

    def scrambled(self, encoding: str) -> None:
        """Send bytes in a Content-Encoding that we cannot decode."""
        body = bytes(byte ^ 0x55 for byte in picture())
        self._head(200, {"Content-Encoding": encoding, "Content-Length": str(len(body))})
        self.wfile.write(body)

    def packed_twice(self, _: str) -> None:
        """Send a picture that is compressed twice, and say so in two headers."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Encoding: gzip\r\n\r\n")
        self.wfile.write(gzip.compress(gzip.compress(picture())))

    def packed_cut(self, _: str) -> None:
        body = gzip.compress(picture())[:-20]
        self._head(200, {"Content-Encoding": "gzip", "Content-Length": str(len(body))})
        self.wfile.write(body)

    def packed_nothing(self, _: str) -> None:
        """Send empty gzip streams one after the other: many bytes that contain nothing."""
        self._head(200, {"Content-Encoding": "gzip"})
        body = gzip.compress(b"") * 3000
        while not self.source.released.is_set():
            self.wfile.write(body)

    def loop(self, _: str) -> None:
        self._head(302, {"Location": "/loop", "Content-Length": "0"})

    def odd_length(self, _: str) -> None:
        self._head(200, {"Content-Length": "abc"})
        self.wfile.write(picture())

    def _send(self, status: int, body: bytes) -> None:
        self._head(status, {"Content-Length": str(len(body))})
        self.wfile.write(body)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serve(tls: ssl.SSLContext | None = None) -> Iterator[Source]:
    """Run a source until the block ends."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Ignore clients that close the connection: some tests do so."""

    source = Source("")
    server = Server(("127.0.0.1", 0), partial(Handler, source))
    source.address = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield source
    finally:
        source.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
