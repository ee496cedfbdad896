"""Test the labels of real photographs, over HTTP and as the page lists them."""

from __future__ import annotations

import base64
import io
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from benchmarks.photos import LICENCES, read_list
from benchmarks.sight import PAGE, SHOWN, judge, report, sample_report, source_report
from local import photos
from local.rekognition.detections import Box
from local.rekognition.engines.faces import FaceEngine
from local.rekognition.engines.text import TextEngine
from local.rekognition.pictures import Picture
from local.rekognition.sight import Sight, default_engines
from tests.local import plain_pictures
from tests.local.photos import FACES, PHOTOS, encode, photo, qr_code
from tests.local.shapes import faults

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_rekognition.type_defs import LabelTypeDef

    from tests.local.servers import LocalRekognition


def look(server: LocalRekognition, picture: bytes, **settings: Any) -> dict[str, LabelTypeDef]:
    """Return the labels that boto3 gets, by name."""
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


def test_a_face_implies_a_head_without_a_box_and_a_person_has_the_detectors_box(rekognition: LocalRekognition) -> None:
    found = look(rekognition, photo("astronaut.png"))
    assert list(found) == ["Person", "Face", "Head"]
    assert found["Face"]["Parents"] == [{"Name": "Head"}, {"Name": "Person"}]
    assert found["Person"]["Aliases"] == [{"Name": "Human"}]
    assert found["Person"]["Categories"] == [{"Name": "Person Description"}]
    assert found["Head"]["Confidence"] == found["Face"]["Confidence"] < found["Person"]["Confidence"]
    assert boxes(found["Head"]) == []
    assert len(boxes(found["Face"])) == len(boxes(found["Person"])) == 1


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
        ({"MaxLabels": 2}, ["Person", "Face"]),
        ({"MaxLabels": 0}, []),
        ({"MinConfidence": 99.5}, []),
        ({"Features": ["GENERAL_LABELS"]}, ["Person", "Face", "Head"]),
        ({"Settings": {"GeneralLabels": {"LabelInclusionFilters": ["Person"]}}}, ["Person"]),
        ({"Settings": {"GeneralLabels": {"LabelExclusionFilters": ["Person"]}}}, ["Face", "Head"]),
        (
            {"Settings": {"GeneralLabels": {"LabelCategoryInclusionFilters": ["Person Description"]}}},
            ["Person", "Face", "Head"],
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


@pytest.fixture(scope="module")
def sight() -> Sight:
    return Sight(default_engines())


def test_the_packages_photos_get_the_labels_that_the_page_lists(sight: Sight) -> None:
    verdicts = [judge(sight, photo) for photo in read_list(SHOWN) if photo.file.is_file()]
    wheels = [verdict for verdict in verdicts if verdict.photo.set == "wheels"]
    assert len(wheels) == 24
    assert sum(verdict.is_right for verdict in wheels) >= 8
    assert sum(bool(verdict.wrong) for verdict in wheels) <= 1
    page = PAGE.read_text(encoding="utf-8")
    rows = [line for line in report(verdicts).splitlines() if ".png" in line or ".jpg" in line]
    missing = [row for row in rows if row not in page]
    assert missing == [], "write the tables into the page with `make bench-sight OPTIONS=--write`"


def test_the_page_lists_the_sample_photos_and_the_packages_of_all_photos(sight: Sight) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert sample_report(sight) in page
    assert source_report(read_list()) in page


def test_every_package_of_photos_has_a_licence() -> None:
    assert {photo.package for photo in read_list()} == set(LICENCES)


def test_the_sample_photos_show_six_kinds_of_things(rekognition: LocalRekognition, tmp_path: Path) -> None:
    found = {name: look(rekognition, (tmp_path / name).read_bytes()) for name in photos.write_samples(tmp_path)}
    expected = {
        "astronaut.jpg": "Person",
        "cat.jpg": "Cat",
        "coffee.jpg": "Coffee Cup",
        "motorcycle.jpg": "Motorcycle",
        "summer palace.jpg": "Building",
        "page.jpg": "Text",
    }
    assert {name: label for name, label in expected.items() if label not in found[name]} == {}
    assert all(boxes(found[name][label]) for name, label in list(expected.items())[:2])
    assert boxes(found["coffee.jpg"]["Cup"])


@pytest.mark.parametrize("size", plain_pictures.SIZES, ids=str)
@pytest.mark.parametrize("kind", plain_pictures.KINDS)
def test_pictures_of_nothing_get_no_false_label(sight: Sight, kind: str, size: tuple[int, int]) -> None:
    chance = random.Random(f"{kind} {size}")
    for file_format in ("PNG", "JPEG"):
        picture = plain_pictures.KINDS[kind](size, chance)
        found = {each.label.name: each.confidence for each in sight.look(Picture(encode(picture, file_format)))}
        allowed = {"Text"} if kind in ("text", "code") else set()
        assert {label: found[label] for label in found.keys() - allowed if found[label] > 60} == {}


def test_drawn_cells_are_no_honeycomb(sight: Sight) -> None:
    chance = np.random.default_rng(9)
    centres = chance.random((int(chance.integers(20, 120)), 2)) * (320, 240)
    across, down = np.meshgrid(np.arange(320), np.arange(240))
    nearest = np.sort([np.hypot(across - x, down - y) for x, y in centres], axis=0)
    brightness = np.clip((nearest[1] - nearest[0]) * chance.choice([4, 8, 16]), 0, 255)
    picture = Image.fromarray((brightness[..., None] * chance.uniform(0.5, 1, 3)).astype(np.uint8))
    assert sight.look(Picture(encode(picture, "JPEG"))) == []


@pytest.mark.parametrize("colour", ["black", "white", "grey", "red", "lime", "blue", "yellow", "skyblue", "brown"])
def test_a_picture_of_one_colour_gets_no_label(sight: Sight, colour: str) -> None:
    for size in plain_pictures.SIZES:
        assert sight.look(Picture(encode(Image.new("RGB", size, colour)))) == []


@pytest.mark.parametrize(("size", "letters"), [((640, 480), 48), ((10_000, 80), 40), ((80, 80), 10)], ids=str)
def test_a_line_of_text_gets_no_other_label(sight: Sight, size: tuple[int, int], letters: int) -> None:
    picture = Image.new("RGB", size, "white")
    font = ImageFont.load_default(letters)
    ImageDraw.Draw(picture).text((letters, letters // 2), "The quick brown fox", "black", font)
    assert {each.label.name for each in sight.look(Picture(encode(picture)))} <= {"Text"}


def test_a_face_comes_with_its_landmarks() -> None:
    (face,) = FaceEngine().look(Picture(photo("grace_hopper.jpg")))
    points = face.landmarks
    assert face.box
    assert points["eyeLeft"][0] < points["nose"][0] < points["eyeRight"][0]
    assert points["mouthLeft"][0] < points["mouthRight"][0]
    assert points["eyeLeft"][1] < points["nose"][1] < points["mouthLeft"][1]
    for x, y in points.values():
        assert face.box.left < x < face.box.left + face.box.width
        assert face.box.top < y < face.box.top + face.box.height


def test_a_page_is_read_line_by_line() -> None:
    lines = TextEngine().look(Picture(photo("page.png")))
    assert len(lines) == 7
    assert lines[0].text == "Region-based segmentation"
    assert "Let us first determine markers of the coins and the" in [line.text for line in lines]
    tops = [line.box.top for line in lines if line.box]
    assert tops == sorted(tops)
    assert all(line.confidence >= 80 and len(line.corners) == 4 for line in lines)


@pytest.mark.parametrize("name", ["astronaut.png", "coins.png", "brick.png", "motorcycle_left.png"])
def test_no_text_is_read_where_there_is_none(name: str) -> None:
    assert TextEngine().look(Picture(photo(name))) == []
