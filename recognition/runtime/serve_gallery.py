"""Serve the gallery's page, its files, and the addresses that the page calls. This function may read no data."""

from dataclasses import asdict, dataclass
from http import HTTPStatus
from importlib.resources import files
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from common.runtime.api_errors import ApiError
from common.runtime.caches import cached
from common.runtime.endpoints import EndpointsError, endpoints, origin
from common.runtime.environment import from_environment
from common.runtime.http_api import REQUEST_ID, json_resolver, json_response, logger

app = json_resolver()

PAGE = "index.html"
CONTENT_TYPES = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml", "txt": "text/plain"}

REVALIDATE = {"Cache-Control": "no-cache"}
IMMUTABLE = {"Cache-Control": "public, max-age=31536000, immutable"}  # a file's name holds a digest of its content
LICENSES = "licenses.txt"  # the only name without a digest
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Strict-Transport-Security": "max-age=31536000",
}


@dataclass(frozen=True)
class Environment:
    """The function's environment variables. `common.runtime.endpoints` reads the parameter's name."""

    auth: str


@cached
def _environment() -> Environment:
    return from_environment(Environment)


@cached
def _files() -> dict[str, str]:
    """Read the files of the built page. Returns them by name. No other files are served."""
    suffixes = {"html", *CONTENT_TYPES}
    found = (entry for entry in files("gallery_page").iterdir() if entry.name.rpartition(".")[2] in suffixes)
    return {entry.name: entry.read_text(encoding="utf-8") for entry in found}


@logger.inject_lambda_context(correlation_id_path=REQUEST_ID, clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a call. Called by Lambda."""
    return app.resolve(event, context)


@app.get("/gallery")
def show() -> Response[Any]:
    """Show the page. If the addresses are missing, the page reports this itself."""
    headers = {"Content-Security-Policy": _policy(), **REVALIDATE, **SECURITY_HEADERS}
    return Response(HTTPStatus.OK, content_type="text/html; charset=utf-8", body=_files()[PAGE], headers=headers)


@app.get("/gallery/endpoints.json")
def show_endpoints() -> Response[Any]:
    """Show the addresses of the APIs and buckets, and how calls are authorised."""
    try:
        document = {**asdict(endpoints()), "auth": _environment().auth}
    except EndpointsError as error:
        message = f"{error}; the next deployment writes the parameter again"
        raise ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "EndpointsUnknown", message) from error
    return json_response(HTTPStatus.OK, document, {**REVALIDATE, **SECURITY_HEADERS})


@app.get("/gallery/<name>")
def show_file(name: str) -> Response[Any]:
    """Show one of the files that the page was built with."""
    kind = CONTENT_TYPES.get(name.rpartition(".")[2])
    if kind is None or name not in _files():
        raise ApiError(HTTPStatus.NOT_FOUND, "NotFound", "the page has no such file")
    headers = {**(REVALIDATE if name == LICENSES else IMMUTABLE), **SECURITY_HEADERS}
    return Response(HTTPStatus.OK, content_type=f"{kind}; charset=utf-8", body=_files()[name], headers=headers)


def _policy() -> str:
    """Return the page's Content-Security-Policy: it may call our APIs, and load and upload pictures."""
    try:
        known = endpoints()
        calls = {origin(known.upload), origin(known.deliveries), known.images}
        pictures = {known.images, known.renditions}
    except EndpointsError as error:
        logger.warning("the page does not know where to call", extra={"reason": str(error)})
        calls = pictures = set()
    directives = {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "blob:", *sorted(pictures)],
        "connect-src": ["'self'", *sorted(calls)],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
    return "; ".join(f"{directive} {' '.join(sources)}" for directive, sources in directives.items())
