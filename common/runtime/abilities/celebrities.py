"""Celebrities: well-known people, by RecognizeCelebrities. Faces of other people are not kept.

https://docs.aws.amazon.com/rekognition/latest/APIReference/API_RecognizeCelebrities.html
"""

from collections.abc import Iterator, Sequence

from common.runtime.abilities.ability import (
    PICTURE_ERRORS,
    Ability,
    Answer,
    Finding,
    FoundName,
    Options,
    box_from,
)

KIND = "celebrity"


def _read(answer: Answer, _options: Options) -> list[Finding]:
    return [
        {
            "name": each["Name"],
            "id": each["Id"],
            "urls": list(each.get("Urls", ())),
            "confidence": each["MatchConfidence"],
            "box": box_from(each["Face"]["BoundingBox"]),
        }
        for each in answer["CelebrityFaces"]
    ]


def _names(found: Sequence[Finding]) -> Iterator[FoundName]:
    for each in found:
        yield FoundName(KIND, each["name"], each["confidence"])


CELEBRITIES = Ability(
    name="celebrities",
    operation="RecognizeCelebrities",
    element="celebrity",
    final_errors=PICTURE_ERRORS | {"InvalidParameterException"},  # it has no parameter besides the picture
    refusals=frozenset(),
    parameters=lambda _options: {},
    model=lambda _answer: None,
    read=_read,
    names=_names,
)
