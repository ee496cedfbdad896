"""Combine the detections of several engines into one list.

The classifier describes the whole picture. The detector gives boxes. They know different things. The rules are:

- A weak detection is used if the whole picture has the same label. Its box is reported, with the higher
  of both confidences. Other weak detections are dropped.
- The detector may correct the classifier's animal. The detector knows ten animals by their outlines. The
  classifier is trained on 118 breeds of dogs. It calls a horse's outline a dog, but cannot name a breed.
  If the classifier names an animal of DISPUTED without a breed, and the detector is HALF_SURE of another
  animal, the classifier's animal is dropped. The detector's animal is reported, with the higher confidence.
- If the classifier names a breed as well, neither animal is reported, but only the ancestors that both
  animals have. For example, the detector calls a Dalmatian a giraffe.
- The classifier names all other animals. For example, the detector does not know foxes, and calls a fox a dog.
- In a picture of an animal, uncertain faces are dropped. For example, BlazeFace sees a face in a cheetah.
- In a picture that is unlike photos (drawings.py), a label of only one network must be nearly certain. A lower
  confidence is enough if the other network has the same label or a common ancestor. Uncertain faces are dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from local.rekognition.detections import Detection
from local.rekognition.taxonomy import label_of

ANIMAL, FACE = "Animal", "Face"

ANIMALS = frozenset({"Bear", "Bird", "Cat", "Cow", "Dog", "Elephant", "Giraffe", "Horse", "Sheep", "Zebra"})
"""The animals of COCO. Every detector here is trained on COCO."""

DISPUTED = frozenset({"Bird", "Cat", "Dog", "Rabbit"})
"""Animals of the classifier that a detector may replace."""

HALF_SURE = 35.0
"""The detector's animal needs at least this confidence (percent) to replace the classifier's animal."""

CERTAIN_FACE = 80.0
"""A face in a picture of an animal needs at least this confidence (percent)."""

NEARLY_CERTAIN = 97.0
"""In a picture that is unlike photos, a label of only one network needs at least this confidence (percent)."""

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
    """Return the labels that both kinds of networks see in a picture that is unlike photos. Ancestors are included."""
    doubtful = [each for each in detections if each.is_doubtful and each.label.name != FACE]
    whole = set[str]().union(*(_names(each) for each in doubtful if not each.box and not each.is_weak))
    boxed = set[str]().union(*(_names(each) for each in doubtful if each.box and each.confidence >= HALF_SURE))
    return whole & boxed


def _supported(boxed: Detections, whole: Detections) -> list[Detection]:
    """Return the strong detections, and the surest weak detection for each label that the whole picture has."""
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
    """Return the detections of both kinds. An animal is left out if the other kind refutes it."""
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
