"""Define the facts that every ability states about itself."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Answer = Mapping[str, Any]
"""The answer of an operation, as boto3 returns it."""

Options = Mapping[str, Any]
"""The ability's setting: `when`, and the members that only this ability has."""

Finding = dict[str, Any]
"""One thing that an ability found, in the form of our JSON documents: names in snake case, confidences in per cent,
boxes and points in fractions of the upright picture's sides."""

PICTURE_ERRORS = frozenset({"ImageTooLargeException", "InvalidImageFormatException"})
"""Errors of every operation that the picture itself causes. A second call gives the same answer."""


@dataclass(frozen=True)
class FoundName:
    """A term by which a search finds the picture: its kind, its spelling, and the confidence in per cent."""

    kind: str
    spelling: str
    confidence: float


@dataclass(frozen=True, kw_only=True)
class Ability:
    """One operation of Rekognition, and the functions that read its answer.

    The picture causes `final_errors`, so such a failure is stored like an answer. `refusals` may have another cause,
    such as a setting, so the failure is recorded, but the next request asks again. All other errors are transient.

    `parameters` makes the request's parameters from the options. The parameters identify an answer, so changed
    parameters need a new call. `model` reads the version of the model (None if the operation does not name it). `read`
    reads the findings. It applies options such as a threshold, so changing these options costs nothing. `names` lists
    the terms for the search. `element` is the name of the XML element of a finding.
    """

    name: str
    operation: str
    element: str
    final_errors: frozenset[str]
    refusals: frozenset[str]
    parameters: Callable[[Options], dict[str, Any]]
    model: Callable[[Answer], str | None]
    read: Callable[[Answer, Options], list[Finding]]
    names: Callable[[Sequence[Finding]], Iterator[FoundName]]


def box_from(box: Mapping[str, float]) -> Finding:
    """Translate a BoundingBox of Rekognition."""
    return {"left": box["Left"], "top": box["Top"], "width": box["Width"], "height": box["Height"]}


def no_names(_found: Sequence[Finding]) -> Iterator[FoundName]:
    """Return nothing, for abilities whose findings have no names."""
    return iter(())
