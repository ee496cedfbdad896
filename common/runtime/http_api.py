"""How our HTTP APIs answer: JSON, and one shape for every error."""

import functools
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, CORSConfig, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from endpoints import EndpointsError, endpoints, origin

logger = Logger()

REQUEST_ID = "requestContext.requestId"
"""Where an event has API Gateway's id of the call, which answers show as `request_id`."""

PREFLIGHT_SECONDS = 3600


class ApiError(Exception):
    """An answer other than success: its status, a code for programs, a message for people."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def json_file(beside: str, name: str) -> Response[Any]:
    """An answer that is a JSON file beside a module."""
    return Response(
        status_code=HTTPStatus.OK, content_type="application/json", body=Path(beside).with_name(name).read_text()
    )


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A query parameter: how it is read, and how that is told to programs (`schema`, JSON Schema) and people.

    `read` makes a value of its text or raises ValueError or KeyError; then the answer is 400 with `takes`.
    """

    name: str
    about: str
    takes: str
    schema: Mapping[str, Any]
    read: Callable[[str], Any]
    required: bool = False
    default: Any = None
    most: int = 1
    """How often it may be given; if more than once, all its values are taken."""

    def value(self, given: Sequence[str]) -> Any:
        """Read what was given.

        Raises:
            ApiError: 400.
        """
        if not given and self.required:
            raise bad_request(f"{self.name} is missing; it takes {self.takes}")
        if len(given) > self.most:
            often = "once" if self.most == 1 else f"at most {self.most} times"
            raise bad_request(f"{self.name} is given {len(given)} times; it may be given {often}")
        try:
            values = tuple(self.read(text) for text in given)
        except (KeyError, ValueError) as error:
            raise bad_request(f"{self.name} takes {self.takes}") from error
        if self.most > 1:
            return values
        return values[0] if values else self.default


class GalleryAlone(CORSConfig):
    """Lets the gallery's page call from where it lives, and no other page.

    Its origin is the List Images Service's, which only the parameter knows: the other APIs are deployed before it. It
    is looked up for calls that come from a browser's page alone; where there is no gallery, there is no variable.
    """

    def allowed_origin(self, extracted_origin: str | None) -> str | None:
        """The origin, if it may call. Called by Powertools."""
        if not extracted_origin or "ENDPOINTS_PARAMETER" not in os.environ:
            return None
        try:
            allowed = origin(endpoints().labels)
        except EndpointsError as error:
            logger.warning("pages of other origins are refused", extra={"reason": str(error)})
            return None
        return allowed if extracted_origin == allowed else None

    def to_dict(self, origin: str | None) -> dict[str, str]:
        """The headers for an origin that may call. Called by Powertools."""
        return {
            "Access-Control-Allow-Origin": str(origin),
            "Access-Control-Allow-Headers": "content-type,x-api-key",
            "Access-Control-Expose-Headers": "Link",
            "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
            "Vary": "Origin",
        }


Handler = Callable[..., Response[Any]]


def json_resolver() -> APIGatewayRestResolver:
    """A router whose handlers return documents or raise `ApiError`, the one translator of errors."""
    app = APIGatewayRestResolver(cors=GalleryAlone())

    def error(status: HTTPStatus, code: str, message: str) -> Response[Any]:
        document = {
            "error": {"code": code, "message": message},
            "request_id": app.current_event.request_context.request_id,
        }
        return json_response(status, document)

    @app.exception_handler(ApiError)
    def expected(problem: ApiError) -> Response[Any]:
        logger.info("refused", extra={"status": problem.status, "code": problem.code, "reason": problem.message})
        return error(problem.status, problem.code, problem.message)

    @app.not_found
    def unknown(_: NotFoundError) -> Response[Any]:
        event = app.current_event
        return error(HTTPStatus.NOT_FOUND, "NotFound", f"there is no {event.http_method} {event.path}")

    @app.exception_handler(Exception)
    def unexpected(_: Exception) -> Response[Any]:
        logger.exception("failed")
        return error(HTTPStatus.INTERNAL_SERVER_ERROR, "InternalError", "this is our fault; please try again")

    return app


def json_response(status: HTTPStatus, document: Any, headers: dict[str, str] | None = None) -> Response[Any]:
    """An answer with a JSON body."""
    return Response(
        status_code=status,
        content_type="application/json",
        body=json.dumps(document, ensure_ascii=False),
        headers=headers or {},
    )


def takes(app: APIGatewayRestResolver, *parameters: Parameter) -> Callable[[Handler], Handler]:
    """Have a call's query parameters read before it: it gets them as one dictionary, before those of its path. Others
    are refused.

    What a call takes is kept with it, and described from there in openapi.json.
    """

    def decorate(call: Handler) -> Handler:
        @functools.wraps(call)
        def read(**path: str) -> Response[Any]:
            # API Gateway's own, which has every value of a repeated parameter.
            given = app.current_event.get("multiValueQueryStringParameters") or {}
            return call(read_query(given, parameters), **path)

        read.parameters = parameters  # type: ignore[attr-defined]
        return read

    return decorate


def read_query(given: Mapping[str, Sequence[str]], parameters: Sequence[Parameter]) -> dict[str, Any]:
    """The values of all parameters, by name; a tuple where there may be many.

    Raises:
        ApiError: 400, naming the parameter and what it takes.
    """
    known = {parameter.name: parameter for parameter in parameters}
    if unknown := sorted(given.keys() - known.keys()):
        allowed = f"takes {', '.join(sorted(known))}" if known else "takes none"
        raise bad_request(f"unknown parameter {unknown[0]!r}; this call {allowed}")
    return {name: parameter.value(given.get(name) or []) for name, parameter in known.items()}


def parse_json(text: str | bytes) -> Any:
    """The document.

    Raises:
        ValueError: it is no JSON, or nested beyond reason.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def bad_request(message: str) -> ApiError:
    """400: a parameter is missing or has a value it cannot take; the message names it."""
    return ApiError(HTTPStatus.BAD_REQUEST, "InvalidParameter", message)
