"""One operation of Rekognition. The answer is a stored one, or comes from a call if budget and rate allow a call."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from common.runtime.message_batch import RetryLaterError
from common.runtime.metrics import count
from recognition.runtime.detection.prepared_picture import PreparedPicture
from recognition.runtime.pictures.stored_pictures import RESERVED_SECONDS
from recognition.runtime.spending.monthly_usage import UsageTable
from recognition.runtime.spending.paid_answers import PaidAnswers
from recognition.runtime.spending.token_bucket import TokenBucket

if TYPE_CHECKING:
    from mypy_boto3_rekognition.type_defs import ImageTypeDef

T = TypeVar("T")


class CallNeededError(RetryLaterError):
    """There is no stored answer, and this worker may not call Rekognition."""

    def __init__(self) -> None:
        super().__init__("no stored answer", 0)


@dataclass(frozen=True)
class PaidOperation(Generic[T]):
    """An operation that is called at most once for each content.

    `fingerprint` identifies the operation and its parameters. `ability` is the name under which calls are counted, or
    None for labels. Without `may_call`, only stored answers are used.
    """

    fingerprint: str
    ability: str | None
    paid_answers: PaidAnswers[T]
    usage: UsageTable
    rate: TokenBucket
    may_call: bool = True

    def without_calls(self) -> "PaidOperation[T]":
        """Return the same operation, which then uses only stored answers."""
        return replace(self, may_call=False)

    def answer(self, picture: PreparedPicture, call: "Callable[[ImageTypeDef], T]") -> T:
        """Return the stored answer about a picture. If there is none, make the call and store its answer.

        Raises:
            CallNeededError: there is no stored answer, and no call may be made.
            ClaimedError: another worker is asking about the same content.
            OverBudgetError: the month's budget pays for no further call.
            RateError: the rate of calls allows no call before the worker ends.
            RetryLaterError: there was too little time.
            PictureError: the picture cannot be converted.
            Exception: any error of `call`.
        """
        asked = False

        def ask() -> T:
            nonlocal asked
            asked = True
            return self._ask(picture, call)

        answer = self.paid_answers.answer(
            f"{picture.stored.sha256}#{self.fingerprint}",
            refresh=picture.refresh,
            lease_seconds=picture.seconds_left,
            ask=ask,
        )
        if not asked:
            self.usage.count_cache_hit(self.ability)
        return answer

    def _ask(self, picture: PreparedPicture, call: "Callable[[ImageTypeDef], T]") -> T:
        if not self.may_call:
            raise CallNeededError
        image = picture.image
        self.rate.take(seconds=picture.seconds_left - RESERVED_SECONDS)
        with self.usage.count_call(self.ability):
            count("Calls")
            if self.ability:
                count("Calls", ability=self.ability)
            return call(image)
