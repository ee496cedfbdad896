"""Test models in ONNX directories. Hand-made ones have known labels and boxes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from local.rekognition.detections import Box
from local.rekognition.engines.onnx_model import ModelError, OnnxModel
from local.rekognition.engines.preparation import Preparation
from local.rekognition.pictures import Picture
from tests.local.onnx_models import colour_classifier, spot_detector
from tests.local.photos import encode
from tests.local.servers import COMMAND, PROJECT, clean_environment, running

if TYPE_CHECKING:
    from pathlib import Path

    from local.rekognition.detections import Detection, Pixels


def load(directory: Path) -> OnnxModel:
    """Load a model in another thread. Loading makes denormal numbers zero in its thread, and hypothesis does not run in
    such a thread."""
    with ThreadPoolExecutor(1) as apart:
        return apart.submit(OnnxModel, directory).result()


def look(model: OnnxModel, picture: Image.Image, min_confidence: float = 0) -> list[Detection]:
    found = model.look(Picture(encode(picture)))
    return [detection for detection in found if detection.confidence >= min_confidence]


def plain(colour: str, size: tuple[int, int] = (120, 100)) -> Image.Image:
    return Image.new("RGB", size, colour)


def pixels(colour: str, size: tuple[int, int]) -> Pixels:
    return np.asarray(plain(colour, size))


def spot(width: int, height: int, box: tuple[float, float, float, float]) -> Image.Image:
    """Return a black picture with a white rectangle: left, top, width, height in fractions."""
    picture = Image.new("RGB", (width, height))
    left, top, wide, high = box
    white = Image.new("RGB", (round(wide * width), round(high * height)), "white")
    picture.paste(white, (round(left * width), round(top * height)))
    return picture


@pytest.mark.parametrize(
    ("colour", "expected"),
    [("red", "Red"), ("lime", "Green"), ("blue", "Blue"), ("black", "Dark"), ("white", "Bright")],
)
def test_a_classifier_names_the_whole_picture(tmp_path: Path, colour: str, expected: str) -> None:
    first, *_ = look(load(colour_classifier(tmp_path / "colours")), plain(colour), 50)
    assert first.label.name == expected
    assert first.box is None


def test_a_classifier_of_one_label_has_confidences_that_sum_to_100_and_one_of_many_has_not(tmp_path: Path) -> None:
    one = load(colour_classifier(tmp_path / "one"))
    many = load(colour_classifier(tmp_path / "many", problem_type="multi_label_classification"))
    yellow = plain("yellow")  # as red as it is green
    assert sum(each.confidence for each in look(one, yellow)) == pytest.approx(100)
    assert [each.label.name for each in look(many, yellow, 90)] == ["Red", "Green"]


@pytest.mark.parametrize("form", ["detr", "d_fine"])
@pytest.mark.parametrize("size", [(300, 200), (200, 300), (500, 500)])
def test_a_detector_gives_the_box_in_fractions_of_the_picture(tmp_path: Path, form: str, size: tuple[int, int]) -> None:
    model = load(spot_detector(tmp_path / "spots", form=form))
    (found,) = look(model, spot(*size, (0.2, 0.3, 0.4, 0.2)), 55)
    assert found.label.name == "Dog"
    assert found.confidence == pytest.approx({"detr": 99.5, "d_fine": 95.3}[form], abs=0.1)
    assert found.box
    assert found.box.overlap(Box(0.2, 0.3, 0.4, 0.2)) > 0.85


@pytest.mark.parametrize("form", ["detr", "d_fine"])
def test_a_detector_that_sees_nothing_says_nothing(tmp_path: Path, form: str) -> None:
    assert look(load(spot_detector(tmp_path / "spots", form=form)), plain("black"), 55) == []


def test_the_voc_spellings_that_d_fine_uses_become_the_same_labels(tmp_path: Path) -> None:
    model = load(spot_detector(tmp_path / "spots", names=("sofa", "tvmonitor"), form="d_fine"))
    (found,) = look(model, spot(200, 200, (0.1, 0.1, 0.5, 0.5)), 55)
    assert (found.label.name, found.label.parents, found.label.aliases) == ("Couch", ("Furniture",), ("Sofa",))


def test_models_take_the_places_of_the_default_ones_of_their_kinds(tmp_path: Path) -> None:
    colours, spots = colour_classifier(tmp_path / "colours"), spot_detector(tmp_path / "spots")
    with running("--model", str(colours), "--model", str(spots)) as server:
        assert server.get("/health")["sees"] == [
            "faces (blazeface)",
            "QR codes and bar codes (opencv-codes)",
            "pages of text (pp-ocr-v6)",
            "5 kinds of pictures (colours)",
            "2 kinds of objects (spots)",
        ]
        picture = encode(spot(300, 200, (0.2, 0.3, 0.4, 0.2)))
        answer = server.client().detect_labels(Image={"Bytes": picture})
    labels = {label["Name"]: label for label in answer["Labels"]}
    assert sorted(labels) == ["Animal", "Canine", "Dark", "Dog", "Mammal", "Pet"]
    assert [parent["Name"] for parent in labels["Dog"]["Parents"]] == ["Animal", "Canine", "Mammal", "Pet"]
    assert [category["Name"] for category in labels["Dog"]["Categories"]] == ["Animals and Pets"]
    assert len(labels["Dog"]["Instances"]) == 1
    assert labels["Animal"]["Instances"] == []
    assert labels["Animal"]["Confidence"] == labels["Dog"]["Confidence"]
    assert answer["LabelModelVersion"] == "local-2.0+blazeface+opencv-codes+pp-ocr-v6+colours+spots"


def test_a_model_sees_the_picture_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned clockwise: the stored top left is shown at the top right
    stored = encode(spot(300, 200, (0.0, 0.0, 0.2, 0.3)), "JPEG", quality=95, exif=exif)
    with running("--model", str(spot_detector(tmp_path / "spots"))) as server:
        answer = server.client().detect_labels(Image={"Bytes": stored})
    (instance,) = next(label for label in answer["Labels"] if label["Name"] == "Dog")["Instances"]
    box = instance["BoundingBox"]
    seen = Box(box["Left"], box["Top"], box["Width"], box["Height"])
    assert seen.overlap(Box(0.7, 0.0, 0.3, 0.2)) > 0.8


def broken(directory: Path, how: str) -> Path:
    """Make a model's directory with one fault."""
    if how == "no directory":
        return directory
    colour_classifier(directory)
    config, network = directory / "config.json", directory / "onnx" / "model.onnx"
    if how == "no network":
        network.unlink()
    elif how == "cut network":
        network.write_bytes(network.read_bytes()[:100])
    elif how == "no classes":
        config.write_text("{}")
    elif how == "too few classes":
        config.write_text(json.dumps({"id2label": {"0": "red"}}))
    elif how == "config is no JSON":
        config.write_text("{")
    elif how == "config is a list":
        config.write_text("[]")
    elif how == "no preparation":
        (directory / "preprocessor_config.json").unlink()
    elif how == "preparation without size":
        (directory / "preprocessor_config.json").write_text("{}")
    return directory


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("no directory", "config.json is missing"),
        ("no network", "contains none of onnx/model.onnx, model.onnx, onnx/model_quantized.onnx"),
        ("cut network", "cannot be used"),
        ("no classes", "names no classes"),
        ("too few classes", "the network has 5 classes, but config.json names 1"),
        ("config is no JSON", "cannot be used"),
        ("config is a list", "config.json is not a JSON object"),
        ("no preparation", "preprocessor_config.json is missing"),
        ("preparation without size", "names no size"),
    ],
)
def test_a_directory_that_holds_no_usable_model_is_refused_in_one_line(tmp_path: Path, how: str, message: str) -> None:
    directory = broken(tmp_path / "model", how)
    with pytest.raises(ModelError, match=message) as refusal:
        load(directory)
    assert str(directory) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_program_with_a_bad_model_ends_with_one_line_and_an_exit_code(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "0", "--model", str(tmp_path)],
        cwd=PROJECT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == f"error: {tmp_path}: config.json is missing\n"


