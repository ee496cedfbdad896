"""What the Image Upload Service answers, for its description."""

from http import HTTPStatus
from typing import Any, NotRequired

from typing_extensions import TypedDict

import get_save_image
from common.openapi import Call, Service


class Stored(TypedDict):
    """A picture that is stored: its size in bytes, its sides in pixels, before any EXIF rotation."""

    image: str
    bytes: int
    format: str
    width: int
    height: int
    message: str


class Wish(TypedDict):
    """A picture to be fetched and stored."""

    url: str
    name: NotRequired[str]
    overwrite: NotRequired[bool]
    refresh: NotRequired[bool]


ERRORS = (
    HTTPStatus.CONFLICT,
    *sorted({status for status, _ in get_save_image.STATUSES.values()}),
)

SERVICE = Service(
    title="Sightline: Image Upload Service",
    module="get_save_image",
    calls={
        ("get", "/"): Call(answers={HTTPStatus.OK: Stored}, errors=ERRORS),
        ("post", "/images"): Call(
            answers={HTTPStatus.CREATED: Stored, HTTPStatus.OK: Stored}, errors=ERRORS, body=Wish
        ),
        ("get", "/openapi.json"): Call(answers={HTTPStatus.OK: dict[str, Any]}, open=True),
    },
    path_parameters={},
)
