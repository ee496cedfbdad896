"""Define the facts that every ability states about itself."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Answer = Mapping[str, Any]
"""The answer of an operation, as boto3 returns it."""

Options = Mapping[str, Any]
"""The ability's setting: `when` and the members of this ability."""

Finding = dict[str, Any]
"""One thing that an ability found, in the form of our JSON documents: names in snake case, confidences in per cent,
boxes and points in fractions of the upright picture's sides."""

PICTURE_ERRORS = frozenset({"ImageTooLargeException", "InvalidImageFormatException"})
"""Errors that the picture itself causes, at every operation. A second call gives the same answer."""


@dataclass(frozen=True)
class FoundName:
    """A name under which a picture is found: the kind of the term, its spelling, and the confidence in per cent."""

    kind: str
    spelling: str
    confidence: float


@dataclass(frozen=True, kw_only=True)
class Ability:
    """One operation of Rekognition, and how its answer is understood.

    `final_errors` are the picture's fault: the failure is stored like an answer. `refusals` may have another cause,
    such as a setting: the failure is recorded, but the next request asks again. All other errors are transient.

    `parameters` makes the request's parameters from the options. They identify an answer, so a change of them is a new
    call. `model` reads the version of the model (None if the operation does not name it). `read` reads the findings;
    options such as a threshold apply here, so a change of them costs nothing. `names` lists the terms for the search.
    `element` is the name of a finding's element in XML.
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
    """Translate a BoundingBox."""
    return {"left": box["Left"], "top": box["Top"], "width": box["Width"], "height": box["Height"]}


def no_names(_found: Sequence[Finding]) -> Iterator[FoundName]:
    """Return nothing, for abilities whose findings have no names."""
    return iter(())
