"""The document `sightline.recognition/1`, which describes one change of an image.

The recognition stack creates it and publishes it to the labels topic. Deliveries, the index and e-mails read it.
docs/events.md shows it; `tests/functional/test_contract.py` feeds the output of the producer to the consumers.
"""

import dataclasses
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, TypeVar

from common.runtime.abilities.moderation import MODERATION
from common.runtime.json_documents import MAX_SHOWN, JsonDocumentError, read_object, text_of

SCHEMA = "sightline.recognition/1"

EventName = Literal["image.recognized", "image.failed", "image.deleted"]

MAX_BYTES = 200_000
"""SNS accepts 256 KB with attributes. `fitting` makes larger documents smaller."""

OUTLINES = frozenset({"polygon", "landmarks"})
"""Members of findings. They are left out first if a document is too large."""

LATER = ("uploaded_at", "correlation_id")
"""Members that are missing in early documents of this schema."""

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:sightline")


class EventError(ValueError):
    """A document is not a `sightline.recognition/1` event."""


@dataclass(frozen=True, kw_only=True)
class Box:
    """A rectangle, in fractions of the width and the height of the upright picture."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, kw_only=True)
class Instance:
    """One occurrence of a label in the picture. The confidence is in per cent."""

    confidence: float
    box: Box


@dataclass(frozen=True, kw_only=True)
class Label:
    """A label, named as in Rekognition. The confidence is in per cent."""

    name: str
    confidence: float
    parents: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    instances: tuple[Instance, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Failure:
    """The reason why a picture can never be recognised. `code` is one of Rekognition's codes, or `DecoderFailed`."""

    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class AbilityResult:
    """The answer of an ability: its findings, or the reason why it has no answer about this picture.

    `at` is the time of the answer, ISO 8601 in UTC. `truncated` is true if polygons, landmarks or whole findings were
    left out, because they were too large to store or send.
    """

    status: Literal["done", "failed"]
    at: str
    model: str | None = None
    found: tuple[dict[str, Any], ...] = ()
    failure: Failure | None = None
    truncated: bool = False


@dataclass(frozen=True, kw_only=True)
class RecognitionEvent:
    """One change of one image. If a change is announced again, the `event_id` is the same."""

    event: EventName
    event_id: str
    image: str
    image_id: str
    bucket: str
    version_id: str | None
    source_url: str | None
    occurred_at: str
    model: str | None
    labels: tuple[Label, ...] = ()
    failure: Failure | None = None
    truncated: bool = False
    uploaded_at: str | None = None
    """The time when the object changed; `occurred_at` is the time when it was processed. Early events lack it."""
    correlation_id: str | None = None
    """The upload's correlation id, as in all logs. Early events lack it."""
    abilities: dict[str, AbilityResult] = field(default_factory=dict)
    """The results of abilities, by their names. The document has this member only if there are any."""

    def to_json(self) -> str:
        """Return the document. If it is too large, it is a smaller version (`fitting`)."""
        return _dump(fitting(self, lambda event: len(_dump(event)), MAX_BYTES))

    @classmethod
    def from_json(cls, text: str) -> "RecognitionEvent":
        """Read a document. Ignores unknown members.

        Raises:
            EventError: the text is not JSON or has another schema, or a member is missing or has the wrong type.
        """
        try:
            document = read_object(text)
            schema = document["schema"]
            if schema != SCHEMA:
                raise EventError(f"the schema is {str(schema)[:MAX_SHOWN]!r}, but must be {SCHEMA!r}")
            members = {f.name for f in dataclasses.fields(cls)} - {*LATER, "abilities"}
            values = {name: document[name] for name in members}
            values |= {name: document.get(name) for name in LATER}
            values["abilities"] = abilities_from(document.get("abilities", {}))
            values["labels"] = tuple(label_from(label) for label in document["labels"])
            values["failure"] = _texts_checked(Failure(**document["failure"])) if document["failure"] else None
            return _texts_checked(cls(**values))
        except (KeyError, TypeError, AttributeError, JsonDocumentError) as error:
            raise EventError(f"not a {SCHEMA} document: {error!r}") from error


def image_id(bucket: str, key: str) -> str:
    """Return the UUID of an object. All versions of the object have the same UUID."""
    return str(uuid.uuid5(NAMESPACE, f"s3://{bucket}/{key}"))


