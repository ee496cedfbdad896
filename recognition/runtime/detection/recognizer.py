"""Recognise a picture: ask Rekognition about its labels."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from recognition.runtime.detection.detect_labels import Detection, detect
from recognition.runtime.detection.paid_operation import PaidOperation
from recognition.runtime.detection.prepared_picture import PreparedPicture
from recognition.runtime.pictures.picture_failures import failure_by

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient


@dataclass(frozen=True)
class Recognizer:
    """Asks Rekognition at most once about the labels of each content. `parameters` are those of DetectLabels."""

    rekognition: "RekognitionClient"
    parameters: dict[str, Any]
    operation: PaidOperation[Detection]

    def without_calls(self) -> "Recognizer":
        """Return a recogniser that uses only stored answers."""
        return replace(self, operation=self.operation.without_calls())

    def recognize(self, picture: PreparedPicture, *, attempt: int) -> Detection:
        """Return Rekognition's answer, or the failure of a picture that Rekognition cannot take.

        `attempt` counts the attempts at this picture.

        Raises:
            RetryLaterError, ClientError, BotoCoreError: another attempt may succeed (`PaidOperation.answer`).
        """
        try:
            picture.check()
            return self.operation.answer(picture, lambda image: detect(self.rekognition, image, self.parameters))
        except Exception as error:
            failure = failure_by(error, attempt)
            if failure is None:
                raise
            return Detection((), None, failure)
