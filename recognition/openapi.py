"""Defines the answers of the List Images Service, for its OpenAPI description."""

from http import HTTPStatus
from typing import Any, Literal, NotRequired, get_type_hints

from typing_extensions import TypedDict

from common.openapi import Call, Service
from common.runtime.recognition_event import AbilityResult, Failure
from recognition.runtime.records.image_documents import INTERNAL
from recognition.runtime.records.image_records import ImageRecord
from recognition.runtime.spending.monthly_usage import AbilityUsage, Day


class Entry(TypedDict):
    """An image in a list. `hidden` is true if it has a moderation label of the setting `hide_moderated`."""

    image: str
    labels: list[str]
    status: Literal["RECOGNIZED", "FAILED"]
    image_id: str
    failure: Failure | None
    uploaded_at: str
    recognized_at: str
    hidden: NotRequired[bool]
    thumbnail_url: NotRequired[str]


class Found(Entry):
    """An image that a search found. `confidence` is in per cent: the lowest of its terms for `match=all`, the highest
    for `match=any`."""

    confidence: float


class LabelCount(TypedDict):
    """A label, parent or alias, or a word or name that an ability found, with the number of its images."""

    label: str
    images: int


class Deletion(TypedDict):
    """An image that is being deleted."""

    image: str
    message: str


class Usage(TypedDict):
    """Calls to Rekognition, stored answers that replaced a call, and the list prices of both in US dollars. `paused` is
    true while pictures wait because the month's budget is used up. `abilities` contains the share of each ability that
    was used, by its name."""

    month: str
    calls: int
    cache_hits: int
    cost_usd: float
    saved_usd: float
    budget_usd: float | None
    paused: bool
    days: list[Day]
    abilities: NotRequired[dict[str, AbilityUsage]]


Image = TypedDict(  # type: ignore[misc] # the record, as `list_images` shows it
    "Image",
    {name: kind for name, kind in get_type_hints(ImageRecord).items() if name not in INTERNAL}
    | {"status": Literal["RECOGNIZED", "FAILED"], "abilities": NotRequired[dict[str, AbilityResult]]}
    | {
        "hidden": NotRequired[bool],
        "picture_url": str,
        "rendition_url": NotRequired[str],
        "thumbnail_url": NotRequired[str],
    },
)

SERVICE = Service(
    title="Sightline: List Images Service",
    module="recognition.runtime.list_images",
    calls={
        ("get", "/"): Call(answers={HTTPStatus.OK: list[Entry]}, paged=True),
        ("get", "/images"): Call(answers={HTTPStatus.OK: Image}, errors=(HTTPStatus.NOT_FOUND,)),
        ("get", "/images/{image}"): Call(answers={HTTPStatus.OK: Image}, errors=(HTTPStatus.NOT_FOUND,)),
        ("delete", "/images/{image}"): Call(answers={HTTPStatus.ACCEPTED: Deletion}, errors=(HTTPStatus.NOT_FOUND,)),
        ("get", "/labels"): Call(answers={HTTPStatus.OK: list[LabelCount]}, paged=True),
        ("get", "/search"): Call(answers={HTTPStatus.OK: list[Found]}, paged=True),
        ("get", "/usage"): Call(answers={HTTPStatus.OK: Usage}),
        ("get", "/openapi.json"): Call(answers={HTTPStatus.OK: dict[str, Any]}, open=True),
    },
    path_parameters={"image": "The image's name. Percent-encode it once, except for its slashes."},
)
