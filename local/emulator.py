"""Runs ministack, the embedded cloud. Corrects the differences from AWS that matter here, and refuses calls on request.

Start it with `python -m local.emulator CODE`. The folder CODE holds the functions' unpacked code. ministack's own
environment variables are the settings.

`POST /_sightline/save` saves the state, like a normal stop.

`POST /_sightline/refusals {"PutItem": 1}` refuses the next PutItem, as if a permission were missing. botocore does not
retry such an error, so the caller gets the error. `GET` shows the refusals that have not happened yet.
"""

import asyncio
import hashlib
import json
import os
import signal
import sys
import tempfile
import threading
import zipfile
from collections import Counter
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

import psutil
from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack.app import _build_persistence_save_dict
from ministack.app import app as ministack
from ministack.core import lambda_runtime, tls
from ministack.core.persistence import save_all
from ministack.services import apigateway_v1, s3, sns

REFUSALS = "/_sightline/refusals"
SAVE = "/_sightline/save"
MESSAGE = "refused by rehearsal"


class FunctionFailedError(Exception):
    """A function behind an API failed, or its process was stopped."""


class Emulator:
    """Wraps ministack's ASGI application."""

    def __init__(self) -> None:
        self.refusals: Counter[str] = Counter()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer our own paths, and pass everything else to ministack."""
        if scope["type"] == "http" and scope["path"] == REFUSALS:
            if scope["method"] == "POST":
                self.refusals = Counter(json.loads(await _body(receive)))
            await _answer(send, 200, "application/json", json.dumps(dict(self.refusals)))
            return
        if scope["type"] == "http" and scope["path"] == SAVE:
            save_all(_build_persistence_save_dict())
            await _answer(send, 200, "application/json", "{}")
            return
        if scope["type"] == "http" and +self.refusals:
            body = await _body(receive)
            if refused := self._refusal(scope, body):
                await _answer(send, *refused)
                return
            receive = _again(body, receive)
        await ministack(_raw_path(scope), receive, send)

    def _refusal(self, scope: dict[str, Any], body: bytes) -> tuple[int, str, str] | None:
        """Return the refusal of a call, in its service's protocol."""
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        target = headers.get("x-amz-target", "").rpartition(".")[2]
        action = target or parse_qs(body.decode(errors="replace")).get("Action", [""])[0]
        if not self.refusals[action]:
            return None
        self.refusals[action] -= 1
        if target:
            return 400, headers["content-type"], json.dumps({"__type": "AccessDeniedException", "message": MESSAGE})
        error = f"<Error><Type>Sender</Type><Code>AuthorizationError</Code><Message>{MESSAGE}</Message></Error>"
        return 403, "text/xml", f"<ErrorResponse>{error}<RequestId>rehearsal</RequestId></ErrorResponse>"


def _raw_path(scope: dict[str, Any]) -> dict[str, Any]:
    """Return the request with the path that the caller sent.

    REST APIs of API Gateway pass on a percent-encoded path. ministack decodes it before it looks for the resource.
    (Seen on AWS: https://github.com/localstack/localstack, test_apigateway_lambda.snapshot.json,
    `invocation-payload-with-path-encoded-email`.)
    """
    if scope["type"] == "http" and "/_user_request_" in scope["path"]:
        return {**scope, "path": scope["raw_path"].decode("ascii")}
    return scope


def _mend_gateway() -> None:
    """Make API Gateway refuse disabled keys, and answer for a failed function with 502 and the API's gateway response.

    ministack answers with the exception's text instead. A change of a key's `enabled` arrives as text, and ministack
    treats every text as true.
    """
    proxied, execute, update_key = (
        apigateway_v1._lambda_proxy_response,
        apigateway_v1._execute_in_scope,
        apigateway_v1._update_api_key,
    )

    def unless_failed(result: Any) -> Any:
        answer, error = proxied(result)
        if error:
            raise FunctionFailedError(error)
        return answer, None

    async def executed(request: Any, *arguments: Any) -> Any:
        try:
            return await execute(request, *arguments)
        except FunctionFailedError:
            error = apigateway_v1._GatewayError("DEFAULT_5XX", "Internal server error", "InternalServerErrorException")
            _, headers, body = apigateway_v1._gateway_error_response(error, request)
            return 502, headers, body

    def updated(key_id: str, data: Any) -> Any:
        for change in data.get("patchOperations", []):
            if change["path"] == "/enabled":
                change["value"] = change["value"] == "true"
        return update_key(key_id, data)

    apigateway_v1._lambda_proxy_response = unless_failed
    apigateway_v1._execute_in_scope = executed
    apigateway_v1._update_api_key = updated


