"""Defines the answers of the Image Upload Service, for its OpenAPI description."""

from http import HTTPStatus
from typing import Any

from typing_extensions import TypedDict

from api.runtime.sources import save_from_url
from common.openapi import Call, Service


class Stored(TypedDict):
    """A stored picture. `bytes` is its size; `width` and `height` are in pixels, before any EXIF rotation."""

    image: str
    bytes: int
    format: str
    width: int
    height: int
    message: str
    request_id: str


class Form(TypedDict):
    """An upload form. Post all `fields` to `url` within `expires_in` seconds, and then the file's bytes as `file`."""

    image: str
    url: str
    fields: dict[str, str]
    expires_in: int
    max_bytes: int
    request_id: str


class Known(TypedDict):
    """A file that is stored already."""

    image: str
    message: str
    request_id: str


ERRORS = tuple(sorted({status for status, _ in save_from_url.REFUSALS.values()}))

SERVICE = Service(
    title="Sightline: Image Upload Service",
    module="api.runtime.get_save_image",
    calls={
        ("get", "/"): Call(answers={HTTPStatus.OK: Stored}, errors=ERRORS),
        ("post", "/images"): Call(answers={HTTPStatus.CREATED: Stored, HTTPStatus.OK: Stored}, errors=ERRORS),
        ("post", "/uploads"): Call(
            answers={HTTPStatus.CREATED: Form, HTTPStatus.OK: Known},
            errors=(HTTPStatus.CONFLICT,),
        ),
        ("get", "/openapi.json"): Call(answers={HTTPStatus.OK: dict[str, Any]}, open=True),
    },
    path_parameters={},
)
