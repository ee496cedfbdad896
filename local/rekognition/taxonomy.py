"""What a detector's class is called in an answer: Name, Parents, Categories, Aliases, as in Rekognition.

taxonomy.csv has a row for each label. Names, categories and the form are Amazon's, confirmed where
its documentation shows them (Car, Person, Mobile Phone …) and by analogy elsewhere; Parents holds
all ancestors, as in Amazon's answers, and each of them has a row too.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Label:
    """A label as answers describe it, without confidence."""

    name: str
    parents: tuple[str, ...] = ()
    """All ancestors, in alphabetical order."""
    categories: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


def label_of(seen: str) -> Label:
    """The label for a detector's class name; a class that the table lacks keeps its own name, capitalised."""
    return _table().get(seen.lower()) or Label(seen.title())


def lineage(label: Label) -> list[Label]:
    """The label, then its ancestors: an answer names them all."""
    return [label, *map(label_of, label.parents)]


@cache
def _table() -> dict[str, Label]:
    """Labels by lower-case name and by every other spelling that models use."""
    table = {}
    with Path(__file__).with_name("taxonomy.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            label = Label(row["name"], _words(row["parents"]), _words(row["category"]), _words(row["aliases"]))
            for spelling in (label.name.lower(), *_words(row["other spellings"])):
                table[spelling] = label
    return table


def _words(cell: str) -> tuple[str, ...]:
    return tuple(cell.split(";")) if cell else ()
