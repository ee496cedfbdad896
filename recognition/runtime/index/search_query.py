"""Define a search, and its filter. With the filter, DynamoDB sends only the entries that fit the search."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Clause:
    """A condition of a search: an image must have at least one of the terms.

    The terms are given by their keys in the index, or by prefixes of such keys.
    """

    keys: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()

    def confidence(self, confidences: Mapping[str, int]) -> int:
        """Return the highest confidence that an image has for a term of the clause, or -1 without such a term."""
        return max((value for key, value in confidences.items() if self._has(key)), default=-1)

    def _has(self, key: str) -> bool:
        return key in self.keys or key.startswith(self.prefixes)


@dataclass(frozen=True, kw_only=True)
class SearchQuery:
    """A search for images that fit all clauses. Confidences are in the units of the index. Times are written as in
    the records.

    `exclude` has keys of terms. `since` is the inclusive lower bound of `uploaded_at`, and `until` the exclusive upper
    bound.
    """

    clauses: tuple[Clause, ...]
    exclude: tuple[str, ...] = ()
    min_confidence: int = 0
    since: str | None = None
    until: str | None = None


def filter_expression(query: SearchQuery, driver: int) -> tuple[str, dict[str, str], dict[str, Any]]:
    """Return the filter for entries of a term in the clause `driver`: expression, attribute names and values.

    The filter leaves out this clause, because the range of keys already checks it. It also leaves out clauses with
    prefixes, because DynamoDB cannot check prefixes.
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
