"""The List Images Service: lists, shows, searches and deletes images."""

import dataclasses
import re
import time
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from common.runtime.api_errors import ApiError
from common.runtime.aws_clients import REGIONAL, client
from common.runtime.caches import cached, cached_up_to
from common.runtime.environment import from_environment
from common.runtime.http_api import REQUEST_ID, json_file, json_resolver, json_response, logger, takes
from common.runtime.pagination import CURSOR, LIMIT, MAX_LIMIT, is_key, next_link, read_key, write_key
from common.runtime.request_parameters import Parameter
from recognition.runtime.index.index_entries import SURE
from recognition.runtime.index.index_reader import LabelSearch
from recognition.runtime.index.search_parameters import (
    EXCLUDE,
    FROM,
    LABEL,
    MATCH,
    MIN_CONFIDENCE,
    NAME,
    PREFIX,
    THUMBNAILS,
    TO,
    label_cursor,
    read_label,
    read_position,
    search_cursor,
    search_of,
)
from recognition.runtime.records.image_records import LISTED, Classification, Classifications
from recognition.runtime.renditions.rendition_store import DISPLAY, THUMBNAIL, Rendered, RenditionIndex
from recognition.runtime.spending.monthly_usage import Usage

app = json_resolver()

KEY = ("image", "uploaded_at")
"""Of the index `newest`, beside its one partition."""

PICTURE_URL_SECONDS = 300
USAGE_DAYS = 31
INTERNAL = {"sequencer", "fingerprint", "expires_at"}
"""What the pipeline keeps for itself."""

MONTHS = r"20[0-9]{2}-(0[1-9]|1[0-2])"


def _month(text: str) -> str:
    if not re.fullmatch(MONTHS, text):
        raise ValueError(text)
    return text


MONTH = Parameter(
    name="month",
    about="The month, in UTC; without it this one, and the days before it too.",
    takes="a month, as in 2026-11",
    schema={"type": "string", "pattern": f"^{MONTHS}$"},
    read=_month,
)


@dataclass(frozen=True)
class Environment:
    """The function's variables."""

    classifications_table: str
    label_index_table: str
    label_counts_table: str
    image_bucket: str
    renditions_bucket: str
    rendition_index_table: str
    usage_table: str
    monthly_budget_usd: str


@cached
def _environment() -> Environment:
    return from_environment(Environment)


@cached
def _records() -> Classifications:
    return Classifications(client("dynamodb"), _environment().classifications_table)


@cached
def _search() -> LabelSearch:
    environment = _environment()
    return LabelSearch(client("dynamodb"), environment.label_index_table, environment.label_counts_table)


@cached
def _usage() -> Usage:
    return Usage(_environment().usage_table, Decimal(_environment().monthly_budget_usd))


@cached
def _renditions() -> RenditionIndex:
    return RenditionIndex(client("dynamodb"), _environment().rendition_index_table)


@cached
def _s3() -> Any:
    return client("s3", REGIONAL)


