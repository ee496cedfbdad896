from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from common.runtime.recognition_event import Box
from recognition.runtime.detection import detect_labels
from tests.conftest import captured


class Refusing:
    """A Rekognition that answers every call with one error."""

    def __init__(self, code: str) -> None:
        self.code = code

    def detect_labels(self, **_: Any) -> Any:
        raise ClientError({"Error": {"Code": self.code, "Message": "in its own words"}}, "DetectLabels")


def detect(code: str) -> detect_labels.Detection:
    rekognition = cast(Any, Refusing(code))
    return detect_labels.detect(rekognition, {"S3Object": {"Bucket": "images", "Name": "a.jpg"}}, {})


@pytest.mark.parametrize("code", ["ImageTooLargeException", "InvalidImageFormatException", "InvalidParameterException"])
def test_failures_that_the_picture_causes_are_results(code: str) -> None:
    found = detect(code)
    assert found.failure
    assert (found.failure.code, found.failure.message, found.labels) == (code, "in its own words", ())


@pytest.mark.parametrize(
    "code",
    [
        "AccessDeniedException",
        "InternalServerError",
        "InvalidS3ObjectException",
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
    ],
)
def test_transient_failures_are_raised(code: str) -> None:
    with pytest.raises(ClientError):
        detect(code)


def test_labels_keep_confidence_parents_categories_aliases_and_boxes() -> None:
    found = detect_labels.from_answer(captured("detect-labels"))
    person, face = found.labels
    assert found.model == "3.0"
    assert person.confidence == 98.87621307373047
    assert person.instances[0].box == Box(left=0.125, top=0.0625, width=0.25, height=0.5)
    assert (person.aliases, person.categories) == (("Human",), ("Person Description",))
    assert face.parents == ("Head", "Person")
