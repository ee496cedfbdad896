"""The Image Upload Service: fetch a picture by URL, check it and store it, or sign a form for a file."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from api.runtime.sources.save_from_url import REFUSALS, Saver, Upload
from api.runtime.sources.source_urls import check_url
from api.runtime.uploads import image_names
from api.runtime.uploads.image_store import ImageStore, NameTakenError
from api.runtime.uploads.upload_forms import File, UploadForms
from api.runtime.uploads.upload_parameters import FILE, NAME, OVERWRITE, PICTURE, URL
from common.runtime import metrics
from common.runtime.abilities.asked import check_asked, names_in
from common.runtime.api_errors import ApiError
from common.runtime.aws_clients import REGIONAL, client
from common.runtime.caches import cached
from common.runtime.environment import from_environment
from common.runtime.http_api import (
    REQUEST_ID,
    json_file,
    json_resolver,
    json_response,
    logger,
    takes,
)
from common.runtime.safe_fetch.rules import SourceRules

app = json_resolver()


@dataclass(frozen=True)
class Environment:
    """Environment variables. `ability_names` are the enabled abilities, separated by commas."""

    image_bucket: str
    sources: str
    max_image_pixels: str
    ability_names: str = ""


@cached
def _environment() -> Environment:
    return from_environment(Environment)


@cached
def _saver() -> Saver:
    environment = _environment()
    return Saver(
        store=ImageStore(client("s3"), environment.image_bucket),
        rules=SourceRules.from_json(environment.sources),
        max_pixels=int(environment.max_image_pixels),
    )


@cached
def _forms() -> UploadForms:
    return UploadForms(client("s3", REGIONAL), _environment().image_bucket)


@logger.inject_lambda_context(correlation_id_path=REQUEST_ID, clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a request of API Gateway."""
    try:
        return app.resolve(event, context)
    finally:
        metrics.flush()


@app.get("/")
@takes(app, URL, NAME, OVERWRITE)
def get(asked: dict[str, Any]) -> Response[Any]:
    """Fetch a picture from a URL and store it: `?url=…&name=…`."""
    return json_response(HTTPStatus.OK, save(_upload(asked))[0])


@app.post("/images")
@takes(app, body=PICTURE)
def post(asked: dict[str, Any]) -> Response[Any]:
    """Fetch a picture from a URL and store it: 201, or 200 if the same picture is already stored."""
    document, changed = save(_upload(asked))
    return json_response(HTTPStatus.CREATED if changed else HTTPStatus.OK, document)


@app.get("/openapi.json")
@takes(app)
def describe() -> Response[Any]:
    """Return the description of the API."""
    return json_file(__file__, "get_save_image.openapi.json")


@app.post("/uploads")
@takes(app, body=FILE)
def sign(asked: dict[str, Any]) -> Response[Any]:
    """Sign a form that posts a file directly to S3: 201, or 200 if the same file was stored already."""
    with _translated():
        name, abilities = image_names.check(asked["name"]), _checked(asked["abilities"])
        file = File(**{**asked, "name": name, "abilities": abilities})
        status, document = _forms().sign(file, _request_id())
    logger.info("signed" if status is HTTPStatus.CREATED else "unchanged", extra={"image": document["image"]})
    return json_response(status, {**document, "request_id": _request_id()})


def _request_id() -> str:
    return app.current_event.request_context.request_id


def _upload(asked: dict[str, Any]) -> Upload:
    url, name = asked["url"], asked["name"]
    with _translated():
        check_url(url)
        name = image_names.from_url(url) if name is None else image_names.check(name)
        abilities = _checked(asked.get("abilities", ()))
    return Upload(**{**asked, "name": name, "abilities": abilities}, correlation_id=_request_id())


def _checked(abilities: Sequence[str]) -> tuple[str, ...]:
    return check_asked(abilities, names_in(_environment().ability_names))


def save(upload: Upload) -> tuple[dict[str, Any], bool]:
    """Fetch, check and store a picture. Returns the answer's document, and whether anything was stored.

    Raises:
        ApiError: the URL, its source, the picture or its name is refused.
    """
    with _translated():
        saved = _saver().save(upload)
    changed, picture = saved.changed, saved.picture
    if changed:
        metrics.count("Uploaded")
    logger.info("stored" if changed else "unchanged", extra={"image": upload.name, "bytes": saved.size})
    return {
        "image": upload.name,
        "bytes": saved.size,
        "format": picture.format,
        "width": picture.width,
        "height": picture.height,
        "message": f"{upload.name} is stored" if changed else f"{upload.name} was stored already",
        "request_id": upload.correlation_id,
    }, changed


@contextmanager
def _translated() -> Iterator[None]:
    """Translate errors of a request into answers."""
    try:
        yield
    except NameTakenError as error:
        message = f"{error}; choose another name or set overwrite=true"
        raise ApiError(*REFUSALS[NameTakenError], message) from error
    except tuple(REFUSALS) as error:
        raise ApiError(*REFUSALS[type(error)], str(error)) from error
