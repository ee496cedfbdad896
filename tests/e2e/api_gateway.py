"""Serves the embedded cloud at the addresses that API Gateway has on AWS, over TLS."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import requests
import trustme

HOSTS = "*.execute-api.us-east-1.amazonaws.com"


class Proxy(BaseHTTPRequestHandler):
    """A proxy that answers CONNECT requests for an API's host with the embedded cloud's answers."""

    protocol_version = "HTTP/1.1"

    def __init__(self, aws: str, context: ssl.SSLContext, *arguments: object) -> None:
        self.aws, self.context, self.api = aws, context, ""
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_CONNECT(self) -> None:
        self.api = self.path.partition(".")[0]
        self.send_response(200)
        self.end_headers()
        self.connection = self.context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self.close_connection = False

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        address = f"{self.aws}/restapis/{self.api}/prod/_user_request_{self.path.removeprefix('/prod')}"
        kept = {name: value for name, value in self.headers.items() if name.lower() in {"x-api-key", "content-type"}}
        answer = requests.request(self.command, address, data=body, headers=kept, timeout=60)
        self.send_response(answer.status_code)
        for name in {"Content-Type", "Link"} & answer.headers.keys():
            self.send_header(name, answer.headers[name])
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def api_gateway(aws: str, authority: Path) -> Iterator[str]:
    """Serve on loopback. Yields the value of HTTPS_PROXY. Writes the file for REQUESTS_CA_BUNDLE to `authority`."""
    issuer, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issuer.issue_cert(HOSTS).configure_cert(context)
    issuer.cert_pem.write_to_path(str(authority))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Proxy, aws, context)) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
