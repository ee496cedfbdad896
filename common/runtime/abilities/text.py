"""Text: lines and words in the picture, by DetectText.

The answer holds each text twice: as a LINE, and as WORDs whose parents are lines. Lines are shown, words are searched.
https://docs.aws.amazon.com/rekognition/latest/APIReference/API_DetectText.html
"""

import unicodedata
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

KIND = "text"


def folded_word(text: str) -> str:
    """Return the form of a word for comparisons: no case, no accents, no punctuation at the ends. It may be empty."""
    return _trimmed(_folded(text))


def folded_prefix(text: str) -> str:
    """Return the beginning of a word in the form of `folded_word`.

    Punctuation at the end stays, as the word may continue.
    """
    folded = _folded(text)
    return folded[folded.index(_trimmed(folded)[:1]) :] if _trimmed(folded) else ""


def _folded(text: str) -> str:
    return "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each)).casefold()


def _trimmed(text: str) -> str:
    inner = [number for number, each in enumerate(text) if each.isalnum()]
    return text[inner[0] : inner[-1] + 1] if inner else ""


def _read(answer: Answer, _options: Options) -> list[Finding]:
    return [
        {
            "text": each["DetectedText"],
            "type": each["Type"].lower(),
            "id": each["Id"],
            **({"parent_id": each["ParentId"]} if "ParentId" in each else {}),
            "confidence": each["Confidence"],
            "box": box_from(each["Geometry"]["BoundingBox"]),
            "polygon": [{"x": point["X"], "y": point["Y"]} for point in each["Geometry"]["Polygon"]],
        }
        for each in answer["TextDetections"]
    ]


def _names(found: Sequence[Finding]) -> Iterator[FoundName]:
    for each in found:
        if each["type"] == "word":
            for word in each["text"].split():
                if spelling := _trimmed(word):
                    yield FoundName(KIND, spelling, each["confidence"])


TEXT = Ability(
    name="text",
    operation="DetectText",
    element="text_detection",
    final_errors=PICTURE_ERRORS | {"InvalidParameterException"},  # DetectText has no parameter besides the picture
    refusals=frozenset(),
    parameters=lambda _options: {},
    model=lambda answer: answer.get("TextModelVersion"),
    read=_read,
    names=_names,
)
