"""Define a search, and the filter that lets DynamoDB send only the entries that fit it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Clause:
    """Terms of which an image needs one: terms by their keys in the index, and beginnings of such keys."""

    keys: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()

    def confidence(self, confidences: Mapping[str, int]) -> int:
        """Return the confidence of an image's surest term of the clause, or -1 if the image has none."""
        return max((value for key, value in confidences.items() if self._has(key)), default=-1)

    def _has(self, key: str) -> bool:
        return key in self.keys or key.startswith(self.prefixes)


@dataclass(frozen=True, kw_only=True)
class SearchQuery:
    """A search for images that fit all clauses. Confidences are in the index's units, times are written as in the
    records.

    `exclude` has keys of terms. `since` is an inclusive and `until` an exclusive bound of `uploaded_at`.
    """

    clauses: tuple[Clause, ...]
    exclude: tuple[str, ...] = ()
    min_confidence: int = 0
    since: str | None = None
    until: str | None = None


def filter_expression(query: SearchQuery, driver: int) -> tuple[str, dict[str, str], dict[str, Any]]:
    """Return the filter for the entries of a term of the clause `driver`: expression, attribute names and values.

    The filter leaves out this clause, because the key's range already limits it, and clauses with prefixes, which
    DynamoDB cannot check.
    """
    parts: list[str] = []
    names: dict[str, str] = {}
    values: dict[str, Any] = {}
    for number, clause in enumerate(query.clauses):
        if number == driver or clause.prefixes:
            continue
        values[":least"] = query.min_confidence
        choices = []
        for key in clause.keys:
            placeholder = f"#with{len(names)}"
            names[placeholder] = key
            choices.append(f"confidences.{placeholder} >= :least")
        parts.append(f"({' OR '.join(choices)})")
    for number, key in enumerate(query.exclude):
        names[f"#without{number}"] = key
        parts.append(f"attribute_not_exists(confidences.#without{number})")
    for comparison, placeholder, moment in ((">=", ":since", query.since), ("<", ":until", query.until)):
        if moment:
            values[placeholder] = moment
            parts.append(f"uploaded_at {comparison} {placeholder}")
    return " AND ".join(parts), names, values
