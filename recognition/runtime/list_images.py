"""The List Images Service: route its calls."""

from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from common.runtime.api_errors import ApiError
from common.runtime.aws_clients import REGIONAL, client
from common.runtime.caches import cached
from common.runtime.environment import from_environment
from common.runtime.http_api import REQUEST_ID, json_file, json_resolver, json_response, logger, takes
from common.runtime.pagination import CURSOR, LIMIT, is_key, next_link, read_key, write_key
from recognition.runtime.index.index_entries import MAX_CONFIDENCE
from recognition.runtime.index.index_reader import IndexReader
from recognition.runtime.index.search_parameters import (
    CELEBRITY,
    EXCLUDE,
    FROM,
    KIND,
    LABEL,
    MATCH,
    MIN_CONFIDENCE,
    MODERATION,
    NAME,
    PREFIX,
    TEXT,
    THUMBNAILS,
    TO,
    name_prefix,
    search_query,
)
from recognition.runtime.pictures.picture_urls import PictureUrls
from recognition.runtime.records import delete_image
from recognition.runtime.records.hidden_images import HiddenImages
from recognition.runtime.records.image_documents import ImageDocuments
from recognition.runtime.records.image_records import LISTED, ImageRecord, ImageRecords
from recognition.runtime.renditions.rendition_store import RenditionIndex
from recognition.runtime.spending.monthly_usage import UsageTable
from recognition.runtime.spending.usage_report import MONTH, usage_report

app = json_resolver()

NEWEST_KEY = ("image", "uploaded_at")
"""The attributes of a key in the index `newest`, apart from its one partition."""


@dataclass(frozen=True)
class Environment:
    """The function's environment variables."""

    classifications_table: str
    label_index_table: str
    label_counts_table: str
    image_bucket: str
    renditions_bucket: str
    rendition_index_table: str
    usage_table: str
    monthly_budget_usd: str
    hide_moderated: str = ""


@cached
def _environment() -> Environment:
    return from_environment(Environment)


@cached
def _records() -> ImageRecords:
    return ImageRecords(client("dynamodb"), _environment().classifications_table)


@cached
def _index() -> IndexReader:
    environment = _environment()
    return IndexReader(client("dynamodb"), environment.label_index_table, environment.label_counts_table)


@cached
def _usage() -> UsageTable:
    return UsageTable(_environment().usage_table, Decimal(_environment().monthly_budget_usd))


@cached
def _hidden() -> HiddenImages:
    environment = _environment()
    return HiddenImages.of_setting(client("dynamodb"), environment.classifications_table, environment.hide_moderated)


@cached
def _documents() -> ImageDocuments:
    environment = _environment()
    return ImageDocuments(
        PictureUrls(_s3(), environment.renditions_bucket),
        RenditionIndex(client("dynamodb"), environment.rendition_index_table),
        _hidden(),
    )


@cached
def _s3() -> Any:
    return client("s3", REGIONAL)


@logger.inject_lambda_context(correlation_id_path=REQUEST_ID, clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a call. Called by Lambda."""
    return app.resolve(event, context)


@app.get("/")
@takes(app, LIMIT, CURSOR, THUMBNAILS)
def list_images(asked: dict[str, Any]) -> Response[Any]:
    """List the images, newest first."""
    start = read_key(asked["cursor"], NEWEST_KEY)
    page = _records().newest(limit=asked["limit"], start=start and {**start, "listed": LISTED})
    logger.debug("listed", extra={"items_read": len(page.entries)})
    hidden = _hidden().among(entry["image"] for entry in page.entries)
    document = _documents().entries(page.entries, thumbnails=asked["thumbnails"], hidden=hidden)
    return _page(document, asked, write_key(page.last_key, NEWEST_KEY))


@app.get("/images")
@takes(app, NAME)
def get_image_by_query(asked: dict[str, Any]) -> Response[Any]:
    """Show one image, named in the query."""
    return json_response(HTTPStatus.OK, _documents().image(_record(asked["name"])))


@app.get("/images/.+")
@takes(app)
def get_image() -> Response[Any]:
    """Show one image, named in the path."""
    return json_response(HTTPStatus.OK, _documents().image(_record(_name_in_path())))


@app.delete("/images/.+")
@takes(app)
def delete() -> Response[Any]:
    """Delete a picture. The image leaves lists and searches once the event of the deletion is handled."""
    record = _record(_name_in_path())
    delete_image.delete_image(_s3(), record)
    return json_response(HTTPStatus.ACCEPTED, {"image": record.image, "message": "the image is being deleted"})


@app.get("/labels")
@takes(app, KIND, PREFIX, LIMIT, CURSOR)
def list_labels(asked: dict[str, Any]) -> Response[Any]:
    """List labels, or words or names that abilities found, in alphabetical order, with the number of images of each."""
    kind = asked["kind"]
    page = _index().labels(kind, name_prefix(kind, asked["prefix"]), asked["cursor"], asked["limit"])
    logger.debug("listed labels", extra={"items_read": page.items_read})
    document = [{"label": label, "images": images} for label, images in page.labels]
    return _page(document, asked, page.cursor)


@app.get("/search")
@takes(app, LABEL, TEXT, CELEBRITY, MODERATION, MATCH, EXCLUDE, MIN_CONFIDENCE, FROM, TO, LIMIT, CURSOR, THUMBNAILS)
def search_images(asked: dict[str, Any]) -> Response[Any]:
    """Find images by labels, texts and names. Images with the highest confidence come first."""
    page = _index().page(search_query(asked), asked["cursor"], asked["limit"])
    logger.debug("searched", extra={"items_read": page.items_read})
    items = [{**hit.item, "status": "RECOGNIZED"} for hit in page.hits]
    hidden = {item["image"] for item in items if _hidden().hides_entry(item)}
    entries = _documents().entries(items, thumbnails=asked["thumbnails"], hidden=hidden)
    document = [
        {**entry, "confidence": hit.confidence * 100 / MAX_CONFIDENCE}
        for entry, hit in zip(entries, page.hits, strict=True)
    ]
    return _page(document, asked, page.cursor)


@app.get("/usage")
@takes(app, MONTH)
def show_usage(asked: dict[str, Any]) -> Response[Any]:
    """Show Rekognition's calls and their cost: this month and the last 31 days, newest first, or a given month."""
    return json_response(HTTPStatus.OK, usage_report(_usage(), asked["month"]))


@app.get("/openapi.json")
@takes(app)
def describe() -> Response[Any]:
    """Return the description of the API."""
    return json_file(__file__, "list_images.openapi.json")


def _page(document: Any, asked: dict[str, Any], cursor: str | None) -> Response[Any]:
    """Answer with one page of a list."""
    return json_response(HTTPStatus.OK, document, next_link(app, asked["limit"], cursor))


def _name_in_path() -> str:
    # REST APIs pass on path parameters as they came, which is percent-encoded. They decode queries.
    return unquote((app.current_event.path_parameters or {})["image"])


def _record(name: str) -> ImageRecord:
    record = _records().get(name) if is_key(name) else None
    if record is None or record.status == "DELETED":
        raise ApiError(
            HTTPStatus.NOT_FOUND, "ImageNotFound", "there is no image of this name, or the image is not recognised yet"
        )
    return record
