"""Routes the calls of our HTTP APIs. Answers are JSON, and all errors have one shape."""

import base64
import functools
import json
import os
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, CORSConfig, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from common.runtime.api_errors import ApiError
from common.runtime.endpoints import EndpointsError, endpoints, origin
from common.runtime.request_parameters import Body, Parameter, expect_no_body, read_body, read_query

logger = Logger()

REQUEST_ID = "requestContext.requestId"
"""The path of API Gateway's request id within an event. Answers show it as `request_id`."""

PREFLIGHT_SECONDS = 3600


def json_file(beside: str, name: str) -> Response[Any]:
    """Return an answer with the JSON file of this name. The file is in the folder of a module."""
    return Response(
        status_code=HTTPStatus.OK, content_type="application/json", body=Path(beside).with_name(name).read_text()
    )


class GalleryAlone(CORSConfig):
    """Allows calls from the gallery's page, and from no other page.

    The page has the origin of the List Images Service. The other APIs are deployed earlier, so they read this origin
    from the parameter. They read it only for calls from browsers. Without a gallery, the variable with the parameter's
    name is missing.
    """

    def allowed_origin(self, extracted_origin: str | None) -> str | None:
        """Return the origin if pages of this origin may call the API, else None. Called by Powertools."""
        if not extracted_origin or "ENDPOINTS_PARAMETER" not in os.environ:
            return None
        try:
            allowed = origin(endpoints().labels)
        except EndpointsError as error:
            logger.warning("pages of other origins are refused", extra={"reason": str(error)})
            return None
        return allowed if extracted_origin == allowed else None

    def to_dict(self, origin: str | None) -> dict[str, str]:
        """Return the headers for an origin whose pages may call this API. Called by Powertools."""
        return {
            "Access-Control-Allow-Origin": str(origin),
            "Access-Control-Allow-Headers": "content-type,x-api-key",
            "Access-Control-Expose-Headers": "Link",
            "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
            "Vary": "Origin",
        }


Handler = Callable[..., Response[Any]]


def json_resolver() -> APIGatewayRestResolver:
    """Return a router for functions that return answers or raise `ApiError`. It translates all errors."""
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
    """Return an answer with a JSON body."""
    return Response(
        status_code=status,
        content_type="application/json",
        body=json.dumps(document, ensure_ascii=False),
        headers=headers or {},
    )


def takes(
    app: APIGatewayRestResolver, *parameters: Parameter, body: Body | None = None
) -> Callable[[Handler], Handler]:
    """Read the query parameters and the members of the body of a call.

    The function gets them as one dictionary, before the parameters of the path. A function without query parameters and
    members only gets the parameters of the path. All other input is refused.

    The declarations are kept with the function. openapi.json is made from them.
    """

    def decorate(call: Handler) -> Handler:
        @functools.wraps(call)
        def read(**path: str) -> Response[Any]:
            event = app.current_event
            if not body:
                expect_no_body(_text(event), parameters)
            # Read API Gateway's own member, because it has all values of a repeated parameter.
            given = event.get("multiValueQueryStringParameters") or {}
            asked = read_query(given, parameters, path=bool(event.path_parameters), body=body)
            if body:
                media_type = event.headers.get("content-type", "").partition(";")[0].strip().lower()
                asked |= read_body(_text(event), media_type, body)
            return call(asked, **path) if parameters or body else call(**path)

        read.parameters = parameters  # type: ignore[attr-defined]
        read.body = body  # type: ignore[attr-defined]
        return read

    return decorate


def _text(event: APIGatewayProxyEvent) -> str:
    """Return the body as text. Bytes that are not text are replaced, so that the error can describe them."""
    body = event.body or ""
    return base64.b64decode(body).decode(errors="replace") if event.is_base64_encoded else body
