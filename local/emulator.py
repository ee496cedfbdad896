"""Runs ministack, the embedded cloud, and mends what of it differs from AWS in our way.

`python -m local.emulator`; its settings are ministack's own environment variables.
"""

import asyncio
import os
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack.app import app as ministack


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Hand a request to ministack.

    API Gateway's REST APIs pass a path on as it came, percent-encoded; ministack decodes it before it looks for
    the resource. (Seen on AWS: https://github.com/localstack/localstack, test_apigateway_lambda.snapshot.json,
    `invocation-payload-with-path-encoded-email`.)
    """
    if scope["type"] == "http" and "/_user_request_" in scope["path"]:
        scope = {**scope, "path": scope["raw_path"].decode("ascii")}
    await ministack(scope, receive, send)


def main() -> None:
    """Serve on loopback until SIGTERM or SIGINT, then save the state."""
    config = Config()
    config.bind = [f"127.0.0.1:{os.environ['GATEWAY_PORT']}"]
    config.keep_alive_timeout = 75
    config.loglevel = os.environ.get("LOG_LEVEL", "WARNING")
    asyncio.run(serve(app, config))  # type: ignore[arg-type] # ministack's app is ASGI 3


if __name__ == "__main__":
    main()
