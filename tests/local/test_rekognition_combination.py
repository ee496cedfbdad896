"""Test the rules by which several engines' reports become one list."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.rekognition.calibration import CERTAIN, Calibration
from local.rekognition.combination import combine
from local.rekognition.detections import Box, Detection
from local.rekognition.taxonomy import Label, imagenet_labels, label_of

BOX = Box(0.1, 0.1, 0.5, 0.5)
OTHER_BOX = Box(0.6, 0.6, 0.3, 0.3)
DALMATIAN = next(label for label in imagenet_labels() if label.name == "Dalmatian")


def whole(name: str | Label, confidence: float = 90, *, weak: bool = False) -> Detection:
    return Detection(name if isinstance(name, Label) else label_of(name), confidence, is_weak=weak)


def boxed(name: str, confidence: float, box: Box = BOX, *, weak: bool = False) -> Detection:
    return Detection(label_of(name), confidence, box, weak)


def names(*detections: Detection) -> list[str]:
    return sorted(each.label.name for each in combine(detections))


def test_a_weak_box_is_dropped_unless_the_whole_picture_has_its_label() -> None:
    assert combine([boxed("cat", 40, weak=True)]) == []
    assert combine([whole("cat", 95), boxed("cat", 40, weak=True), boxed("cup", 40, weak=True)]) == [
        whole("cat", 95),
        boxed("cat", 95),
    ]


def test_only_the_surest_weak_box_of_a_label_is_reported() -> None:
    found = combine([whole("cat", 95), boxed("cat", 30, OTHER_BOX, weak=True), boxed("cat", 40, weak=True)])
    assert [each.box for each in found if each.box] == [BOX]


def test_the_detector_names_an_animal_that_the_classifier_has_no_breed_for() -> None:
    """A horse's outline adds up to a dog, over many breeds."""
    found = combine([whole("dog", 88), whole("pet", 88), boxed("horse", 65, weak=True)])
    assert found == [boxed("horse", 88)]


def test_animals_that_both_are_sure_of_leave_only_their_common_ancestors() -> None:
    """The detector sees a giraffe in a Dalmatian."""
    dog, breed, giraffe = whole("dog", 84), whole(DALMATIAN, 60, weak=True), boxed("giraffe", 78)
    assert names(dog, breed, giraffe) == ["Animal", "Mammal"]


def test_a_detector_that_is_not_half_sure_refutes_nothing() -> None:
    assert names(whole("dog", 88), boxed("horse", 30, weak=True)) == ["Dog"]


def test_the_classifier_names_animals_that_the_detector_does_not_know() -> None:
    """Every detector that is trained on COCO calls a fox a dog."""
    assert names(whole("fox", 90), boxed("dog", 80)) == ["Fox"]
    assert names(whole("wildlife", 90), boxed("bear", 80)) == ["Bear", "Wildlife"]


def test_a_picture_of_an_animal_has_no_uncertain_face() -> None:
    assert names(whole("cheetah", 95), boxed("face", 74)) == ["Cheetah"]
    assert names(whole("dog", 95), boxed("face", 92)) == ["Dog", "Face"]
    assert names(boxed("face", 60)) == ["Face"]


def doubtful(*detections: Detection) -> list[Detection]:
    return [replace(each, is_doubtful=True) for each in detections]


def test_in_a_picture_that_is_unlike_photos_one_network_alone_must_be_nearly_certain() -> None:
    """A pie chart is an umbrella, rings are a music player, a logo is a person."""
    assert names(*doubtful(boxed("umbrella", 81))) == []
    assert names(*doubtful(whole("electronics", 93))) == []
    assert names(*doubtful(boxed("person", 99))) == ["Person"]


def test_in_a_picture_that_is_unlike_photos_two_networks_support_each_other() -> None:
    assert names(*doubtful(whole("cat", 90), boxed("cat", 80))) == ["Cat", "Cat"]
    assert names(*doubtful(whole("cat", 90), boxed("cup", 80))) == []
    assert names(*doubtful(whole("cat", 90), boxed("cat", 30, weak=True))) == []
    assert names(*doubtful(whole("dog", 88), boxed("horse", 65, weak=True))) == ["Horse"]


def test_a_picture_that_is_unlike_photos_has_no_uncertain_face() -> None:
    assert names(*doubtful(boxed("face", 79))) == []
    assert names(*doubtful(boxed("face", 81))) == ["Face"]


def test_other_things_are_left_as_they_are() -> None:
    reported = [whole("building", 90), boxed("car", 80), boxed("person", 99), boxed("person", 85, OTHER_BOX)]
    assert sorted(map(str, combine(reported))) == sorted(map(str, reported))


LABELS = st.sampled_from(["animal", "bear", "cat", "cup", "dog", "face", "fox", "horse", "person", "pet", "wildlife"])
# ONNX Runtime may have switched subnormal numbers off in this thread.
PERCENT = st.floats(0, 100, allow_subnormal=False)
SCORE = st.floats(0, 1, allow_subnormal=False)
DETECTIONS = st.lists(
    st.builds(
        Detection,
        LABELS.map(label_of),
        PERCENT,
        st.sampled_from([None, BOX, OTHER_BOX]),
        st.booleans(),
        st.booleans(),
    ),
    max_size=8,
)


@given(DETECTIONS)
def test_nothing_weak_is_reported_and_nothing_that_no_engine_saw(detections: list[Detection]) -> None:
    seen = {name for each in detections for name in (each.label.name, *each.label.parents)}
    for each in combine(detections):
        assert not each.is_weak
        assert each.label.name in seen
        assert each.confidence <= max(other.confidence for other in detections)


@given(SCORE, SCORE)
def test_a_higher_score_never_means_less_confidence(one: float, other: float) -> None:
    calibration = Calibration(slope=1.5, offset=0.8)
    low, high = sorted([one, other])
    assert 0 <= calibration.percent(low) <= calibration.percent(high) <= CERTAIN


@pytest.mark.parametrize(("score", "percent"), [(0.5, 69.0), (0.6, 80.0), (0.9, 98.0)])
def test_a_calibration_is_a_logistic_curve_over_the_odds(score: float, percent: float) -> None:
    assert Calibration(slope=1.5, offset=0.8).percent(score) == pytest.approx(percent, abs=0.8)