def event_id(*, image_id: str, sequencer: str, event: EventName, fingerprint: str, model: str | None) -> str:
    """Return the UUID of one change. The same arguments always give the same UUID."""
    return str(uuid.uuid5(NAMESPACE, "|".join([image_id, sequencer, event, fingerprint, model or ""])))


def label_from(document: dict[str, Any]) -> Label:
    """Read one label from a document or a stored record.

    Raises:
        KeyError, TypeError: a member is missing or has the wrong type.
    """
    return Label(
        name=text_of(document["name"]),
        confidence=_number(document["confidence"]),
        parents=tuple(map(text_of, document["parents"])),
        categories=tuple(map(text_of, document["categories"])),
        aliases=tuple(map(text_of, document["aliases"])),
        instances=tuple(
            Instance(
                confidence=_number(instance["confidence"]),
                box=Box(**{side: _number(value) for side, value in instance["box"].items()}),
            )
            for instance in document["instances"]
        ),
    )


def abilities_from(document: dict[str, Any]) -> dict[str, AbilityResult]:
    """Read the results of abilities from a document or a stored record.

    Raises:
        KeyError, TypeError, AttributeError: a member is missing or of another type.
    """
    return {text_of(name): _result(result) for name, result in document.items()}


def _result(document: dict[str, Any]) -> AbilityResult:
    failure = document.get("failure")
    found = tuple(document["found"])
    if not all(isinstance(finding, dict) for finding in found):
        raise TypeError("a finding is not an object")
    result = AbilityResult(
        status=document["status"],
        at=document["at"],
        model=document.get("model"),
        found=found,
        failure=_texts_checked(Failure(**failure)) if failure else None,
        truncated=document.get("truncated", False),
    )
    return _texts_checked(result)


Checked = TypeVar("Checked", RecognitionEvent, Failure, AbilityResult)
Labelled = TypeVar("Labelled")


def _number(value: object) -> float:
    if not isinstance(value, int | float | Decimal):
        raise TypeError(f"{type(value).__name__} instead of a number")
    return float(value)


def _texts_checked(document: Checked) -> Checked:
    """Check the types of texts and flags. Returns the document.

    Raises:
        TypeError: a member has the wrong type.
    """
    for member in dataclasses.fields(document):
        value = getattr(document, member.name)
        kind = str if member.type is EventName else member.type
        if kind in (str, str | None, bool) and not isinstance(value, kind):  # type: ignore[arg-type]
            raise TypeError(f"{member.name} is {type(value).__name__}")
    return document


def fitting(labelled: Labelled, size: Callable[[Labelled], int], max_bytes: int) -> Labelled:
    """Return a dataclass, or a smaller version of it. It has `labels` and `truncated`, and may have `abilities`.

    Labels lose their instances if they are too large without any abilities. So abilities do not change the labels in a
    document. The findings of abilities lose their outlines, and then they are left out, except those of moderation: a
    picture that should be hidden would be shown. They have about 10 KB, and the result may be that much too large.
    """
    value: Any = labelled
    results = getattr(value, "abilities", {})
    if size(dataclasses.replace(value, abilities={}) if results else value) > max_bytes:
        value = dataclasses.replace(value, labels=without_instances(value.labels), truncated=True)
    for shrink in (_without_outlines, _without_findings):
        if not results or size(value) <= max_bytes:
            break
        results = {name: result if name == MODERATION.name else shrink(result) for name, result in results.items()}
        value = dataclasses.replace(value, abilities=results)
    return value  # type: ignore[no-any-return]


def _without_outlines(result: AbilityResult) -> AbilityResult:
    found = tuple({name: value for name, value in finding.items() if name not in OUTLINES} for finding in result.found)
    return dataclasses.replace(result, found=found, truncated=result.truncated or found != result.found)


def _without_findings(result: AbilityResult) -> AbilityResult:
    return dataclasses.replace(result, found=(), truncated=result.truncated or bool(result.found))


def without_instances(labels: tuple[Label, ...]) -> tuple[Label, ...]:
    """Return the same labels without instances."""
    return tuple(dataclasses.replace(label, instances=()) for label in labels)


def _dump(event: RecognitionEvent) -> str:
    # ASCII, because SQS refuses some characters that names and labels may hold.
    members = dataclasses.asdict(event)
    if not event.abilities:
        del members["abilities"]
    return json.dumps({"schema": SCHEMA, **members}, separators=(",", ":"))
