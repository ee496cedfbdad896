"""Ask Rekognition about a picture: one operation for each ability, one after the other."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from botocore import xform_name
from botocore.exceptions import ClientError

from common.runtime.abilities.ability import Ability, Finding
from common.runtime.abilities.enabled import EnabledAbility
from common.runtime.metrics import count
from common.runtime.recognition_event import AbilityResult, Failure
from common.runtime.timestamps import now
from recognition.runtime.detection.paid_operation import PaidOperation
from recognition.runtime.detection.prepared_picture import PreparedPicture
from recognition.runtime.pictures.picture_failures import failure_by
from recognition.runtime.spending.answer_forms import AbilityAnswer

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient
    from mypy_boto3_rekognition.type_defs import ImageTypeDef


@dataclass(frozen=True)
class AbilityOperation:
    """An enabled ability, and its operation."""

    enabled: EnabledAbility
    rekognition: "RekognitionClient"
    operation: PaidOperation[AbilityAnswer]

    def result(self, picture: PreparedPicture, *, attempt: int) -> AbilityResult:
        """Return what the ability finds in a picture, or why it cannot answer.

        Raises:
            RetryLaterError, ClientError, BotoCoreError: another attempt may succeed (`PaidOperation.answer`).
        """
        ability, options = self.enabled.ability, self.enabled.options
        try:
            given = self.operation.answer(picture, self._call)
            if given.answer is None:
                return AbilityResult(status="failed", at=given.at, failure=given.failure)
            found = tuple(_storable(ability.read(given.answer, options)))
            return AbilityResult(status="done", at=given.at, model=ability.model(given.answer), found=found)
        except Exception as error:
            failure = self._refusal(error) or failure_by(error, attempt)
            if failure is None:
                raise
            return AbilityResult(status="failed", at=now(), failure=failure)

    def _call(self, image: "ImageTypeDef") -> AbilityAnswer:
        ability = self.enabled.ability
        call = getattr(self.rekognition, xform_name(ability.operation))
        try:
            answer = call(Image=image, **ability.parameters(self.enabled.options))
        except ClientError as error:
            if error.response["Error"]["Code"] not in ability.final_errors:
                raise
            return AbilityAnswer(now(), None, _failure(error))
        return AbilityAnswer(now(), {name: each for name, each in answer.items() if name != "ResponseMetadata"}, None)

    def _refusal(self, error: Exception) -> Failure | None:
        """Return the failure if Rekognition refused the call, perhaps for a reason that is not in the picture.

        Such a refusal is not stored. It is not counted as a call, like all other errors of AWS.
        """
        if isinstance(error, ClientError) and error.response["Error"]["Code"] in self.enabled.ability.refusals:
            return _failure(error)
        return None


@dataclass(frozen=True)
class AbilityRecognizer:
    """Asks Rekognition about the enabled abilities, by their names."""

    operations: Mapping[str, AbilityOperation]

    def without_calls(self) -> "AbilityRecognizer":
        """Return a recogniser that uses only stored answers."""
        return AbilityRecognizer(
            {name: replace(each, operation=each.operation.without_calls()) for name, each in self.operations.items()}
        )

    def wanted(self, image: str, asked: Collection[str]) -> list[str]:
        """Return the names of the abilities to ask about an image. `asked` are the names that its upload asks for."""
        return [name for name, each in self.operations.items() if each.enabled.is_wanted(image, asked)]

    def results(self, picture: PreparedPicture, names: Collection[str], *, attempt: int) -> dict[str, AbilityResult]:
        """Ask Rekognition about each of these abilities.

        After a transient error, the method first asks about the other abilities and then raises the error. So the next
        attempt finds the other answers stored.

        Raises:
            RetryLaterError, ClientError, BotoCoreError: the first transient error.
        """
        results, errors = {}, []
        for name in names:
            try:
                results[name] = self.operations[name].result(picture, attempt=attempt)
            except Exception as error:  # noqa: BLE001 - raised below
                errors.append(error)
        if errors:
            raise errors[0]
        for name, result in results.items():
            # A success counts a zero, so that the average is the share of failures.
            count("Failed", int(result.status == "failed"), ability=name)
        return results


def fingerprint(ability: Ability, options: Mapping[str, Any]) -> str:
    """Return the part of a stored answer's key that identifies the operation and its parameters."""
    parameters = json.dumps(ability.parameters(options), sort_keys=True)
    return f"{ability.operation}#{hashlib.sha256(parameters.encode()).hexdigest()[:16]}"


def _storable(found: list[Finding]) -> list[Finding]:
    """Return findings that DynamoDB stores: halves of surrogate pairs become question marks.

    Raises:
        ValueError: a number is not finite.
    """
    text = json.dumps(found, ensure_ascii=False, allow_nan=False)
    storable: list[Finding] = json.loads(text.encode(errors="replace"))
    return storable


def _failure(error: ClientError) -> Failure:
    return Failure(code=error.response["Error"]["Code"], message=error.response["Error"]["Message"])
