"""Test DetectText, DetectFaces, RecognizeCelebrities and DetectModerationLabels over HTTP."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from botocore.exceptions import ClientError
from PIL import Image, ImageDraw, ImageFont

from local.rekognition.detections import Box
from local.rekognition.engines.moderation import NETWORK, WEIGHTS, ModerationEngine
from local.rekognition.operations import Operations
from local.rekognition.pictures import Picture
from local.rekognition.protocol import ServiceError
from local.rekognition.sight import Sight
from local.rekognition.weights.onnx_graph import OnnxGraph
from tests.local.photos import FACES, PHOTOS, blank, encode, photo
from tests.local.servers import running
from tests.local.shapes import faults

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mypy_boto3_rekognition.type_defs import TextDetectionTypeDef

    from tests.local.servers import LocalRekognition

PAGE = photo("page.png")
ASTRONAUT = photo("astronaut.png")


def call(server: LocalRekognition, operation: str, picture: bytes, **more: Any) -> tuple[int, dict[str, Any]]:
    image = {"Bytes": base64.b64encode(picture).decode()}
    status, _, body = server.call(operation, {"Image": image, **more})
    return status, body


@pytest.mark.parametrize("operation", ["DetectText", "DetectFaces", "RecognizeCelebrities"])
def test_answers_over_real_photographs_have_the_shape_that_botocore_knows(
    rekognition: LocalRekognition, operation: str
) -> None:
    more = {"Attributes": ["ALL"]} if operation == "DetectFaces" else {}
    found: list[str] = []
    for file in PHOTOS:
        status, body = call(rekognition, operation, file.read_bytes(), **more)
        assert status == 200
        found += faults(operation, body)
    assert found == []


@pytest.mark.parametrize("operation", ["DetectText", "DetectFaces", "RecognizeCelebrities"])
def test_a_picture_without_text_or_faces_gets_an_empty_answer(rekognition: LocalRekognition, operation: str) -> None:
    _, body = call(rekognition, operation, blank(200, 100))
    assert all(value == [] for name, value in body.items() if name != "TextModelVersion")


# Text


def texts(server: LocalRekognition, picture: bytes, **filters: Any) -> list[TextDetectionTypeDef]:
    chosen: Any = filters
    return server.client().detect_text(Image={"Bytes": picture}, Filters=chosen)["TextDetections"]


def of_kind(found: list[TextDetectionTypeDef], kind: str) -> list[str]:
    return [each["DetectedText"] for each in found if each["Type"] == kind]


def signs(*words: str) -> bytes:
    """A picture with a word in each row, 100 pixels high."""
    picture = Image.new("RGB", (400, 100 * len(words)), "white")
    for row, word in enumerate(words):
        ImageDraw.Draw(picture).text((40, 100 * row + 30), word, "black", ImageFont.load_default(40))
    return encode(picture)


def test_a_page_has_all_its_lines_and_their_words(rekognition: LocalRekognition) -> None:
    found = texts(rekognition, PAGE)
    lines = of_kind(found, "LINE")
    assert len(lines) == 7
    assert lines[0] == "Region-based segmentation"
    assert {"markers", "coins", "background."} <= set(of_kind(found, "WORD"))
    assert of_kind(found, "WORD") == " ".join(lines).split()


def test_lines_come_first_and_each_word_names_its_line(rekognition: LocalRekognition) -> None:
    found = texts(rekognition, PAGE)
    assert [each["Id"] for each in found] == list(range(len(found)))
    assert [each["Type"] for each in found] == ["LINE"] * 7 + ["WORD"] * (len(found) - 7)
    assert all("ParentId" not in each for each in found[:7])
    for word in found[7:]:
        assert word["DetectedText"] in found[word["ParentId"]]["DetectedText"]


def test_a_words_polygon_lies_in_its_lines_box(rekognition: LocalRekognition) -> None:
    found = texts(rekognition, PAGE)
    for word in found[7:]:
        line = found[word["ParentId"]]["Geometry"]["BoundingBox"]
        assert len(word["Geometry"]["Polygon"]) == 4
        for point in word["Geometry"]["Polygon"]:
            assert line["Left"] - 0.02 <= point["X"] <= line["Left"] + line["Width"] + 0.02
            assert line["Top"] - 0.02 <= point["Y"] <= line["Top"] + line["Height"] + 0.02


def test_the_text_models_version_names_the_engine(rekognition: LocalRekognition) -> None:
    assert rekognition.client().detect_text(Image={"Bytes": PAGE})["TextModelVersion"] == "local-2.0+rapidocr"


def test_words_have_filters(rekognition: LocalRekognition) -> None:
    picture = signs("UPPER", "LOWER")
    assert of_kind(texts(rekognition, picture), "WORD") == ["UPPER", "LOWER"]
    assert texts(rekognition, picture, WordFilter={"MinConfidence": 100.0}) == []
    assert texts(rekognition, picture, WordFilter={"MinBoundingBoxHeight": 0.9}) == []
    assert texts(rekognition, picture, WordFilter={"MinBoundingBoxWidth": 0.9}) == []


@pytest.mark.parametrize(
    "region",
    [
        {"BoundingBox": {"Left": 0, "Top": 0.5, "Width": 1, "Height": 0.5}},
        {"Polygon": [{"X": 0, "Y": 0.5}, {"X": 1, "Y": 0.5}, {"X": 1, "Y": 1}, {"X": 0, "Y": 1}]},
    ],
    ids=["box", "polygon"],
)
def test_only_text_in_the_regions_of_interest_is_reported(
    rekognition: LocalRekognition, region: dict[str, Any]
) -> None:
    found = texts(rekognition, signs("UPPER", "LOWER"), RegionsOfInterest=[region])
    assert [each["DetectedText"] for each in found] == ["LOWER", "LOWER"]
    assert [each["Id"] for each in found] == [0, 1]


@pytest.mark.parametrize(
    "region",
    [
        {},
        {"BoundingBox": {"Left": 0.5, "Top": 0.5, "Width": 0.0, "Height": 0.5}},
        {"Polygon": [{"X": 0.0, "Y": 0.5}, {"X": 1.0, "Y": 0.5}]},
    ],
    ids=["empty", "flat", "two points"],
)
def test_a_region_that_is_no_area_is_refused(rekognition: LocalRekognition, region: dict[str, Any]) -> None:
    client = rekognition.client()
    with pytest.raises(client.exceptions.InvalidParameterException):
        client.detect_text(Image={"Bytes": PAGE}, Filters={"RegionsOfInterest": [region]})  # type: ignore[list-item]


def test_an_answer_has_at_most_a_hundred_words(rekognition: LocalRekognition) -> None:
    picture = Image.new("RGB", (900, 800), "white")
    for row in range(12):
        line = " ".join(f"word{row:02}{column:02}" for column in range(10))
        ImageDraw.Draw(picture).text((10, 60 * row + 20), line, "black", ImageFont.load_default(16))
    found = texts(rekognition, encode(picture))
    assert len(of_kind(found, "WORD")) == 100
    parents = {each["ParentId"] for each in found if each["Type"] == "WORD"}
    assert parents == {each["Id"] for each in found if each["Type"] == "LINE"}


# Faces


@pytest.mark.parametrize("name", FACES)
def test_a_face_is_described_where_it_is(rekognition: LocalRekognition, name: str) -> None:
    (face,) = rekognition.client().detect_faces(Image={"Bytes": photo(name)})["FaceDetails"]
    assert set(face) == {"BoundingBox", "Confidence", "Landmarks", "Pose", "Quality"}
    box = face["BoundingBox"]
    found = Box(box["Left"], box["Top"], box["Width"], box["Height"])
    assert found.overlap(Box.between(*FACES[name])) > 0.6
    assert [each["Type"] for each in face["Landmarks"]] == ["eyeLeft", "eyeRight", "mouthLeft", "mouthRight", "nose"]


def test_a_pose_follows_the_picture(rekognition: LocalRekognition) -> None:
    """The cameraman looks to the viewer's right. Mirrored he looks to the left."""
    client = rekognition.client()
    upright = Image.open(next(file for file in PHOTOS if file.name == "camera.png")).convert("RGB")
    mirrored = upright.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    leaning = Image.open(next(file for file in PHOTOS if file.name == "grace_hopper.jpg")).convert("RGB").rotate(-20)
    poses = [
        client.detect_faces(Image={"Bytes": encode(each)})["FaceDetails"][0]["Pose"]
        for each in (upright, mirrored, leaning)
    ]
    assert poses[0]["Yaw"] > 20
    assert poses[1]["Yaw"] < -20
    assert 12 < poses[2]["Roll"] < 28
    assert abs(poses[2]["Yaw"]) < 15


