"""The labels of answers: name, parents, categories and aliases, as in Rekognition.

taxonomy.csv has a row for each label. Names, categories and the form follow Amazon's. Some labels are confirmed
by Amazon's documentation (Car, Person, Mobile Phone …). The other labels are formed by analogy. `parents`
holds all ancestors, as in Amazon's answers, and each ancestor has a row too. imagenet.csv has the classes of
ImageNet-1k by number, with their parents. A name alone may mislead: ImageNet's kite is a bird.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

IMAGENET_CLASSES = 1000
IMAGENET_FIRST = "tench"


@dataclass(frozen=True)
class Label:
    """A label as answers describe it, without confidence."""

    name: str
    parents: tuple[str, ...] = ()
    """All ancestors, in alphabetical order."""
    categories: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


def label_of(name: str) -> Label:
    """Return the label for a class name. A name that is not in the table becomes a new label, capitalised."""
    return _table().get(name.lower()) or Label(_capitals(name))


def lineage(label: Label) -> list[Label]:
    """Return the label and its ancestors. An answer names all of these."""
    return [label, *map(label_of, label.parents)]


def labels_of(classes: Mapping[int, str]) -> dict[int, Label]:
    """Return the label for each class of a model. Commas separate several names of a class, as in ImageNet."""
    offset = _imagenet_offset(classes)
    known = {} if offset is None else {number + offset: each.parents for number, each in enumerate(_imagenet())}
    return {number: _placed(names, known.get(number, ())) for number, names in classes.items()}


def imagenet_labels() -> list[Label]:
    """Return the label for each class of ImageNet-1k, in the order of their numbers."""
    return [_placed(each.name, each.parents) for each in _imagenet()]


def imagenet_groups() -> dict[str, list[int]]:
    """Return the numbers of the ImageNet classes that belong to each label of the table, by the label's name."""
    groups: dict[str, list[int]] = {}
    for number, each in enumerate(_imagenet()):
        for parent in each.parents:
            groups.setdefault(parent, []).append(number)
    return groups


def _imagenet_offset(classes: Mapping[int, str]) -> int | None:
    """Return the number of ImageNet's first class in the model: 1 if the model begins with a background class, else 0.

    Returns None if the model has other classes.
    """
    for offset in (0, 1):
        named = classes.get(offset, "").lower().startswith(IMAGENET_FIRST)
        if named and len(classes) == IMAGENET_CLASSES + offset:
            return offset
    return None


def _placed(names: str, parents: tuple[str, ...]) -> Label:
    synonyms = [name.strip() for name in names.split(",")]
    for name in synonyms:
        row = _table().get(name.lower())
        if row and set(parents) <= {row.name, *row.parents}:
            return row
    categories = label_of(parents[0]).categories if parents else ()
    first, *others = map(_capitals, synonyms)
    return Label(first, parents, categories, tuple(others))


@cache
def _table() -> dict[str, Label]:
    """Return the labels by their names in lower case, and by all other spellings that models use."""
    table = {}
    for row in _rows("taxonomy.csv"):
        label = Label(row["name"], _words(row["parents"]), _words(row["category"]), _words(row["aliases"]))
        for spelling in (label.name.lower(), *_words(row["other spellings"])):
            table[spelling] = label
    return table


@dataclass(frozen=True)
class _Class:
    name: str
    parents: tuple[str, ...]


@cache
def _imagenet() -> list[_Class]:
    """Return the classes of ImageNet-1k, in the order of their numbers from 0."""
    return [_Class(row["name"], _words(row["parents"])) for row in _rows("imagenet.csv")]


def _rows(name: str) -> Iterator[dict[str, str]]:
    with Path(__file__).with_name(name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _words(cell: str) -> tuple[str, ...]:
    return tuple(cell.split(";")) if cell else ()


def _capitals(name: str) -> str:
    return " ".join(word[:1].upper() + word[1:] for word in name.split())
