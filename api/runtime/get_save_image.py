"""The Image Upload Service: fetches a picture by URL, checks it and stores it."""

import io
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

import image_names
import pictures
import safe_fetch
from aws_clients import client
from environment import from_environment
from http_api import (
    ApiError,
    Parameter,
    bad_request,
    json_file,
    json_resolver,
    json_response,
    logger,
    parse_json,
    takes,
)
from image_store import ImageStore, NameTakenError

app = json_resolver()

MAX_URL = 1_800  # it is kept with the picture, and S3 keeps 2 KB of metadata


URL = Parameter(
    name="url",
    about="The picture's address.",
    takes="the picture's address, percent-encoded",
    schema={"type": "string", "format": "uri", "maxLength": MAX_URL},
    read=str,
    required=True,
)
NAME = Parameter(
    name="name",
    about="What the picture is to be called; without it, as in the last part of the URL's path.",
    takes="a name such as holiday/img-01.jpg",
    schema={"type": "string", "minLength": 1, "maxLength": image_names.MAX_BYTES},
    read=str,
)
OVERWRITE = Parameter(
    name="overwrite",
    about="Whether it may replace another picture of this name.",
    takes="true or false",
    schema={"type": "boolean", "default": False},
    read=lambda text: {"true": True, "false": False}[text],
    default=False,
)


@dataclass(frozen=True)
class Environment:
    """The function's variables."""

    image_bucket: str
    sources: str
    max_image_pixels: str


@dataclass(frozen=True)
class Upload:
    """What a caller asks for."""

    url: str
    name: str
    overwrite: bool
    refresh: bool


@cache
def _environment() -> Environment:
    return from_environment(Environment)


@cache
def _store() -> ImageStore:
    return ImageStore(client("s3"), _environment().image_bucket)


@cache
def _rules() -> safe_fetch.SourceRules:
    return safe_fetch.SourceRules.from_json(_environment().sources)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Lambda's entry."""
    return app.resolve(event, context)


@app.get("/")
@takes(app, URL, NAME, OVERWRITE)
def get(asked: dict[str, Any]) -> Response[Any]:
    """The curl line: `?url=…&name=…`."""
    return json_response(HTTPStatus.OK, save(_upload(asked))[0])


@app.post("/images")
def post() -> Response[Any]:
    """The same without side effects on GET: 201, or 200 if the picture was there already."""
    try:
        parameters = parse_json(app.current_event.decoded_body or "")
    except ValueError as error:
        raise bad_request(f"the body is not JSON: {error}") from error
    if not isinstance(parameters, dict):
        raise bad_request('the body takes an object such as {"url": "https://…"}')
    if unknown := sorted(parameters.keys() - {"url", "name", "overwrite", "refresh"}):
        raise bad_request(f"unknown member {unknown[0]!r}; the body takes name, overwrite, refresh, url")
    document, changed = save(_upload(parameters))
    return json_response(HTTPStatus.CREATED if changed else HTTPStatus.OK, document)


@app.get("/openapi.json")
def describe() -> Response[Any]:
    """This description."""
    return json_file(__file__, "get_save_image.openapi.json")


def _upload(parameters: dict[str, Any]) -> Upload:
    url, name = parameters.get("url"), parameters.get("name")
    if not url or not isinstance(url, str):
        raise bad_request("url is missing; it takes the picture's address, percent-encoded")
    if len(url) > MAX_URL:
        raise bad_request(f"url takes at most {MAX_URL:,} characters")
    flags = {flag: parameters.get(flag, False) for flag in ("overwrite", "refresh")}
    for flag, value in flags.items():
        if not isinstance(value, bool):
            raise bad_request(f"{flag} takes true or false")
    if name is not None and not isinstance(name, str):
        raise bad_request("name takes text")
    try:
        safe_fetch.Place.from_url(url)
        return Upload(url=url, name=image_names.from_url(url) if name is None else image_names.check(name), **flags)
    except (ValueError, safe_fetch.InvalidUrlError) as error:
        raise bad_request(str(error)) from error


def save(upload: Upload) -> tuple[dict[str, Any], bool]:
    """Fetch, check and store; the answer's document, and whether anything was stored.

    Raises:
        ApiError: the translation of everything that can go wrong on the way.
    """
    try:
        fetched = safe_fetch.fetch(upload.url, _rules())
        body = io.BytesIO(fetched.body)
        picture = pictures.inspect(body, max_pixels=int(_environment().max_image_pixels))
        pictures.check_whole(body)
        changed = _store().save(
            name=upload.name,
            body=fetched.body,
            content_type=picture.content_type,
            source_url=upload.url,
            overwrite=upload.overwrite,
            refresh=upload.refresh,
        )
    except Exception as error:
        raise _translated(error, upload) from error
    logger.info("stored" if changed else "unchanged", extra={"image": upload.name, "bytes": len(fetched.body)})
    return {
        "image": upload.name,
        "bytes": len(fetched.body),
        "format": picture.format,
        "width": picture.width,
        "height": picture.height,
        "message": f"{upload.name} is stored" if changed else f"{upload.name} was stored already",
    }, changed


STATUSES: dict[type[Exception], tuple[HTTPStatus, str]] = {
    safe_fetch.InvalidUrlError: (HTTPStatus.BAD_REQUEST, "InvalidParameter"),
    safe_fetch.SourceForbiddenError: (HTTPStatus.FORBIDDEN, "SourceForbidden"),
    safe_fetch.SourceFailedError: (HTTPStatus.BAD_GATEWAY, "SourceFailed"),
    safe_fetch.SourceTimeoutError: (HTTPStatus.GATEWAY_TIMEOUT, "SourceTimeout"),
    safe_fetch.TooLargeError: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "ImageTooLarge"),
    pictures.NoPictureError: (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "NotAPicture"),
    pictures.DamagedPictureError: (HTTPStatus.UNPROCESSABLE_ENTITY, "UnusablePicture"),
    pictures.TooSmallPictureError: (HTTPStatus.UNPROCESSABLE_ENTITY, "UnusablePicture"),
    pictures.TooLargePictureError: (HTTPStatus.UNPROCESSABLE_ENTITY, "UnusablePicture"),
}


def _translated(error: Exception, upload: Upload) -> Exception:
    if isinstance(error, NameTakenError):
        message = f"{upload.name!r} holds another picture; choose another name or set overwrite=true"
        return ApiError(HTTPStatus.CONFLICT, "NameTaken", message)
    if type(error) in STATUSES:
        return ApiError(*STATUSES[type(error)], str(error))
    return error
