"""Define a search, and the filter that lets DynamoDB send only the entries that fit it."""

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class SearchQuery:
    """A search. Labels are folded, confidences are in the index's units, times are written as in the records.

    `since` is an inclusive and `until` an exclusive bound of `uploaded_at`.
    """

    labels: tuple[str, ...]
    match: Literal["all", "any"]
    exclude: tuple[str, ...] = ()
    min_confidence: int = 0
    since: str | None = None
    until: str | None = None


def filter_expression(query: SearchQuery, name: str) -> tuple[str, dict[str, str], dict[str, Any]]:
    """Return the filter for the entries of the term `name`: expression, attribute names and values.

    The filter leaves out the confidence of `name` itself, because the key's range already limits it.
    """
    parts: list[str] = []
    names: dict[str, str] = {}
    values: dict[str, Any] = {}
    for number, label in enumerate(query.labels if query.match == "all" else ()):
        if label != name:
            names[f"#with{number}"] = label
            values[":least"] = query.min_confidence
            parts.append(f"confidences.#with{number} >= :least")
    for number, label in enumerate(query.exclude):
        names[f"#without{number}"] = label
        parts.append(f"attribute_not_exists(confidences.#without{number})")
    for comparison, placeholder, moment in ((">=", ":since", query.since), ("<", ":until", query.until)):
        if moment:
            values[placeholder] = moment
            parts.append(f"uploaded_at {comparison} {placeholder}")
    return " AND ".join(parts), names, values
