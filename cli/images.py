"""Reads records of images from the List Images Service, and prints images."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from cli.api_client import call
from cli.output import minute, plural, say, show_entry
from cli.target import Target

if TYPE_CHECKING:
    from cli.http_sessions import Session

FACTS = ("image", "status", "size", "uploaded_at", "recognized_at", "source_url", "model", "correlation_id",
         "picture_url")  # fmt: skip
"""The members of a record that are printed unchanged, in this order."""


def read_image(target: Target, name: str, session: "Session | None" = None) -> dict[str, Any]:
    """Return the record of one image.

    Raises:
        CallError: there is no such image, or the service refused the call or did not answer.
    """
    answer = call(target, "GET", f"{target.labels_url}/images", query={"name": name}, session=session)
    record: dict[str, Any] = answer.json()
    return record


def failure_of(entry: Mapping[str, Any]) -> str:
    """Return the reason why an image can never be recognised."""
    return f"{entry['failure']['code']}: {entry['failure']['message']}"


def show_images(found: Iterable[Mapping[str, Any]]) -> None:
    """Print images of a list or of a search."""
    for entry in found:
        seen = failure_of(entry) if entry["failure"] else ", ".join(entry["labels"]) or "no labels"
        first = f"{entry['confidence']:.1f} %" if "confidence" in entry else entry["status"]
        known = [first, minute(entry["uploaded_at"]), seen]
        show_entry([entry["image"], *known], entry["image"], "  ".join(known))


def show_image(record: Mapping[str, Any]) -> None:
    """Print a record: one line for each fact, for each label and for each finding of an ability."""
    facts = [(name, str(record[name])) for name in FACTS if record.get(name) is not None]
    if record["failure"]:
        facts.append(("failure", failure_of(record)))
    for label in record["labels"]:
        parents = f" ({', '.join(label['parents'])})" if label["parents"] else ""
        boxes = f", {plural(len(label['instances']), 'instance')}" if label["instances"] else ""
        facts.append(("label", f"{label['confidence']:5.1f} %  {label['name']}{parents}{boxes}"))
    for ability, result in record.get("abilities", {}).items():
        facts += [(ability, fact) for fact in _findings(result)]
    for name, fact in facts:
        say(f"{name:16}{fact}")


def _findings(result: Mapping[str, Any]) -> list[str]:
    """Describe an ability's result, with at least one line."""
    if result["status"] == "failed":
        return [f"failed: {failure_of(result)}"]
    missing = "left out, because the record was too large" if result["truncated"] else "nothing found"
    return [f"{each['confidence']:5.1f} %  {name}" for name, each in named_findings(result)] or [missing]


def named_findings(result: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the findings of an ability, each with a name. Single words are left out, because lines contain them."""
    for each in result["found"]:
        if each.get("type") != "word":
            parent = f" ({each['parent']})" if each.get("parent") else ""
            yield f"{each.get('text') or each.get('name') or 'face'}{parent}", each