def test_quality_follows_the_picture(rekognition: LocalRekognition) -> None:
    client = rekognition.client()
    upright = Image.open(next(file for file in PHOTOS if file.name == "grace_hopper.jpg")).convert("RGB")
    small = upright.resize((upright.width // 6, upright.height // 6)).resize(upright.size)
    dark = upright.point(lambda value: value // 2)
    plain, blurred, darker = (
        client.detect_faces(Image={"Bytes": encode(each)})["FaceDetails"][0]["Quality"]
        for each in (upright, small, dark)
    )
    assert blurred["Sharpness"] < plain["Sharpness"]
    assert darker["Brightness"] == pytest.approx(plain["Brightness"] / 2, abs=2)


@pytest.mark.parametrize(
    ("attributes", "members"),
    [
        (["DEFAULT"], set()),
        (["SMILE"], {"Smile"}),
        (["DEFAULT", "MOUTH_OPEN"], {"MouthOpen"}),
        (["ALL"], {"Smile", "MouthOpen"}),
        (["ALL", "DEFAULT"], {"Smile", "MouthOpen"}),
        (["GENDER", "AGE_RANGE", "EMOTIONS"], set()),
    ],
)
def test_attributes_choose_members_and_nothing_is_invented(
    rekognition: LocalRekognition, attributes: list[Any], members: set[str]
) -> None:
    answer = rekognition.client().detect_faces(Image={"Bytes": ASTRONAUT}, Attributes=attributes)
    (face,) = answer["FaceDetails"]
    assert set(face) - {"BoundingBox", "Confidence", "Landmarks", "Pose", "Quality"} == members
    assert len(face["Landmarks"]) == (28 if "ALL" in attributes else 5)


def test_a_smile_is_seen(rekognition: LocalRekognition) -> None:
    (face,) = rekognition.client().detect_faces(Image={"Bytes": ASTRONAUT}, Attributes=["ALL"])["FaceDetails"]
    assert face["Smile"]["Value"]
    assert face["MouthOpen"]["Value"]
    assert face["Smile"]["Confidence"] > 80


def test_an_unknown_attribute_is_an_invalid_parameter(rekognition: LocalRekognition) -> None:
    status, body = call(rekognition, "DetectFaces", ASTRONAUT, Attributes=["WISDOM"])
    assert (status, body["__type"]) == (400, "InvalidParameterException")
    assert "'WISDOM'" in body["Message"]


def test_the_largest_face_comes_first(rekognition: LocalRekognition) -> None:
    one = Image.open(next(file for file in PHOTOS if file.name == "astronaut.png")).convert("RGB")
    group = Image.new("RGB", (2 * one.width, one.height))
    group.paste(one.resize((400, 400)), (0, 0))
    group.paste(one, (one.width, 0))
    faces = rekognition.client().detect_faces(Image={"Bytes": encode(group)})["FaceDetails"]
    assert [face["BoundingBox"]["Left"] > 0.5 for face in faces] == [True, False]


def test_nobody_is_recognised_and_health_says_so(rekognition: LocalRekognition) -> None:
    answer = rekognition.client().recognize_celebrities(Image={"Bytes": ASTRONAUT})
    assert answer["CelebrityFaces"] == []
    (face,) = answer["UnrecognizedFaces"]
    assert set(face) == {"BoundingBox", "Confidence", "Landmarks", "Pose", "Quality"}
    assert rekognition.get("/health")["operations"]["RecognizeCelebrities"] == "faces (blazeface), without names"


# Moderation


def test_moderation_is_refused_without_a_model_and_the_remedy_is_named(rekognition: LocalRekognition) -> None:
    client = rekognition.client()
    with pytest.raises(client.exceptions.InvalidParameterException, match=r"would mean 'safe'.*--moderation"):
        client.detect_moderation_labels(Image={"Bytes": ASTRONAUT})
    assert rekognition.get("/health")["operations"]["DetectModerationLabels"].startswith("refused: ")


@pytest.fixture
def moderation(tmp_path: Path) -> ModerationEngine:
    """The engine with a network of the same form as open_nsfw. It calls bright pictures unfit."""
    graph = OnnxGraph()
    mean = graph.add("ReduceMean", "input:0", axes=[1, 2, 3], keepdims=0)
    column = graph.add("Reshape", mean, graph.constant(np.array([-1, 1])))
    odds = graph.add("Mul", column, graph.constant(np.array([[-0.1, 0.1]], np.float32)))
    graph.name_output(graph.add("Softmax", odds, axis=1), "outputs")
    weights = replace(WEIGHTS, root=tmp_path)
    weights.folder.mkdir()
    model = graph.model({"input:0": ["n", 224, 224, 3]}, {"outputs": ["n", 2]})
    (weights.folder / NETWORK).write_bytes(model.SerializeToString())
    return ModerationEngine(weights)


@pytest.mark.parametrize(
    ("request_", "colour", "names"),
    [({}, "white", ["Explicit"]), ({}, "black", []), ({"MinConfidence": 0.0}, "black", ["Explicit"])],
    ids=["bright", "dark", "without a limit"],
)
def test_a_model_for_moderation_gives_one_label_above_the_limit(
    moderation: ModerationEngine, request_: dict[str, Any], colour: str, names: list[str]
) -> None:
    prepare = Operations(Sight([]), moderation=moderation).require("DetectModerationLabels")
    answer = prepare(request_)(Picture(encode(Image.new("RGB", (100, 100), colour))))
    assert faults("DetectModerationLabels", answer) == []
    assert [label["Name"] for label in answer["ModerationLabels"]] == names
    assert answer["ModerationModelVersion"] == "local-2.0+open_nsfw"


def test_human_reviews_are_refused(moderation: ModerationEngine) -> None:
    prepare = Operations(Sight([]), moderation=moderation).require("DetectModerationLabels")
    with pytest.raises(ServiceError, match="HumanLoopConfig is not part of this local service"):
        prepare({"HumanLoopConfig": {}})


# Requests, counts and rehearsals


@pytest.mark.parametrize("operation", ["DetectText", "DetectFaces", "RecognizeCelebrities"])
def test_pictures_are_checked_as_for_labels(rekognition: LocalRekognition, operation: str) -> None:
    assert call(rekognition, operation, b"no picture")[1]["__type"] == "InvalidImageFormatException"
    assert call(rekognition, operation, blank(79, 500))[1]["__type"] == "InvalidParameterException"
    assert rekognition.call(operation, {})[2]["__type"] == "ValidationException"
    gone = {"Image": {"S3Object": {"Bucket": "no-such-bucket", "Name": "x.jpg"}}}
    assert rekognition.call(operation, gone)[2]["__type"] == "InvalidS3ObjectException"


@pytest.fixture
def server() -> Iterator[LocalRekognition]:
    with running() as found:
        yield found


def test_calls_are_counted_and_rehearsed_by_operation(server: LocalRekognition) -> None:
    def rehearse(**settings: Any) -> dict[str, Any]:
        return server.post("/rehearsal", json.dumps(settings).encode())[2]

    assert rehearse(operation="DetectFaces", outage=True)["operations"]["DetectFaces"]["outage"] is True
    client = server.client()
    client.recognize_celebrities(Image={"Bytes": ASTRONAUT})
    with pytest.raises(client.exceptions.InternalServerError):
        client.detect_faces(Image={"Bytes": ASTRONAUT})
    assert "operations" not in rehearse(operation="DetectFaces", outage=False)
    client.detect_faces(Image={"Bytes": ASTRONAUT})
    with pytest.raises(ClientError):
        client.detect_moderation_labels(Image={"Bytes": ASTRONAUT})
    assert server.get("/stats") == {
        "RecognizeCelebrities": 1,
        "DetectFaces": 1,
        "refused": {
            "DetectFaces": {"InternalServerError": 1},
            "DetectModerationLabels": {"InvalidParameterException": 1},
        },
    }


def test_the_blind_engine_answers_for_labels_only() -> None:
    with running("--engine", "blind") as blind:
        client = blind.client()
        for operation in (client.detect_text, client.detect_faces, client.recognize_celebrities):
            with pytest.raises(
                client.exceptions.InvalidParameterException, match="this server does not run that engine"
            ):
                operation(Image={"Bytes": ASTRONAUT})


def test_no_labels_of_text_change_by_reading_it(rekognition: LocalRekognition) -> None:
    before = rekognition.client().detect_labels(Image={"Bytes": PAGE})["Labels"]
    texts(rekognition, PAGE)
    assert rekognition.client().detect_labels(Image={"Bytes": PAGE})["Labels"] == before
