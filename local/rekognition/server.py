"""The HTTP server: one endpoint for all operations, in AWS's JSON protocol, and /health, /stats and /rehearsal."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import uuid
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.rekognition import protocol
from local.rekognition.pictures import FETCHES
from local.rekognition.protocol import ServiceError
from local.rekognition.rehearsal import Rehearsal, RehearsalError

if TYPE_CHECKING:
    from local.rekognition.operations import Operations
    from local.rekognition.pictures import PictureSource
    from local.rekognition.sight import Sight

log = logging.getLogger(__name__)

LOOKERS = os.cpu_count() or 1
"""The number of pictures that are looked at at the same time."""


class Server:
    """The service around the engines. Only the event loop's thread uses the server's state."""

    def __init__(self, *, sight: Sight, operations: Operations, source: PictureSource) -> None:
        self._sight = sight
        self._operations = operations
        self._source = source
        # Looking at a picture only computes, so there is a thread per core. Fetching a picture mostly waits. Fetching
        # does not use asyncio's own threads, because asyncio would wait at the end for an S3 that does not answer.
        self._lookers = ThreadPoolExecutor(LOOKERS)
        self._turns = asyncio.Semaphore(LOOKERS)
        self._fetchers = ThreadPoolExecutor(FETCHES)
        self._rehearsal = Rehearsal(operations.names)
        self._answered: Counter[str] = Counter()
        self._refused: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def app(self) -> Starlette:
        """Return the ASGI application."""
        return Starlette(
            routes=[
                Route("/", self._operation, methods=["POST"]),
                Route("/health", self._health),
                Route("/stats", self._stats),
                Route("/rehearsal", self._rehearse, methods=["GET", "POST"]),
            ]
        )

    async def _operation(self, request: Request) -> Response:
        """Answer any call of the service."""
        request_id = str(uuid.uuid4())
        target = request.headers.get("x-amz-target", "")
        operation = target.removeprefix(protocol.TARGET_PREFIX)
        try:
            body = await self._answer(protocol.operation_of(target), request)
        except ServiceError as error:
            if error.code != "UnknownOperationException":
                self._refused[operation][error.code] += 1
            return _error(error, request_id)
        except ClientDisconnect:
            return Response()  # the client has gone
        except Exception:
            log.exception("%s failed", operation)
            self._refused[operation]["InternalServerError"] += 1
            message = "this local service has a defect; its log has the details"
            return _error(ServiceError("InternalServerError", message, status=500), request_id)
        self._answered[operation] += 1
        return _reply(200, body, request_id)

    async def _answer(self, operation: str, request: Request) -> dict[str, Any]:
        body = await request.body()
        await self._rehearsal.admit(operation)
        prepare = self._operations.require(operation)
        question = await asyncio.to_thread(protocol.parse, operation, body)
        answer = prepare(question)
        loop = asyncio.get_running_loop()
        picture = await loop.run_in_executor(self._fetchers, self._source.get, question["Image"])
        async with self._turns:
            # SDKs stop waiting after some time and call again. If the server still looked at the pictures of abandoned
            # calls, it would never catch up.
            if await request.is_disconnected():
                raise ClientDisconnect
            return await loop.run_in_executor(self._lookers, answer, picture)

    async def _health(self, _: Request) -> Response:
        """Describe the engines and the operations."""
        return JSONResponse({"status": "ok", **self._sight.describe(), "operations": self._operations.describe()})

    async def _rehearse(self, request: Request) -> Response:
        """Show the settings of the rehearsal. POST changes the settings."""
        if request.method == "POST":
            try:
                self._rehearsal.change(await request.body())
            except RehearsalError as error:
                return JSONResponse({"error": str(error)}, status_code=400)
        return JSONResponse(self._rehearsal.state())

    async def _stats(self, _: Request) -> Response:
        """Return the number of answered calls by operation, and of refused calls by operation and error."""
        return JSONResponse({**self._answered, "refused": self._refused})


def _error(error: ServiceError, request_id: str) -> Response:
    body = {"__type": error.code, "Code": error.code, "Logref": request_id, "Message": error.message}
    return _reply(error.status, body, request_id)


def _reply(status: int, body: dict[str, Any], request_id: str) -> Response:
    return Response(
        json.dumps(body, allow_nan=False),
        status_code=status,
        headers={"x-amzn-requestid": request_id},
        media_type=protocol.CONTENT_TYPE,
    )
