"""Call Amazon Rekognition's DetectLabels, and distinguish final refusals from transient errors."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from common.runtime.recognition_event import Box, Failure, Instance, Label

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient
    from mypy_boto3_rekognition.type_defs import (
        BoundingBoxTypeDef,
        DetectLabelsResponseTypeDef,
        ImageTypeDef,
        LabelTypeDef,
    )

FINAL_ERRORS = frozenset({"ImageTooLargeException", "InvalidImageFormatException", "InvalidParameterException"})
"""Errors that the picture itself causes (`InvalidParameterException`: a side is under 80 pixels). A second call gives
the same error. All other errors may be transient. `InvalidS3ObjectException` and `AccessDeniedException` are not in
this set, because a missing permission also causes them. Source: the API reference of DetectLabels."""


@dataclass(frozen=True)
class Detection:
    """Rekognition's answer: the labels and the version of its model, or the failure.

    `truncated` is True if the instances were left out because they were too large to store.
    """

    labels: tuple[Label, ...]
    model: str | None
    failure: Failure | None
    truncated: bool = False


def detect(rekognition: "RekognitionClient", image: "ImageTypeDef", parameters: dict[str, Any]) -> Detection:
    """Call DetectLabels on a picture.

    Raises:
        ClientError, BotoCoreError: a transient error; another call may succeed.
    """
    try:
        answer = rekognition.detect_labels(Image=image, **parameters)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code not in FINAL_ERRORS:
            raise
        return Detection((), None, Failure(code=code, message=error.response["Error"]["Message"]))
    return from_answer(answer)


def from_answer(answer: "DetectLabelsResponseTypeDef") -> Detection:
    """Translate an answer of DetectLabels."""
    return Detection(tuple(_label(label) for label in answer["Labels"]), answer["LabelModelVersion"], None)


def _label(label: "LabelTypeDef") -> Label:
    return Label(
        name=label["Name"],
        confidence=label["Confidence"],
        parents=tuple(parent["Name"] for parent in label.get("Parents", ())),
        categories=tuple(category["Name"] for category in label.get("Categories", ())),
        aliases=tuple(alias["Name"] for alias in label.get("Aliases", ())),
        instances=tuple(
            Instance(confidence=instance["Confidence"], box=_box(instance["BoundingBox"]))
            for instance in label.get("Instances", ())
        ),
    )


def _box(box: "BoundingBoxTypeDef") -> Box:
    return Box(left=box["Left"], top=box["Top"], width=box["Width"], height=box["Height"])
