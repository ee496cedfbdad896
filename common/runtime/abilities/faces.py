"""Faces: boxes, landmarks, pose and quality, by DetectFaces. Other attributes are kept only if the setting names them.

https://docs.aws.amazon.com/rekognition/latest/APIReference/API_DetectFaces.html
"""

import re
from typing import Any

from common.runtime.abilities.ability import PICTURE_ERRORS, Ability, Answer, Finding, Options, box_from, no_names

ATTRIBUTES = (
    "AGE_RANGE",
    "BEARD",
    "EMOTIONS",
    "EYEGLASSES",
    "EYES_OPEN",
    "EYE_DIRECTION",
    "FACE_OCCLUDED",
    "GENDER",
    "MOUTH_OPEN",
    "MUSTACHE",
    "SMILE",
    "SUNGLASSES",
)
"""The attributes that a setting may name."""


def snake_case(name: str) -> str:
    """Translate a name of Rekognition, such as `AgeRange` or `eyeLeft`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _read(answer: Answer, options: Options) -> list[Finding]:
    return [_face(face, options.get("attributes", ())) for face in answer["FaceDetails"]]


def _face(face: dict[str, Any], attributes: Any) -> Finding:
    named = {name.replace("_", "").lower() for name in attributes}
    return {
        "confidence": face["Confidence"],
        "box": box_from(face["BoundingBox"]),
        "landmarks": [
            {"type": snake_case(each["Type"]), "x": each["X"], "y": each["Y"]} for each in face.get("Landmarks", ())
        ],
        "pose": _plain(face.get("Pose", {})),
        "quality": _plain(face.get("Quality", {})),
        "attributes": {snake_case(name): _plain(value) for name, value in face.items() if name.lower() in named},
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {snake_case(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value


def _parameters(options: Options) -> dict[str, Any]:
    return {"Attributes": ["DEFAULT", *sorted(options.get("attributes", ()))]}


FACES = Ability(
    name="faces",
    operation="DetectFaces",
    element="face",
    final_errors=PICTURE_ERRORS,
    refusals=frozenset({"InvalidParameterException"}),  # the picture, or an attribute that this Region does not know
    parameters=_parameters,
    model=lambda _answer: None,
    read=_read,
    names=no_names,
)