@logger.inject_lambda_context(correlation_id_path=REQUEST_ID, clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Lambda's entry."""
    return app.resolve(event, context)


@app.get("/")
@takes(app, LIMIT, CURSOR, THUMBNAILS)
def list_images(asked: dict[str, Any]) -> Response[Any]:
    """The images, newest first."""
    start = read_key(asked["cursor"], KEY)
    page = _records().newest(limit=asked["limit"], start=start and {**start, "listed": LISTED})
    logger.debug("listed", extra={"items_read": len(page.entries)})
    document = _entries(page.entries, thumbnails=asked["thumbnails"])
    return _page(document, asked, write_key(page.last_key, KEY))


@app.get("/images")
@takes(app, NAME)
def get_image_by_query(asked: dict[str, Any]) -> Response[Any]:
    """One image, its name in the query."""
    return _image(asked["name"])


@app.get("/images/.+")
@takes(app)
def get_image() -> Response[Any]:
    """One image, its name in the path."""
    return _image(_name_in_path())


@app.delete("/images/.+")
@takes(app)
def delete_image() -> Response[Any]:
    """Delete the picture; the image leaves lists and searches when its event was handled."""
    record = _record(_name_in_path())
    answer = _s3().delete_object(Bucket=record.bucket, Key=record.image)
    # By S3's id of it, which the event brings, the deletion is followed from here on.
    s3_request_id = answer["ResponseMetadata"]["RequestId"]
    logger.info("deleted", extra={"image": record.image, "s3_request_id": s3_request_id})
    return json_response(HTTPStatus.ACCEPTED, {"image": record.image, "message": "it is being deleted"})


@app.get("/labels")
@takes(app, PREFIX, LIMIT, CURSOR)
def list_labels(asked: dict[str, Any]) -> Response[Any]:
    """The names under which images are found, in the order of the alphabet, with their numbers of images."""
    prefix = asked["prefix"]
    labels, after, read = _search().labels(prefix, limit=asked["limit"], after=read_label(asked["cursor"], prefix))
    logger.debug("listed labels", extra={"items_read": read})
    document = [{"label": label, "images": images} for label, images in labels]
    return _page(document, asked, label_cursor(prefix, after) if after else None)


@app.get("/search")
@takes(app, LABEL, MATCH, EXCLUDE, MIN_CONFIDENCE, FROM, TO, LIMIT, CURSOR, THUMBNAILS)
def search_images(asked: dict[str, Any]) -> Response[Any]:
    """The images with all of the labels, or any, best first: by the lowest confidence for all, the highest for any."""
    search, read = search_of(asked), 0
    if asked["cursor"] is None:
        position, read = _search().begin(search)
    else:
        position = read_position(asked["cursor"], search)
    page = _search().page(search, position, limit=asked["limit"])
    logger.debug("searched", extra={"items_read": read + page.read})
    entries = _entries(
        [{**match.item, "status": "RECOGNIZED"} for match in page.matches], thumbnails=asked["thumbnails"]
    )
    document = [
        {**entry, "confidence": match.confidence * 100 / SURE}
        for entry, match in zip(entries, page.matches, strict=True)
    ]
    return _page(document, asked, search_cursor(search, page.following) if page.following else None)


@app.get("/usage")
@takes(app, MONTH)
def show_usage(asked: dict[str, Any]) -> Response[Any]:
    """What was asked of Rekognition and what it cost: this month and the last 31 days, newest first, or a month."""
    usage = _usage()
    month = usage.of(asked["month"]) if asked["month"] else usage.of_this_month()
    days = month.days if asked["month"] else (usage.of_last_month().days + month.days)[-USAGE_DAYS:]
    document = {
        **dataclasses.asdict(month),
        "budget_usd": float(usage.budget) if usage.budget else None,
        "paused": usage.paused(),
        "days": [dataclasses.asdict(day) for day in reversed(days)],
    }
    return json_response(HTTPStatus.OK, document)


@app.get("/openapi.json")
@takes(app)
def describe() -> Response[Any]:
    """This description."""
    return json_file(__file__, "list_images.openapi.json")


def _page(document: Any, asked: dict[str, Any], cursor: str | None) -> Response[Any]:
    """Part of a list."""
    return json_response(HTTPStatus.OK, document, next_link(app, asked["limit"], cursor))


def _name_in_path() -> str:
    # A REST API hands path parameters over as they came, percent-encoded; queries it decodes.
    return unquote((app.current_event.path_parameters or {})["image"])


def _record(name: str) -> Classification:
    record = _records().get(name) if is_key(name) else None
    if record is None or record.status == "DELETED":
        raise ApiError(HTTPStatus.NOT_FOUND, "ImageNotFound", "there is no image of this name, or it was not seen yet")
    return record


def _image(name: str) -> Response[Any]:
    record = _record(name)
    rendered = _renditions().find([record.image_id]).get(record.image_id)
    if rendered and rendered.version != (record.version_id or "null"):
        rendered = None  # they show another picture than the one that was recognised
    document = {
        **_document(record),
        "picture_url": _picture_url(record),
        **_rendition_url("rendition_url", record.image_id, DISPLAY, rendered),
        **_rendition_url("thumbnail_url", record.image_id, THUMBNAIL, rendered),
    }
    return json_response(HTTPStatus.OK, document)


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


def _rendition_url(member: str, image_id: str, name: str, rendered: Rendered | None) -> dict[str, str]:
    """The member with the URL of a rendition, or nothing where there is none. The URL is good for 5 to 10 minutes."""
    if rendered is None or name not in rendered.names:
        return {}
    return {member: _signed(image_id, name, rendered.version, int(time.time() // PICTURE_URL_SECONDS))}


@cached_up_to(5 * MAX_LIMIT)
def _signed(image_id: str, name: str, version: str, moment: int) -> str:  # noqa: ARG001 - then another is signed
    """Sign a rendition's URL, once in 5 minutes: signing a page of many takes a while, and a browser keeps what has the
    same URL. The version stands in it as the name of a saved file, so that another version has another URL.
    """
    saved_as = f'inline; filename="{version}.jpg"'
    url: str = _s3().generate_presigned_url(
        "get_object",
        Params={
            "Bucket": _environment().renditions_bucket,
            "Key": f"{image_id}/{name}",
            "ResponseContentDisposition": saved_as,
        },
        ExpiresIn=2 * PICTURE_URL_SECONDS,
    )
    return url


def _entries(entries: list[dict[str, Any]], *, thumbnails: bool) -> list[dict[str, Any]]:
    """The images of a list, with their thumbnails' URLs if asked for, as far as there are thumbnails."""
    rendered = _renditions().find(entry["image_id"] for entry in entries) if thumbnails else {}
    return [
        {
            "image": entry["image"],
            "labels": entry["label_names"],
            "status": entry["status"],
            "image_id": entry["image_id"],
            "failure": entry.get("failure"),
            "uploaded_at": entry["uploaded_at"],
            "recognized_at": entry["recognized_at"],
            **_rendition_url("thumbnail_url", entry["image_id"], THUMBNAIL, rendered.get(entry["image_id"])),
        }
        for entry in entries
    ]
