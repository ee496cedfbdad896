"""The List Images Service: what was recognised, newest first, and each image in full."""

import dataclasses
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config

from aws_clients import client
from classifications import LISTED, Classification, Classifications
from environment import from_environment
from http_api import ApiError, bad_request, json_resolver, json_response, logger, query
from pages import is_key, next_link, to_key, to_limit

app = json_resolver()

CURSOR = ("image", "uploaded_at")
PICTURE_URL_SECONDS = 300
INTERNAL = {"sequencer", "fingerprint", "expires_at"}
"""What the pipeline keeps for itself."""


@dataclass(frozen=True)
class Environment:
    """The function's variables."""

    classifications_table: str
    image_bucket: str


@cache
def _environment() -> Environment:
    return from_environment(Environment)


@cache
def _records() -> Classifications:
    return Classifications(client("dynamodb"), _environment().classifications_table)


@cache
def _s3() -> Any:
    # Signature version 4 and the Region's own host: newer buckets refuse the older one, and the global host redirects.
    return client("s3", Config(signature_version="s3v4", s3={"addressing_style": "virtual"}))


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Lambda's entry."""
    return app.resolve(event, context)


@app.get("/")
def list_images() -> Response[Any]:
    """A page of the list, newest first; the next page in a relative Link."""
    parameters = query(app, {"limit", "cursor"})
    limit = to_limit(parameters.get("limit"))
    start = to_key(parameters.get("cursor"), CURSOR)
    page = _records().newest(limit=limit, start={**start, "listed": LISTED} if start else None)
    headers = next_link(page.last_key, CURSOR, limit=limit) if page.last_key else {}
    return json_response(HTTPStatus.OK, [_entry(entry) for entry in page.entries], headers)


@app.get("/images")
def get_image_by_query() -> Response[Any]:
    """One image, its name in the query."""
    name = query(app, {"name"}).get("name")
    if not name:
        raise bad_request("name is missing; it takes an image's name")
    return _image(name)


@app.get("/images/.+")
def get_image() -> Response[Any]:
    """One image, its name in the path."""
    # A REST API hands path parameters over as they came, percent-encoded; queries it decodes.
    return _image(unquote((app.current_event.path_parameters or {})["image"]))


def _image(name: str) -> Response[Any]:
    record = _records().get(name) if is_key(name) else None
    if record is None or record.status == "DELETED":
        raise ApiError(HTTPStatus.NOT_FOUND, "ImageNotFound", "there is no image of this name, or it was not seen yet")
    return json_response(HTTPStatus.OK, {**_document(record), "picture_url": _picture_url(record)})


def _document(record: Classification) -> dict[str, Any]:
    return {name: value for name, value in dataclasses.asdict(record).items() if name not in INTERNAL}


def _picture_url(record: Classification) -> str:
    version = {"VersionId": record.version_id} if record.version_id else {}
    url: str = _s3().generate_presigned_url(
        "get_object",
        Params={"Bucket": record.bucket, "Key": record.image, **version},
        ExpiresIn=PICTURE_URL_SECONDS,
    )
    return url


def _entry(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "image": entry["image"],
        "labels": entry["label_names"],
        "status": entry["status"],
        "image_id": entry["image_id"],
        "failure": entry.get("failure"),
        "uploaded_at": entry["uploaded_at"],
        "recognized_at": entry["recognized_at"],
    }
