"""Moderation: labels of unsafe content, by DetectModerationLabels. They mark a picture and never delete it.

https://docs.aws.amazon.com/rekognition/latest/APIReference/API_DetectModerationLabels.html
"""

from collections.abc import Iterator, Sequence

from common.runtime.abilities.ability import PICTURE_ERRORS, Ability, Answer, Finding, FoundName, Options

KIND = "moderation"

DEFAULT_MIN_CONFIDENCE = 50
"""In per cent. This is Rekognition's default."""


def _read(answer: Answer, options: Options) -> list[Finding]:
    least = options.get("min_confidence", DEFAULT_MIN_CONFIDENCE)
    return [
        {
            "name": each["Name"],
            "parent": each.get("ParentName") or None,
            "level": each.get("TaxonomyLevel"),
            "confidence": each["Confidence"],
        }
        for each in answer["ModerationLabels"]
        if each["Confidence"] >= least
    ]


def _names(found: Sequence[Finding]) -> Iterator[FoundName]:
    for each in found:
        yield FoundName(KIND, each["name"], each["confidence"])
        if each["parent"]:
            yield FoundName(KIND, each["parent"], each["confidence"])


MODERATION = Ability(
    name="moderation",
    operation="DetectModerationLabels",
    element="moderation_label",
    final_errors=PICTURE_ERRORS,
    # The message names the cause: a side is under 50 pixels, or this Rekognition has no model for the operation.
    refusals=frozenset({"InvalidParameterException"}),
    # The answer holds everything, so another threshold needs no new call.
    parameters=lambda _options: {"MinConfidence": 0},
    model=lambda answer: answer.get("ModerationModelVersion"),
    read=_read,
    names=_names,
)
