"""Convert Rekognition's answers into attributes of the table `Recognitions`, and back."""

import dataclasses
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from common.runtime.dynamodb_items import to_attributes
from common.runtime.recognition_event import Failure, label_from
from recognition.runtime.detection.detect_labels import Detection
from recognition.runtime.records.item_size import fit_into_item

T = TypeVar("T")


@dataclass(frozen=True)
class AnswerForm(Generic[T]):
    """`to_attribute` makes the item's attribute, in DynamoDB's notation. `from_value` reads the deserialized value."""

    to_attribute: Callable[[T], dict[str, Any]]
    from_value: Callable[[Any], T]


@dataclass(frozen=True)
class AbilityAnswer:
    """An answer about an ability: the complete answer of the operation, or the failure that the picture caused.

    `at` is the time of the answer, ISO 8601 in UTC.
    """

    at: str
    answer: dict[str, Any] | None
    failure: Failure | None


def _detection_attribute(detection: Detection) -> dict[str, Any]:
    attribute: dict[str, Any] = to_attributes({"answer": dataclasses.asdict(fit_into_item(detection))})["answer"]
    return attribute


def _detection(document: dict[str, Any]) -> Detection:
    failure = document.get("failure")
    return Detection(
        labels=tuple(label_from(label) for label in document["labels"]),
        model=document.get("model"),
        failure=Failure(**failure) if failure else None,
        truncated=bool(document.get("truncated")),
    )


def _compressed(answer: AbilityAnswer) -> dict[str, Any]:
    return {"B": zlib.compress(json.dumps(dataclasses.asdict(answer)).encode())}


def _decompressed(value: Any) -> AbilityAnswer:
    document = json.loads(zlib.decompress(bytes(value)))
    failure = document["failure"]
    return AbilityAnswer(document["at"], document["answer"], Failure(**failure) if failure else None)


DETECTIONS = AnswerForm(_detection_attribute, _detection)
"""Answers of DetectLabels, as maps. An answer that is too large for an item loses its instances."""

ABILITY_ANSWERS = AnswerForm(_compressed, _decompressed)
"""Answers about abilities, as compressed JSON. The largest answer describes 100 faces with all attributes. It has about
300 KB before the compression. So all answers fit into an item."""
