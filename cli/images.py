"""Searching, showing and deleting images, through the List Images Service."""

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.calls import call, entries
from cli.target import Target


def search(target: Target, query: Mapping[str, Any], limit: int) -> list[dict[str, Any]]:
    """Find the best `limit` images.

    Raises:
        CallError: the service refused the call or did not answer.
    """
    return entries(target, f"{target.labels}/search", query, limit)


def show_found(found: Iterable[Mapping[str, Any]], out: Console) -> None:
    """The images of a search as a table."""
    table = Table("image", "confidence", "labels", "uploaded")
    for entry in found:
        table.add_row(
            escape(printable(entry["image"])),
            f"{entry['confidence']:.1f} %",
            escape(printable(", ".join(entry["labels"]))),
            entry["uploaded_at"][:16].replace("T", " "),
        )
    out.print(table)


def image(target: Target, name: str) -> dict[str, Any]:
    """The record of one image.

    Raises:
        CallError: there is none, among others.
    """
    record: dict[str, Any] = call(target, "GET", f"{target.labels}/images", query={"name": name}).json()
    return record


def show_image(record: Mapping[str, Any], out: Console) -> None:
    """One image: what is known of it, and its labels."""
    names = ("image", "status", "size", "uploaded_at", "recognized_at", "source_url", "model", "correlation_id")
    for name in (*names, "picture_url"):
        if record.get(name) is not None:
            out.print(f"{name:16}{printable(str(record[name]))}", markup=False, emoji=False)
    if record["failure"]:
        out.print(f"{'failure':16}{printable(json.dumps(record['failure']))}", markup=False, emoji=False)
    table = Table("label", "confidence", "parents", "boxes")
    for label in record["labels"]:
        parents = escape(printable(", ".join(label["parents"])))
        boxes = str(len(label["instances"]))
        table.add_row(escape(printable(label["name"])), f"{label['confidence']:.1f} %", parents, boxes)
    if record["labels"]:
        out.print(table)


def delete(target: Target, name: str) -> dict[str, Any]:
    """Delete one image.

    Raises:
        CallError: there is none, among others.
    """
    document: dict[str, Any] = call(target, "DELETE", f"{target.labels}/images/{quote(name)}").json()
    return document


def printable(text: str) -> str:
    """What a terminal may be given: no control characters, no turned writing direction."""
    return "".join(character if character.isprintable() else " " for character in text)
