"""Recognise a picture: from the stored answers, or by a call of Rekognition that the budget and the rate allow."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from common.imaging.pictures import DecoderFailedError, PictureError
from common.runtime.message_batch import RetryLaterError
from common.runtime.metrics import count
from common.runtime.recognition_event import Failure
from recognition.runtime.detection.detect_labels import Detection, detect
from recognition.runtime.pictures.picture_failures import is_final
from recognition.runtime.pictures.stored_pictures import StoredPicture, StoredPictures
from recognition.runtime.spending.monthly_usage import UsageTable
from recognition.runtime.spending.paid_answers import PaidAnswers
from recognition.runtime.spending.token_bucket import TokenBucket

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient

logger = Logger()


class CallNeededError(RetryLaterError):
    """There is no stored answer, and this recogniser may not call Rekognition."""


@dataclass(frozen=True)
class Recognizer:
    """Asks Rekognition at most once about each content.

    `parameters` are those of DetectLabels. `fingerprint` identifies them. Without `may_call`, it uses only stored
    answers.
    """

    pictures: StoredPictures
    rekognition: "RekognitionClient"
    paid_answers: PaidAnswers
    usage: UsageTable
    rate: TokenBucket
    parameters: dict[str, Any]
    fingerprint: str
    may_call: bool

    def recognize(self, picture: StoredPicture, ends_at: float, *, attempt: int) -> Detection:
        """Return Rekognition's answer, or the failure of a picture that Rekognition cannot take.

        `ends_at` is the monotonic time at which this worker ends. `attempt` counts the attempts at this picture.

        Raises:
            CallNeededError: there is no stored answer, and this recogniser may not call Rekognition.
            ClaimedError: another worker is asking about the same content.
            OverBudgetError: the month's budget pays for no further call.
            RetryLaterError: there was too little time.
            ClientError, BotoCoreError: a transient error.
        """
        try:
            return self._recognize(picture, ends_at)
        except PictureError as error:
            return _failure(error.code, str(error))
        except Exception as error:
            if not is_final(error, attempt):
                raise
            logger.exception("the picture failed too often", extra={"attempt": attempt})
            return _failure(DecoderFailedError.code, f"it failed {attempt} times, at last by {type(error).__name__}")

    def _recognize(self, picture: StoredPicture, ends_at: float) -> Detection:
        asked = False

        def ask() -> Detection:
            nonlocal asked
            asked = True
            return self._ask(picture, ends_at, by_reference=by_reference)

        by_reference = self.pictures.is_recognizable(picture, seconds=ends_at - time.monotonic())
        detection = self.paid_answers.answer(
            f"{picture.sha256}#{self.fingerprint}",
            refresh=picture.metadata.get("refresh"),
            lease_seconds=ends_at - time.monotonic(),
            ask=ask,
        )
        if not asked:
            self.usage.count_cache_hit()
        return detection

    def _ask(self, picture: StoredPicture, ends_at: float, *, by_reference: bool) -> Detection:
        if not self.may_call:
            raise CallNeededError("no stored answer", 0)
        if by_reference:
            image = self.pictures.reference(picture)
        else:
            image = self.pictures.converted(picture, seconds=ends_at - time.monotonic())
        self.rate.take()
        with self.usage.count_call():
            count("Calls")
            return detect(self.rekognition, image, self.parameters)


def _failure(code: str, message: str) -> Detection:
    return Detection((), None, Failure(code=code, message=message))
