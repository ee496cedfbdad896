"""How our HTTP APIs answer: JSON, and one shape for every error."""

import json
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

logger = Logger()


class ApiError(Exception):
    """An answer other than success: its status, a code for programs, a message for people."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def json_resolver() -> APIGatewayRestResolver:
    """A router whose handlers return documents or raise `ApiError`, the one translator of errors."""
    app = APIGatewayRestResolver()

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


def query(app: APIGatewayRestResolver, allowed: set[str]) -> dict[str, str]:
    """The query parameters, decoded.

    Raises:
        ApiError: 400, there is one that the call does not take.
    """
    given = app.current_event.query_string_parameters or {}
    if unknown := sorted(given.keys() - allowed):
        raise bad_request(f"unknown parameter {unknown[0]!r}; this call takes {', '.join(sorted(allowed))}")
    return dict(given)


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
