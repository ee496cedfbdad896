"""The third party, for a laptop: takes what the integration stack posts and shows it.

`python -m local.partner PORT`: `POST /` takes a document, `GET /` lists what came, newest last.
"""

import sys
from collections import deque
from datetime import UTC, datetime

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

KEPT = 10_000


def create() -> Starlette:
    """A partner with an empty desk."""
    received: deque[dict[str, str]] = deque(maxlen=KEPT)

    async def take(request: Request) -> Response:
        received.append(
            {
                "received_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "content_type": request.headers.get("content-type", ""),
                "body": (await request.body()).decode(errors="replace"),
            }
        )
        return Response(status_code=204)

    async def show(_: Request) -> Response:
        return JSONResponse(list(received))

    return Starlette(routes=[Route("/", take, methods=["POST"]), Route("/", show)])


if __name__ == "__main__":
    uvicorn.run(create(), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
