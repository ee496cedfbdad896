"""Make one list of the reports of several engines.

An engine that describes the whole picture and one that gives boxes know different things. Together:

- A weak detection is used if the whole picture has the same label: its box is reported, with the surer
  of both confidences. Other weak detections are dropped.
- The detector names the animal. It knows ten of them by their outlines. The classifier, trained on 118
  breeds of dogs, calls a horse's outline a dog, but can tell no breed. So where the classifier names
  one of DISPUTED without its breed, and the detector has another animal that is half as sure, the
  classifier's animal is dropped. The detector's is reported, with the surer of both confidences.
- If the classifier knows the breed, neither is reported, only the ancestors that both have: the
  detector calls a Dalmatian a giraffe.
- The classifier names all other animals: the detector has no fox, and calls it a dog.
- A picture of an animal has no uncertain face: BlazeFace sees one in a cheetah.
- In a picture that is unlike photos (drawings.py), a network alone must be nearly certain. Less will do if
  the other network has the same label, or both have a common ancestor. Uncertain faces are dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from local.rekognition.detections import Detection
from local.rekognition.taxonomy import label_of

ANIMAL, FACE = "Animal", "Face"

ANIMALS = frozenset({"Bear", "Bird", "Cat", "Cow", "Dog", "Elephant", "Giraffe", "Horse", "Sheep", "Zebra"})
"""The animals of COCO, which every detector here is trained on."""

DISPUTED = frozenset({"Bird", "Cat", "Dog", "Rabbit"})
"""Animals of the classifier that a detector may replace."""

HALF_SURE = 35.0
"""Percent that a detector's animal needs to refute the classifier's."""

CERTAIN_FACE = 80.0
"""Percent that a face needs in a picture of an animal."""

NEARLY_CERTAIN = 97.0
"""Percent that a label needs which only one network sees in a picture that is unlike photos."""

Detections = Sequence[Detection]


def combine(detections: Iterable[Detection]) -> list[Detection]:
    """Return the detections that are reported."""
    every = [each for each in detections if not (each.is_doubtful and _is_uncertain_face(each))]
    whole, boxed = _settle_animals([each for each in every if not each.box], [each for each in every if each.box])
    whole = [each for each in whole if not each.is_weak]
    if any(ANIMAL in _names(each) for each in whole):
        boxed = [each for each in boxed if not _is_uncertain_face(each)]
    agreed = _agreed(every)
    return [
        each
        for each in [*whole, *_supported(boxed, whole)]
        if not each.is_doubtful
        or each.label.name == FACE
        or each.confidence >= NEARLY_CERTAIN
        or not agreed.isdisjoint(_names(each))
    ]


def _is_uncertain_face(detection: Detection) -> bool:
    return detection.label.name == FACE and detection.confidence < CERTAIN_FACE


def _agreed(detections: Detections) -> set[str]:
    """Return the labels, with their ancestors, that both kinds of networks see in a picture that is unlike photos."""
    doubtful = [each for each in detections if each.is_doubtful and each.label.name != FACE]
    whole = set[str]().union(*(_names(each) for each in doubtful if not each.box and not each.is_weak))
    boxed = set[str]().union(*(_names(each) for each in doubtful if each.box and each.confidence >= HALF_SURE))
    return whole & boxed


def _supported(boxed: Detections, whole: Detections) -> list[Detection]:
    """Return the strong detections, and of the weak ones the surest of each label that the whole picture has."""
    confidences = {each.label.name: each.confidence for each in whole}
    kept, seen = [], set()
    for each in sorted(boxed, key=lambda each: -each.confidence):
        name = each.label.name
        if not each.is_weak:
            kept.append(each)
        elif name in confidences and name not in seen:
            kept.append(replace(each, confidence=max(each.confidence, confidences[name]), is_weak=False))
        seen.add(name)
    return kept


def _settle_animals(whole: Detections, boxed: Detections) -> tuple[Detections, Detections]:
    """Return the detections of both kinds without the animals that the other kind refutes."""
    named = [each for each in whole if ANIMAL in _names(each) and not each.is_weak]
    outlined = [each for each in boxed if each.label.name in ANIMALS]
    if not named or not outlined:
        return whole, boxed
    best = max(outlined, key=lambda each: each.confidence)
    known = set[str]().union(*map(_names, named))
    if best.label.name in known:
        return whole, boxed
    others = [each for each in boxed if each not in outlined]
    if known & DISPUTED and best.confidence >= HALF_SURE:
        refuted = [each for each in named if each.label.name not in _names(best)]
        rest = [each for each in whole if each not in refuted]
        confidence = max(each.confidence for each in [best, *refuted])
        if any(DISPUTED.intersection(each.label.parents) for each in whole):  # a breed
            both = known & _names(best)
            return [*rest, *(Detection(label_of(name), confidence) for name in sorted(both))], others
        return rest, [*others, replace(best, confidence=confidence, is_weak=False)]
    specific = {each.label.name for each in named} - set().union(*(each.label.parents for each in named))
    return whole, [*others, *(each for each in outlined if specific & _names(each))]


def _names(detection: Detection) -> set[str]:
    return {detection.label.name, *detection.label.parents}
