"""Derived data stay exact for a picture with hundreds of names."""

from tests.derived import Derived, expected
from tests.findings import words
from tests.functional.test_projection import MANY, Derivation, derivation, record

__all__ = ["derivation"]  # a fixture


def test_a_picture_with_a_hundred_words_stays_exact_until_it_is_deleted(derivation: Derivation) -> None:
    pages = [words(*(f"word{number}" for number in range(start, start + 100))) for start in (0, 50)]
    for sequencer, text in enumerate((pages[0], pages[1], words(), pages[0]), 1):
        stored = record("a.jpg", *MANY, sequencer=sequencer, abilities={"text": text})
        derivation.put(stored)
        derivation.project(stored)
        assert derivation.found() == expected([stored])
    gone = record("a.jpg", sequencer=9, status="DELETED")
    derivation.put(gone)
    derivation.project(gone)
    assert derivation.found() == Derived(set(), {}, {})
