"""The List Images Service: what was recognised, newest first, and each image in full."""

import base64
import binascii
import dataclasses
import json
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urlencode

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config

from aws_clients import client
from classifications import LISTED, Classification, Classifications
from environment import from_environment
from http_api import ApiError, bad_request, json_resolver, json_response, logger, parse_json, query

app = json_resolver()

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
PICTURE_URL_SECONDS = 300
MAX_KEY_BYTES = 1024  # S3's limit
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
    limit = _limit(parameters.get("limit", str(DEFAULT_LIMIT)))
    page = _records().newest(limit=limit, start=_start(parameters.get("cursor")))
    headers = {}
    if page.last_key:
        following = urlencode({"limit": limit, "cursor": _cursor(page.last_key)})
        headers["Link"] = f'<?{following}>; rel="next"'
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
    record = _records().get(name) if _is_key(name) else None
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


def _limit(text: str) -> int:
    if not text.isdecimal() or len(text) > len(str(MAX_LIMIT)) or not 1 <= int(text) <= MAX_LIMIT:
        raise bad_request(f"limit takes a whole number from 1 to {MAX_LIMIT:,}")
    return int(text)


def _cursor(key: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps([1, key["image"], key["uploaded_at"]]).encode()).decode()


def _is_key(value: Any) -> bool:
    """Whether it could be an object's key, and so a key of the table."""
    try:
        return isinstance(value, str) and 0 < len(value.encode()) <= MAX_KEY_BYTES
    except UnicodeEncodeError:  # half of a surrogate pair
        return False


def _start(cursor: str | None) -> dict[str, str] | None:
    if cursor is None:
        return None
    try:
        version, image, uploaded_at = parse_json(base64.urlsafe_b64decode(cursor))
        if version != 1 or not _is_key(image) or not _is_key(uploaded_at):
            raise ValueError(cursor)
    except (ValueError, TypeError, binascii.Error) as error:
        raise bad_request("cursor is not one that a Link of this list held") from error
    return {"image": image, "uploaded_at": uploaded_at, "listed": LISTED}
