"""A Rekognition that answers at once, and workers that ask it."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from recognition.runtime.detection.ability_recognizer import AbilityRecognizer
from recognition.runtime.records.record_updater import RecordUpdater
from tests.conftest import captured


@dataclass
class FakeRekognition:
    """Answers every call with a small answer, or with the error that a test sets.

    `calls` are those of DetectLabels, and `asked` the names of all operations. `errors` has the errors of DetectLabels
    by the object's name, `refusals` those of the other operations by the operation's name.
    """

    calls: list[dict[str, Any]] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    images: list[Any] = field(default_factory=list)
    refusals: dict[str, str] = field(default_factory=dict)

    def detect_labels(self, **request: Any) -> Any:
        self.calls.append(request)
        self._ask("DetectLabels", request, self.errors.get(request["Image"].get("S3Object", {}).get("Name", "")))
        return captured("detect-labels")

    def detect_text(self, **request: Any) -> Any:
        self._ask("DetectText", request, self.refusals.get("DetectText"))
        return captured("detect-text")

    def detect_moderation_labels(self, **request: Any) -> Any:
        self._ask("DetectModerationLabels", request, self.refusals.get("DetectModerationLabels"))
        return captured("detect-moderation-labels")

    def detect_faces(self, **request: Any) -> Any:
        self._ask("DetectFaces", request, self.refusals.get("DetectFaces"))
        return {"FaceDetails": []}

    def recognize_celebrities(self, **request: Any) -> Any:
        self._ask("RecognizeCelebrities", request, self.refusals.get("RecognizeCelebrities"))
        return {"CelebrityFaces": [], "UnrecognizedFaces": []}

    def _ask(self, operation: str, request: dict[str, Any], code: str | None) -> None:
        self.asked.append(operation)
        self.images.append(request["Image"])
        if code:
            raise ClientError({"Error": {"Code": code, "Message": "in its own words"}}, operation)


def with_operation(worker: RecordUpdater, **changes: Any) -> RecordUpdater:
    """Return the worker with another operation for labels."""
    recognizer = worker.recognizer
    operation = dataclasses.replace(recognizer.operation, **changes)
    return dataclasses.replace(worker, recognizer=dataclasses.replace(recognizer, operation=operation))


def with_rekognition(worker: RecordUpdater, rekognition: Any) -> RecordUpdater:
    """Return the worker with another Rekognition."""
    operations = worker.abilities.operations.items()
    return dataclasses.replace(
        worker,
        recognizer=dataclasses.replace(worker.recognizer, rekognition=rekognition),
        abilities=AbilityRecognizer(
            {name: dataclasses.replace(each, rekognition=rekognition) for name, each in operations}
        ),
    )