@pytest.mark.parametrize(
    ("config", "given", "expected"),
    [
        ({"size": {"height": 640, "width": 480}}, (100, 50), (480, 640)),
        ({"size": 224}, (448, 336), (224, 224)),
        ({"size": 224, "crop_pct": 0.875}, (500, 300), (224, 224)),
        ({"size": 256, "do_center_crop": True, "crop_size": {"height": 200, "width": 224}}, (500, 300), (224, 200)),
        ({"size": {"shortest_edge": 384}, "crop_pct": 0.875}, (500, 384), (500, 384)),
        ({"size": {"shortest_edge": 224}}, (336, 448), (224, 298)),
        ({"size": {"shortest_edge": 224}, "crop_pct": 0.875}, (500, 300), (224, 224)),
        ({"size": {"shortest_edge": 256}, "do_center_crop": True, "crop_size": 224}, (500, 300), (224, 224)),
        ({"size": {"shortest_edge": 800, "longest_edge": 1333}}, (640, 480), (1066, 800)),
        ({"size": {"shortest_edge": 800, "longest_edge": 1333}}, (1200, 400), (1333, 444)),
        ({"size": 800, "max_size": 1333}, (480, 640), (800, 1066)),
    ],
    ids=str,
)
def test_pictures_get_the_size_that_transformers_gives_them(
    config: dict[str, object], given: tuple[int, int], expected: tuple[int, int]
) -> None:
    tensor = Preparation(config, fixed=None, step=1).tensor(pixels("red", given))
    assert tensor.shape == (1, 3, expected[1], expected[0])


def test_yolos_gets_whole_patches() -> None:
    config = {"size": {"shortest_edge": 512, "longest_edge": 1333}}
    assert Preparation(config, fixed=None, step=16).tensor(pixels("red", (640, 427))).shape == (1, 3, 512, 752)


def test_colours_are_scaled_normalised_and_reordered_as_asked() -> None:
    config = {"do_resize": False, "image_mean": [0.5, 0, 0], "image_std": [0.25, 1, 1]}
    tensor = Preparation(config, fixed=None, step=1).tensor(pixels("#ff8000", (80, 80)))
    assert tensor[0, :, 0, 0] == pytest.approx([2, 128 / 255, 0])
    flipped = {"do_resize": False, "do_rescale": False, "do_normalize": False, "do_flip_channel_order": True}
    assert Preparation(flipped, fixed=None, step=1).tensor(pixels("#ff8000", (80, 80)))[0, :, 0, 0] == pytest.approx(
        [0, 128, 255]
    )


def test_importing_onnxruntime_leaves_nothing_in_the_temporary_folder(tmp_path: Path) -> None:
    """onnxruntime would keep its telemetry there."""
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    program = [sys.executable, "-c", "import local.rekognition.engines.onnx_model"]
    subprocess.run(program, cwd=PROJECT, env=environment | {"TMPDIR": str(tmp_path)}, check=True)
    assert list(tmp_path.iterdir()) == []
