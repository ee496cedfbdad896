"""Check JSON against botocore's description of Rekognition's answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.loaders import Loader
from botocore.model import ListShape, ServiceModel, Shape, StringShape, StructureShape

if TYPE_CHECKING:
    from collections.abc import Iterator

NUMBERS: dict[str, tuple[type, ...]] = {"integer": (int,), "float": (int, float)}
MODEL = ServiceModel(Loader().load_service_model("rekognition", "service-2"))


def faults(operation: str, answer: object) -> list[str]:
    """Return the contradictions between an answer and the operation's output shape."""
    shape = MODEL.operation_model(operation).output_shape
    assert shape
    return list(_faults(shape, answer, operation))


def _faults(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if isinstance(shape, StructureShape):
        yield from _structure_faults(shape, value, path)
    elif isinstance(shape, ListShape):
        if not isinstance(value, list):
            yield f"{path}: not a list"
            return
        for number, item in enumerate(value):
            yield from _faults(shape.member, item, f"{path}[{number}]")
    elif shape.type_name in NUMBERS:
        yield from _number_faults(shape, value, path)
    elif shape.type_name == "boolean":
        if not isinstance(value, bool):
            yield f"{path}: not a boolean"
    elif isinstance(shape, StringShape):
        if not isinstance(value, str) or (shape.enum and value not in shape.enum):
            yield f"{path}: {value!r} is not one of its strings"
    else:
        yield f"{path}: nothing here knows {shape.type_name}"


def _number_faults(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if isinstance(value, bool) or not isinstance(value, NUMBERS[shape.type_name]):
        yield f"{path}: not a number of this kind"
    elif not shape.metadata.get("min", value) <= value <= shape.metadata.get("max", value):
        yield f"{path}: {value} is not within {shape.metadata}"


def _structure_faults(shape: StructureShape, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: not an object"
        return
    for name, member in value.items():
        if name in shape.members:
            yield from _faults(shape.members[name], member, f"{path}.{name}")
        else:
            yield f"{path}.{name}: unknown"
