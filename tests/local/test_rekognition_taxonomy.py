"""Test that the tables of labels are complete and consistent."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from local.rekognition import taxonomy
from local.rekognition.taxonomy import label_of, labels_of, lineage

TABLES = Path(taxonomy.__file__).parent
ROWS = list(csv.DictReader((TABLES / "taxonomy.csv").open(encoding="utf-8")))
PLACES = list(csv.DictReader((TABLES / "imagenet.csv").open(encoding="utf-8")))
NAMES = {row["name"] for row in ROWS}

COCO = """
    person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire hydrant, stop sign,
    parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe, backpack, umbrella,
    handbag, tie, suitcase, frisbee, skis, snowboard, sports ball, kite, baseball bat, baseball glove, skateboard,
    surfboard, tennis racket, bottle, wine glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange,
    broccoli, carrot, hot dog, pizza, donut, cake, chair, couch, potted plant, bed, dining table, toilet, tv, laptop,
    mouse, remote, keyboard, cell phone, microwave, oven, toaster, sink, refrigerator, book, clock, vase, scissors,
    teddy bear, hair drier, toothbrush
"""


def test_every_class_that_is_detected_by_default_has_a_row() -> None:
    detected = [label_of(" ".join(name.split())) for name in [*COCO.split(","), "face", "qr code", "barcode"]]
    assert len(detected) == 83
    assert {label.name for label in detected} <= NAMES
    assert all(label.categories for label in detected)


@pytest.mark.parametrize(
    ("voc", "coco"),
    [
        ("aeroplane", "airplane"),
        ("motorbike", "motorcycle"),
        ("sofa", "couch"),
        ("pottedplant", "potted plant"),
        ("diningtable", "dining table"),
        ("tvmonitor", "tv"),
    ],
)
def test_voc_spells_the_same_things_differently(voc: str, coco: str) -> None:
    assert label_of(voc) is label_of(coco)


def test_parents_hold_all_ancestors_in_alphabetical_order() -> None:
    for row in ROWS + PLACES:
        parents = row["parents"].split(";") if row["parents"] else []
        assert parents == sorted(set(parents) - {row.get("name")}), row
        assert set(parents) <= NAMES, row
        for parent in parents:
            assert set(label_of(parent).parents) <= set(parents), row


def test_no_spelling_means_two_things() -> None:
    spellings = [row["name"].lower() for row in ROWS]
    spellings += [other for row in ROWS for other in row["other spellings"].split(";") if other]
    assert sorted(set(spellings)) == sorted(spellings)


def test_the_rows_that_amazon_documents_are_amazons() -> None:
    car, person, phone = label_of("car"), label_of("person"), label_of("cell phone")
    assert (car.name, car.aliases, car.categories) == ("Car", ("Automobile",), ("Vehicles and Automotive",))
    assert "Vehicle" in car.parents
    assert (person.name, person.aliases, person.categories) == ("Person", ("Human",), ("Person Description",))
    assert (phone.name, phone.aliases) == ("Mobile Phone", ("Cell Phone",))
    assert [label.name for label in lineage(label_of("face"))] == ["Face", "Head", "Person"]


def imagenet(**known: str) -> dict[int, str]:
    return dict.fromkeys(range(1000), "x") | {0: "tench, Tinca tinca"} | {int(n[1:]): c for n, c in known.items()}


def test_imagenet_classes_get_their_place_by_number() -> None:
    labels = labels_of(imagenet(n281="tabby, tabby cat", n21="kite", n340="zebra", n487="cellular telephone, cell"))
    assert labels[281].name == "Tabby"
    assert labels[281].aliases == ("Tabby Cat",)
    assert labels[281].parents == ("Animal", "Cat", "Mammal", "Pet")
    assert labels[281].categories == ("Animals and Pets",)
    assert labels[21].parents == ("Animal", "Bird")  # the bird, not the toy
    assert labels[340] == label_of("zebra")
    assert labels[487].parents == ("Electronics", "Phone")


def test_imagenet_with_a_background_class_is_shifted_by_one() -> None:
    shifted = {number + 1: name for number, name in imagenet(n281="tabby").items()} | {0: "background"}
    assert labels_of(shifted)[282].parents == ("Animal", "Cat", "Mammal", "Pet")


def test_other_models_are_not_taken_for_imagenet() -> None:
    assert labels_of({0: "tench", 1: "golden retriever"})[1] == taxonomy.Label("Golden Retriever")