def _mend_s3() -> None:
    """Make S3 return the requested range of an object's version. ministack always returns the whole version."""
    get_object = s3._get_object

    def got(bucket: str, key: str, headers: Any, query: Any = None) -> Any:
        status, answer, body = get_object(bucket, key, headers, query)
        if status != HTTPStatus.OK or "range" not in headers:
            return status, answer, body
        found = s3._parse_range(headers["range"], len(body))
        if found is None:
            error = s3._xml_body(s3._range_error_xml(bucket, key))
            return 416, {"Content-Type": "application/xml", "Content-Range": f"bytes */{len(body)}"}, error
        start, end = found
        part = body[start : end + 1]
        span = {"Content-Range": f"bytes {start}-{end}/{len(body)}", "Content-Length": str(len(part))}
        return 206, {**answer, **span}, part

    s3._get_object = got


def _mend_sns() -> None:
    """Make filters of message bodies read arrays of objects, such as the records of S3's events.

    An array matches if one of its objects matches. ministack reads only nested objects, and no arrays.
    """
    matches = sns._policy_matches

    def matched(policy: dict[str, Any], lookup: Any, nested: bool = False) -> bool:
        values = {key: lookup(key)[1] for key, rules in policy.items() if nested and isinstance(rules, dict)}
        rest = {key: rules for key, rules in policy.items() if key not in values}
        return (not rest or matches(rest, lookup, nested)) and all(
            any(matched(policy[key], sns._body_lookup(one), nested) for one in found if isinstance(one, dict))
            for key, found in values.items()
        )

    sns._policy_matches = matched


async def _body(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def _again(body: bytes, receive: Any) -> Any:
    """Return a `receive` function that repeats the body, and then passes on all further messages."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def received() -> Any:
        return messages.pop() if messages else await receive()

    return received


async def _answer(send: Any, status: int, media: str, text: str) -> None:
    headers = [(b"content-type", media.encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})


def share_code(folder: Path) -> None:
    """Unpack each function's code and each layer once into the folder, and link the workers' folders to it.

    ministack unpacks everything again for every worker: 40 MB and 1,300 files each. The shared folders are read-only,
    like Lambda's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = threading.Lock()

    class SharedZip(zipfile.ZipFile):
        def extractall(self, path: Any = None, members: Any = None, pwd: Any = None) -> None:
            archive = Path(str(self.filename))
            with archive.open("rb") as file:
                shared = folder / hashlib.file_digest(file, "sha256").hexdigest()[:32]
            with lock:
                if not shared.exists():
                    with tempfile.TemporaryDirectory(dir=folder) as temporary:
                        unpacked = Path(temporary) / "code"
                        super().extractall(unpacked, members, pwd)
                        unpacked.rename(shared)
            Path(path).rmdir()
            Path(path).symlink_to(shared, target_is_directory=True)
            archive.unlink()

    lambda_runtime.zipfile = SimpleNamespace(
        ZipFile=SharedZip, BadZipFile=zipfile.BadZipFile, LargeFileError=zipfile.LargeZipFile
    )


async def _serve(config: Config) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    async def stopped() -> None:
        await stop.wait()
        _kill_workers()  # otherwise it would wait for running calls, while workers use the CPU that saving needs

    await serve(Emulator(), config, shutdown_trigger=stopped)  # type: ignore[arg-type] # an ASGI 3 application


def _kill_workers() -> None:
    """End the functions' processes. Their messages stay in the queues."""
    for worker in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            worker.kill()


def main() -> None:
    """Serve on loopback until SIGTERM or SIGINT, then save the state."""
    config = Config()
    config.bind = [f"127.0.0.1:{os.environ['GATEWAY_PORT']}"]
    config.keep_alive_timeout = 75
    config.loglevel = os.environ.get("LOG_LEVEL", "WARNING")
    if tls.use_ssl_enabled():
        config.certfile, config.keyfile = tls.resolve_tls_material()
    _mend_gateway()
    _mend_s3()
    _mend_sns()
    share_code(Path(sys.argv[1]))
    with asyncio.Runner() as runner:
        runner.run(_serve(config))
        _kill_workers()
        os._exit(0)  # the state is saved; an ordinary exit would wait for threads that wait for workers


if __name__ == "__main__":
    main()
