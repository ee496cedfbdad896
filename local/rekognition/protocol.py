"""Parse Rekognition's requests and create its errors: AWS JSON 1.1, by botocore's service model.

Source: botocore/data/rekognition/2016-06-27/service-2.json (`protocol: json`, `jsonVersion: 1.1`,
`targetPrefix: RekognitionService`). The form of an error body is the one in Amazon's
documentation, "Rekognition errors": `__type`, `Code`, `Logref`, `Message`.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any, NoReturn

from botocore.loaders import Loader
from botocore.model import ListShape, ServiceModel, Shape, StringShape, StructureShape

CONTENT_TYPE = "application/x-amz-json-1.1"
TARGET_PREFIX = "RekognitionService."

CHECKED_BY_SERVICE = frozenset({"Attribute"})
"""Enumerations of the model. An unknown value is an InvalidParameterException, not a ValidationException."""


MAX_NUMBER = 3.4e38
"""The largest 32-bit float. The model's numbers have at most 32 bits."""


class ServiceError(Exception):
    """An error of the service. `code` is the exception's name, `status` the HTTP status."""

    def __init__(self, code: str, message: str, *, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def invalid_parameter(message: str) -> ServiceError:
    """Return the error for a well-formed request that this service cannot answer."""
    return ServiceError("InvalidParameterException", message)


@cache
def service_model() -> ServiceModel:
    """Return botocore's description of Rekognition."""
    return ServiceModel(Loader().load_service_model("rekognition", "service-2"))


def operation_of(target: str) -> str:
    """Return the operation that an `X-Amz-Target` header names.

    Raises:
        ServiceError: UnknownOperationException if Rekognition has no such operation.
    """
    operation = target.removeprefix(TARGET_PREFIX)
    if operation == target or operation not in service_model().operation_names:
        raise ServiceError("UnknownOperationException", f"Rekognition has no operation '{target}'")
    return operation


def parse(operation: str, body: bytes) -> dict[str, Any]:
    """Parse a request and check it against the operation's input shape. Blobs stay base64 text.

    Raises:
        ServiceError: SerializationException if the body is not JSON or a value has the wrong type,
            ValidationException if a value breaks a constraint of the model.
    """
    try:
        request = json.loads(body or b"{}", parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ServiceError("SerializationException", "The request body is not JSON") from error
    shape = service_model().operation_model(operation).input_shape
    assert shape is not None  # noqa: S101 - every operation of the model has an input shape
    checked: dict[str, Any] = _check(shape, request, "")
    return checked


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _check(shape: Shape, value: Any, path: str) -> Any:
    """Return `value` without null and unknown members, which Amazon's servers ignore."""
    if isinstance(shape, StructureShape):
        return _check_structure(shape, value, path)
    if isinstance(shape, ListShape):
        return _check_list(shape, value, path)
    if shape.type_name in ("integer", "long", "float", "double"):
        return _check_number(shape, value, path)
    if shape.type_name == "boolean":
        return _typed(value, bool, path, "a boolean")
    if isinstance(shape, StringShape):
        return _check_string(shape, value, path)
    return _typed(value, str, path, "base64 text")  # a blob; its length is checked when it is decoded


def _check_structure(shape: StructureShape, value: Any, path: str) -> dict[str, Any]:
    given = {k: v for k, v in _typed(value, dict, path, "an object").items() if v is not None}
    for name in shape.required_members:
        if name not in given:
            raise _broken(_join(path, name), "Member must not be null", value=None)
    return {
        name: _check(member, given[name], _join(path, name)) for name, member in shape.members.items() if name in given
    }


def _check_list(shape: ListShape, value: Any, path: str) -> list[Any]:
    items = _typed(value, list, path, "a list")
    _check_length(shape, items, path)
    return [_check(shape.member, item, f"{path}.{n}.member") for n, item in enumerate(items, 1)]


def _check_number(shape: Shape, value: Any, path: str) -> float:
    whole = shape.type_name in ("integer", "long")
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MAX_NUMBER
    if not is_number or (whole and value != int(value)):
        raise _mistyped(path, "a whole number" if whole else "a number")
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and value < low:
        raise _broken(path, f"Member must have value greater than or equal to {low}", value=value)
    if high is not None and value > high:
        raise _broken(path, f"Member must have value less than or equal to {high}", value=value)
    return int(value) if whole else float(value)


def _check_string(shape: StringShape, value: Any, path: str) -> str:
    text: str = _typed(value, str, path, "a string")
    try:
        text.encode()
    except UnicodeEncodeError as error:  # half of a surrogate pair
        raise _mistyped(path, "Unicode text") from error
    if shape.enum and text not in shape.enum:
        allowed = ", ".join(shape.enum)
        if shape.name in CHECKED_BY_SERVICE:
            raise invalid_parameter(f"Request has invalid parameters: '{text}' at '{path}' is none of {allowed}")
        raise _broken(path, f"Member must satisfy enum value set: [{allowed}]", value=text)
    _check_length(shape, text, path)
    pattern = shape.metadata.get("pattern")
    if pattern and not re.fullmatch(pattern, text):
        raise _broken(path, f"Member must satisfy regular expression pattern: {pattern}", value=text)
    return text


def _check_length(shape: Shape, value: str | list[Any], path: str) -> None:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and len(value) < low:
        raise _broken(path, f"Member must have length greater than or equal to {low}", value=value)
    if high is not None and len(value) > high:
        raise _broken(path, f"Member must have length less than or equal to {high}", value=value)


def _typed(value: Any, kind: type, path: str, words: str) -> Any:
    if not isinstance(value, kind):
        raise _mistyped(path, words)
    return value


def _mistyped(path: str, words: str) -> ServiceError:
    return ServiceError("SerializationException", f"Expected {words} at '{path or 'request'}'")


def _broken(path: str, constraint: str, *, value: object) -> ServiceError:
    shown = "null" if value is None else f"'{value}'"[:80]
    return ServiceError(
        "ValidationException",
        f"1 validation error detected: Value {shown} at '{path}' failed to satisfy constraint: {constraint}",
    )


def _join(path: str, member: str) -> str:
    name = member[0].lower() + member[1:]
    return f"{path}.{name}" if path else name
