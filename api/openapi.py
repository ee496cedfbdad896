"""What the Image Upload Service answers, for its description."""

from http import HTTPStatus
from typing import Any, NotRequired

from typing_extensions import TypedDict

from common.openapi import Call, Service
from saving import REFUSALS


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


class FileWish(TypedDict):
    """A file to be uploaded; `md5`, in hexadecimal digits, tells whether it is there already."""

    name: str
    content_type: str
    overwrite: NotRequired[bool]
    md5: NotRequired[str]


class Form(TypedDict):
    """Where to post the file, behind these fields, within so many seconds."""

    image: str
    url: str
    fields: dict[str, str]
    expires_in: int
    max_bytes: int


class Unchanged(TypedDict):
    """The file is there already."""

    image: str
    message: str


ERRORS = tuple(sorted({status for status, _ in REFUSALS.values()}))

SERVICE = Service(
    title="Sightline: Image Upload Service",
    module="get_save_image",
    calls={
        ("get", "/"): Call(answers={HTTPStatus.OK: Stored}, errors=ERRORS),
        ("post", "/images"): Call(
            answers={HTTPStatus.CREATED: Stored, HTTPStatus.OK: Stored}, errors=ERRORS, body=Wish
        ),
        ("post", "/uploads"): Call(
            answers={HTTPStatus.CREATED: Form, HTTPStatus.OK: Unchanged},
            errors=(HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT),
            body=FileWish,
        ),
        ("get", "/openapi.json"): Call(answers={HTTPStatus.OK: dict[str, Any]}, open=True),
    },
    path_parameters={},
)
