"""Send photos through a running embedded cloud and show the results."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests
from rich.console import Console
from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table

from cli.images import named_findings
from common.runtime.visible_text import visible
from local import photos
from local.endpoints import Endpoints

WAIT_SECONDS = 60
"""The time limit for the partner's documents, and for each call."""

Documents = list[dict[str, str]]


def send(console: Console, endpoints: Endpoints, folder: Path, own: Path | None) -> None:
    """Send the user's picture, or else the sample photos, and show the results.

    `folder` is the folder of the photo server.
    """
    if not own:
        _send_all(console, endpoints, {name: quote(name) for name in photos.write_samples(folder)})
        return
    with photos.lent(own, folder) as path:
        _send_all(console, endpoints, {own.name: quote(path)})


def _send_all(console: Console, endpoints: Endpoints, paths: Mapping[str, str]) -> None:
    """Upload photos and show the results. `paths` maps each photo's name to its path on the photo server."""
    before = len(_documents(endpoints))
    what = f"{len(paths)} photos" if len(paths) > 1 else visible(*paths)
    console.print("[dim]·[/dim]", escape(f"sending {what} …"))
    refusals = _upload(endpoints, paths)
    accepted = len(paths) - len(refusals)
    documents = _wait_for_documents(endpoints, before, accepted)
    console.print(_result_table(endpoints, paths, refusals))
    _show_documents(console, documents, accepted)


def _upload(endpoints: Endpoints, paths: Mapping[str, str]) -> dict[str, str]:
    """Upload photos through the API. Returns the reason for each refused photo, by name."""
    refusals = {}
    for name, path in paths.items():
        # With refresh, a photo from an earlier start is recognised again, by the current models.
        body = {"url": endpoints.photos + path, "name": name, "overwrite": True, "refresh": True}
        try:
            answer = requests.post(
                f"{endpoints.upload}/images", json=body, headers=_headers(endpoints), timeout=WAIT_SECONDS
            )
        except requests.Timeout:  # on a busy machine; the others may arrive
            refusals[name] = f"no answer within {WAIT_SECONDS} s"
            continue
        if not answer.ok:
            refusals[name] = _reason(answer)
    return refusals


def _result_table(endpoints: Endpoints, names: Mapping[str, str], refusals: Mapping[str, str]) -> Table:
    table = Table("photo", "seen", "confidence", "boxes")
    for name in names:
        if name in refusals:
            table.add_row(escape(name), f"[red]{escape(refusals[name])}[/red]", "", "")
            continue
        url = f"{endpoints.labels}/images/{quote(name)}"
        answer = requests.get(url, headers=_headers(endpoints), timeout=30)
        rows = _rows(answer.json()) if answer.ok else [(_reason(answer), "", "")]
        for number, (seen, *cells) in enumerate(rows):  # a row for each, because long texts take two lines
            table.add_row("" if number else escape(name), escape(seen), *cells)
    return table


def _rows(record: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return a row for each label and each finding of an ability: name, confidence and number of boxes."""
    if record["failure"]:
        return [(record["failure"]["message"], "", "")]
    seen = [(label["name"], label["confidence"], len(label["instances"])) for label in record["labels"]]
    for ability, result in record.get("abilities", {}).items():
        seen += [
            (f"{ability}: {visible(name)}", each["confidence"], int("box" in each))
            for name, each in named_findings(result)
        ]
    if not seen:
        return [("nothing that the models know", "", "")]
    return [(name, f"{confidence:.1f} %", str(boxes)) for name, confidence, boxes in seen]


def _show_documents(console: Console, documents: Sequence[Mapping[str, str]], expected: int) -> None:
    if len(documents) < expected:
        console.print(f"Within {WAIT_SECONDS} s the partner received {len(documents)} of {expected} documents.")
    elif documents:
        console.print("The partner received one document for each photo. The last one:")
    if documents:
        console.print(Syntax(documents[-1]["body"], "xml", background_color="default"))


def _documents(endpoints: Endpoints) -> Documents:
    """Return the documents that the partner has received since it was started."""
    documents: Documents = requests.get(endpoints.partner, timeout=10).json()["deliveries"]
    return documents


def _wait_for_documents(endpoints: Endpoints, before: int, count: int) -> Documents:
    """Wait for `count` new documents, and return the new documents. The first `before` documents are old.

    When the time is up, returns fewer documents.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    while len(documents := _documents(endpoints)[before:]) < count and time.monotonic() < deadline:
        time.sleep(0.1)
    return documents


def _headers(endpoints: Endpoints) -> dict[str, str]:
    return {"x-api-key": endpoints.api_key}


def _reason(answer: requests.Response) -> str:
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError):
        return f"{answer.status_code} {answer.reason}"
