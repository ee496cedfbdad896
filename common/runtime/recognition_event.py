"""The document `sightline.recognition/1`, which describes one change of an image.

The recognition stack creates it and publishes it to the labels topic. Deliveries, the index and e-mails read it.
docs/events.md shows it; `tests/functional/test_contract.py` feeds the output of one side to the other.
"""

import dataclasses
import json
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, TypeVar

from common.runtime.json_documents import JsonDocumentError, read_object, text_of

SCHEMA = "sightline.recognition/1"

EventName = Literal["image.recognized", "image.failed", "image.deleted"]

MAX_BYTES = 200_000
"""SNS accepts 256 KB with attributes. Larger documents are published without instances."""

LATER = ("uploaded_at", "correlation_id")
"""The members that early documents of this schema lack."""

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
    """The reason why a picture can never be recognised. The codes are Rekognition's, and `DecoderFailed`."""

    code: str
    message: str


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

    def to_json(self) -> str:
        """Return the document. If it has more than MAX_BYTES, leave out the instances of its labels."""
        text = _dump(self)
        if len(text) <= MAX_BYTES:
            return text
        return _dump(dataclasses.replace(self, labels=without_instances(self.labels), truncated=True))

    @classmethod
    def from_json(cls, text: str) -> "RecognitionEvent":
        """Read a document. Ignores unknown members.

        Raises:
            EventError: it is not JSON, has another schema, or a member is missing or has the wrong type.
        """
        try:
            document = read_object(text)
            schema = document["schema"]
            if schema != SCHEMA:
                raise EventError(f"the schema is {schema!r}, but must be {SCHEMA!r}")
            values = {f.name: document[f.name] for f in dataclasses.fields(cls) if f.name not in LATER}
            values |= {name: document.get(name) for name in LATER}
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
    """Read one label of a document or of a stored record.

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


Checked = TypeVar("Checked", RecognitionEvent, Failure)


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


def without_instances(labels: tuple[Label, ...]) -> tuple[Label, ...]:
    """Return the same labels without instances."""
    return tuple(dataclasses.replace(label, instances=()) for label in labels)


def _dump(event: RecognitionEvent) -> str:
    # ASCII, because SQS refuses some characters that names and labels may hold.
    return json.dumps({"schema": SCHEMA, **dataclasses.asdict(event)}, separators=(",", ":"))
