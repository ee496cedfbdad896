"""What the local Rekognition sees, over HTTP, in real photographs."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from local.rekognition.sightings import Box
from tests.local.photos import FACES, PHOTOS, encode, photo, qr_code
from tests.local.shapes import faults

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_rekognition.type_defs import LabelTypeDef

    from tests.local.servers import LocalRekognition


def look(server: LocalRekognition, picture: bytes, **settings: Any) -> dict[str, LabelTypeDef]:
    """The labels that boto3 gets, by name."""
    answer = server.client().detect_labels(Image={"Bytes": picture}, **settings)
    return {label["Name"]: label for label in answer["Labels"]}


def boxes(label: LabelTypeDef) -> list[Box]:
    found = [instance["BoundingBox"] for instance in label["Instances"]]
    return [Box(box["Left"], box["Top"], box["Width"], box["Height"]) for box in found]


@pytest.mark.parametrize("file", PHOTOS, ids=lambda file: file.stem)
def test_answers_over_real_photographs_have_the_shape_that_botocore_knows(
    rekognition: LocalRekognition, file: Path
) -> None:
    inline = base64.b64encode(file.read_bytes()).decode()
    status, _, body = rekognition.call("DetectLabels", {"Image": {"Bytes": inline}, "MinConfidence": 0})
    assert status == 200
    assert faults("DetectLabels", body) == []
    assert body["LabelModelVersion"].startswith("local-")


@pytest.mark.parametrize("name", FACES)
def test_a_face_is_found_where_it_is(rekognition: LocalRekognition, name: str) -> None:
    (box,) = boxes(look(rekognition, photo(name))["Face"])
    assert box.overlap(Box.between(*FACES[name])) > 0.6


@pytest.mark.parametrize("file", [file for file in PHOTOS if file.name not in FACES], ids=lambda file: file.stem)
def test_nothing_is_claimed_of_photographs_without_faces_and_codes(rekognition: LocalRekognition, file: Path) -> None:
    assert look(rekognition, file.read_bytes(), MinConfidence=0) == {}


def test_a_face_implies_a_head_and_a_person_whose_boxes_nobody_saw(rekognition: LocalRekognition) -> None:
    found = look(rekognition, photo("astronaut.png"))
    assert list(found) == ["Face", "Head", "Person"]
    assert found["Face"]["Parents"] == [{"Name": "Head"}, {"Name": "Person"}]
    assert found["Person"]["Aliases"] == [{"Name": "Human"}]
    assert found["Person"]["Categories"] == [{"Name": "Person Description"}]
    assert found["Person"]["Confidence"] == found["Face"]["Confidence"]
    assert boxes(found["Head"]) == boxes(found["Person"]) == []


def test_every_face_of_a_group_has_its_own_instance(rekognition: LocalRekognition) -> None:
    one = Image.open(next(f for f in PHOTOS if f.name == "astronaut.png")).convert("RGB")
    group = Image.new("RGB", (2 * one.width, one.height))
    group.paste(one, (0, 0))
    group.paste(one, (one.width, 0))
    found = sorted(boxes(look(rekognition, encode(group))["Face"]))
    assert [box.left > 0.5 for box in found] == [False, True]


def test_a_small_face_in_a_large_picture_is_found(rekognition: LocalRekognition) -> None:
    left, top, right, bottom = 140, 40, 310, 220
    face = Image.open(next(f for f in PHOTOS if f.name == "astronaut.png")).convert("RGB")
    picture = Image.new("RGB", (1000, 1000), "grey")
    picture.paste(face.crop((left, top, right, bottom)), (700, 100))
    (box,) = boxes(look(rekognition, encode(picture))["Face"])
    assert 0.7 < box.left < 0.87
    assert 0.1 < box.top < 0.28


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_are_in_the_coordinates_of_the_upright_picture(rekognition: LocalRekognition, orientation: int) -> None:
    upright = Image.open(next(f for f in PHOTOS if f.name == "grace_hopper.jpg")).convert("RGB")
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    (box,) = boxes(look(rekognition, encode(stored, "JPEG", quality=90, exif=exif))["Face"])
    assert box.overlap(Box.between(*FACES["grace_hopper.jpg"])) > 0.6


def test_a_qr_code_is_found_where_it_is(rekognition: LocalRekognition) -> None:
    found = look(rekognition, qr_code("https://example.com/?q=1", side=200, canvas=400))
    assert list(found) == ["QR Code"]
    (box,) = boxes(found["QR Code"])
    assert box.overlap(Box(20 / 400, 20 / 400, 200 / 400, 200 / 400)) > 0.6


def test_a_qr_code_with_a_transparent_ground_is_seen_as_viewers_show_it(rekognition: LocalRekognition) -> None:
    code = Image.open(io.BytesIO(qr_code("see through")))
    black_only = Image.new("RGBA", code.size, (0, 0, 0, 255))
    black_only.putalpha(code.point(lambda value: 255 - value))
    assert list(look(rekognition, encode(black_only))) == ["QR Code"]


def test_a_grey_picture_of_sixteen_bits_is_seen(rekognition: LocalRekognition) -> None:
    grey = Image.open(next(f for f in PHOTOS if f.name == "camera.png")).convert("L")
    assert "Face" in look(rekognition, encode(grey.convert("I").point(lambda value: value * 257).convert("I;16")))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"MaxLabels": 2}, ["Face", "Head"]),
        ({"MaxLabels": 0}, []),
        ({"MinConfidence": 99.5}, []),
        ({"Features": ["GENERAL_LABELS"]}, ["Face", "Head", "Person"]),
        ({"Settings": {"GeneralLabels": {"LabelInclusionFilters": ["Person"]}}}, ["Person"]),
        ({"Settings": {"GeneralLabels": {"LabelExclusionFilters": ["Person"]}}}, ["Face", "Head"]),
        (
            {"Settings": {"GeneralLabels": {"LabelCategoryInclusionFilters": ["Person Description"]}}},
            ["Face", "Head", "Person"],
        ),
        ({"Settings": {"GeneralLabels": {"LabelCategoryInclusionFilters": ["Sports"]}}}, []),
        ({"Settings": {"GeneralLabels": {"LabelCategoryExclusionFilters": ["Person Description"]}}}, []),
        (
            {
                "Settings": {
                    "GeneralLabels": {
                        "LabelInclusionFilters": ["Head"],
                        "LabelCategoryInclusionFilters": ["Sports"],
                    }
                }
            },
            ["Head"],
        ),
    ],
    ids=str,
)
def test_a_request_decides_which_labels_it_gets(
    rekognition: LocalRekognition, settings: dict[str, Any], expected: list[str]
) -> None:
    assert list(look(rekognition, photo("astronaut.png"), **settings)) == expected
