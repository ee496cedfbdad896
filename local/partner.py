"""Plays the third party on a laptop: receives and lists the integration stack's documents, and checks signatures.

`python -m local.partner PORT SECRETS`. The file SECRETS contains the signing secrets, one on each line.

`POST /` receives a document, and `POST /inbox` an e-mail from SNS. `GET /` lists both, newest last. `GET /calls` counts
the answers. `POST /behaviour` makes later documents fail. `POST /behaviour` with `{}` ends this.
"""

import asyncio
import dataclasses
import json
import os
import sys
from collections import Counter, deque
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from common.runtime.timestamps import now
from local.receiver import verify

KEPT = 10_000
CONFIRM_SECONDS = 10
SHOWN_HEADERS = ("webhook-", "content-type", "x-correlation-id")


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """The answers to documents."""

    status: int = 204
    every: int = 1
    """Each n-th document is answered with `status`, all others with 204."""

    containing: str = ""
    """Only documents that contain this text are answered with `status`."""

    retry_after: str | None = None
    """The value of the header Retry-After."""

    hang_seconds: float = 0
    """The delay of each answer."""


@dataclass
class Partner:
    """A partner that has received nothing yet."""

    secrets: Path
    emulator: str
    """The address of SNS."""

    behaviour: Behaviour = field(default_factory=Behaviour)
    deliveries: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=KEPT))
    mails: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=KEPT))
    calls: Counter[int] = field(default_factory=Counter)
    count: int = 0

    async def take(self, request: Request) -> Response:
        """Receive one document."""
        body, behaviour = await request.body(), self.behaviour
        status, headers = 204, {}
        if behaviour.containing.encode() in body:
            self.count += 1
            if self.count % behaviour.every == 0:
                status = behaviour.status
                headers = {"retry-after": behaviour.retry_after} if behaviour.retry_after else {}
                await asyncio.sleep(behaviour.hang_seconds)
        self.calls[status] += 1
        self.deliveries.append(
            {
                "received_at": now(),
                "answered": status,
                "signature": self._checked(request, body),
                "headers": {n: v for n, v in request.headers.items() if n.startswith(SHOWN_HEADERS)},
                "body": body.decode(errors="replace"),
            }
        )
        text = "" if status == HTTPStatus.NO_CONTENT else f"POST /behaviour requested this status: {status}"
        return Response(text, status, headers)

    def _checked(self, request: Request, body: bytes) -> str:
        try:
            verify(self.secrets.read_text().split(), request.headers, body)
        except (ValueError, KeyError, OSError) as error:
            return f"{type(error).__name__}: {error}"
        return "valid"

    async def inbox(self, request: Request) -> Response:
        """Receive one message of an SNS topic."""
        message = json.loads(await request.body())
        if message["Type"] == "SubscriptionConfirmation":
            # Use only the query of the URL in the message, because the local SNS may have a different address.
            query = urlsplit(message["SubscribeURL"]).query
            await asyncio.to_thread(requests.get, f"{self.emulator}/?{query}", timeout=CONFIRM_SECONDS)
        else:
            mail = {"subject": message.get("Subject"), "text": message["Message"]}
            self.mails.append({"received_at": now(), **mail})
        return Response(status_code=204)

    async def behave(self, request: Request) -> Response:
        """Change the answers from now on."""
        try:
            self.behaviour, self.count = Behaviour(**await request.json()), 0
        except (TypeError, ValueError) as error:
            members = ", ".join(field.name for field in dataclasses.fields(Behaviour))
            return Response(f"the body must be a JSON object with some of these members: {members} ({error})", 400)
        return Response(status_code=204)

    async def show(self, _: Request) -> Response:
        """Return everything that was received."""
        return JSONResponse({"deliveries": list(self.deliveries), "mails": list(self.mails)})

    async def show_calls(self, _: Request) -> Response:
        """Return the number of documents for each status of an answer."""
        return JSONResponse({str(status): count for status, count in self.calls.items()})


def create(secrets: Path, emulator: str) -> Starlette:
    """Create the server of one partner."""
    partner = Partner(secrets, emulator)
    return Starlette(
        routes=[
            Route("/", partner.take, methods=["POST"]),
            Route("/", partner.show),
            Route("/calls", partner.show_calls),
            Route("/inbox", partner.inbox, methods=["POST"]),
            Route("/behaviour", partner.behave, methods=["POST"]),
        ]
    )


if __name__ == "__main__":
    uvicorn.run(
        create(Path(sys.argv[2]), os.environ["AWS_ENDPOINT_URL"]),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="warning",
    )
