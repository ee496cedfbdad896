"""Listing, searching, showing and deleting images, through the List Images Service."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from rich.console import Console

from cli.calls import Session, call, entries
from cli.lines import moment, printable, show_entry
from cli.target import Target


def newest(target: Target, limit: int) -> list[dict[str, Any]]:
    """Return the newest `limit` images.

    Raises:
        CallError: the service refused the call or did not answer.
    """
    return entries(target, target.labels, {}, limit)


def labels(target: Target, prefix: str | None, limit: int) -> list[dict[str, Any]]:
    """Return the first `limit` labels, by the alphabet, with their numbers of images.

    Raises:
        CallError: the service refused the call or did not answer.
    """
    return entries(target, f"{target.labels}/labels", {"prefix": prefix}, limit)


def search(target: Target, query: Mapping[str, Any], limit: int) -> list[dict[str, Any]]:
    """Find the best `limit` images.

    Raises:
        CallError: the service refused the call or did not answer.
    """
    return entries(target, f"{target.labels}/search", query, limit)


def show_images(found: Iterable[Mapping[str, Any]], out: Console) -> None:
    """Print images of a list or of a search."""
    for entry in found:
        uploaded, seen = moment(entry["uploaded_at"]), ", ".join(entry["labels"]) or "no labels"
        if entry["failure"]:
            seen = failure(entry)
        if "confidence" in entry:
            known = [f"{entry['confidence']:.1f} %", uploaded, seen]
        else:
            known = [entry["status"], uploaded, seen]
        show_entry(out, [entry["image"], *known], entry["image"], "  ".join(known))


def failure(entry: Mapping[str, Any]) -> str:
    """Return the reason why an image can never be recognised."""
    return f"{entry['failure']['code']}: {entry['failure']['message']}"


def image(target: Target, name: str, session: Session | None = None) -> dict[str, Any]:
    """The record of one image.

    Raises:
        CallError: there is none, among others.
    """
    record: dict[str, Any] = call(
        target, "GET", f"{target.labels}/images", query={"name": name}, session=session
    ).json()
    return record


def show_image(record: Mapping[str, Any], out: Console) -> None:
    """Print what is known of an image, a line for each fact and for each label."""
    names = ("image", "status", "size", "uploaded_at", "recognized_at", "source_url", "model", "correlation_id")
    facts = [(name, str(record[name])) for name in (*names, "picture_url") if record.get(name) is not None]
    if record["failure"]:
        facts.append(("failure", failure(record)))
    for label in record["labels"]:
        parents = f" ({', '.join(label['parents'])})" if label["parents"] else ""
        boxes = len(label["instances"])
        where = f", {boxes} box{'es' * (boxes != 1)}" if boxes else ""
        facts.append(("label", f"{label['confidence']:5.1f} %  {label['name']}{parents}{where}"))
    for name, fact in facts:
        out.print(f"{name:16}{printable(fact)}", markup=False, emoji=False)


def delete(target: Target, name: str) -> dict[str, Any]:
    """Delete one image.

    Raises:
        CallError: there is none, among others.
    """
    # Between slashes, HTTP clients take these parts for folders, and would delete another image.
    odd = {"", ".", ".."} & set(name.split("/"))
    document: dict[str, Any] = call(
        target, "DELETE", f"{target.labels}/images/{quote(name, safe='' if odd else '/')}"
    ).json()
    return document
