"""What a detector's class is called in an answer: Name, Parents, Categories, Aliases, as in Rekognition.

taxonomy.csv has a row for each label. Names, categories and the form are Amazon's, confirmed where
its documentation shows them (Car, Person, Mobile Phone …) and by analogy elsewhere; Parents holds
all ancestors, as in Amazon's answers, and each of them has a row too. imagenet.csv places the
classes of ImageNet-1k among them, by their numbers: a name alone may mislead (its kite is a bird).
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


def label_of(seen: str) -> Label:
    """The label for a class name; one that the table lacks keeps its own name, capitalised."""
    return _table().get(seen.lower()) or Label(_capitals(seen))


def lineage(label: Label) -> list[Label]:
    """The label, then its ancestors: an answer names them all."""
    return [label, *map(label_of, label.parents)]


def labels_of(classes: Mapping[int, str]) -> dict[int, Label]:
    """The label for each class of a model. Several names of a class are parted by commas, as in ImageNet."""
    offset = _imagenet_offset(classes)
    places = {} if offset is None else {number + offset: parents for number, parents in _imagenet().items()}
    return {number: _placed(names, places.get(number, ())) for number, names in classes.items()}


def _imagenet_offset(classes: Mapping[int, str]) -> int | None:
    """The number of ImageNet's first class in the model: 0, or 1 where 0 is the background. None: another model."""
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
    """Labels by lower-case name and by every other spelling that models use."""
    table = {}
    for row in _rows("taxonomy.csv"):
        label = Label(row["name"], _words(row["parents"]), _words(row["category"]), _words(row["aliases"]))
        for spelling in (label.name.lower(), *_words(row["other spellings"])):
            table[spelling] = label
    return table


@cache
def _imagenet() -> dict[int, tuple[str, ...]]:
    """Parents by number of the class in ImageNet-1k, counted from 0."""
    return {
        number: _words(row["parents"])
        for row in _rows("imagenet.csv")
        for number in range(int(row["first"]), int(row["last"]) + 1)
    }


def _rows(name: str) -> Iterator[dict[str, str]]:
    with Path(__file__).with_name(name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _words(cell: str) -> tuple[str, ...]:
    return tuple(cell.split(";")) if cell else ()


def _capitals(name: str) -> str:
    return " ".join(word[:1].upper() + word[1:] for word in name.split())
