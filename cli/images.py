"""Searching, showing and deleting images, through the List Images Service."""

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.target import Target, session

TIMEOUT_SECONDS = 30
PAGE = 100


class ImagesError(RuntimeError):
    """The service refused a call or did not answer; the message says why."""


def call(target: Target, method: str, address: str, query: Mapping[str, Any] | None = None) -> requests.Response:
    """Call the service; with the key, or signed where there is none on AWS (`auth=iam` asks for it).

    Raises:
        ImagesError: it answered with an error, or not at all.
    """
    request = requests.Request(method, f"{target.labels}/{address}", params=query).prepare()
    if target.api_key:
        request.headers["x-api-key"] = target.api_key
    elif target.aws is None:
        _sign(request)
    try:
        with requests.Session() as session:
            answer = session.send(request, timeout=TIMEOUT_SECONDS)
    except requests.RequestException as error:
        raise ImagesError(f"{target.labels} does not answer: {error}") from error
    if not answer.ok:
        raise ImagesError(_reason(answer))
    return answer


def _sign(request: requests.PreparedRequest) -> None:
    signed = AWSRequest(request.method, request.url)
    try:
        if credentials := session().get_credentials():
            SigV4Auth(credentials, "execute-api", session().region_name).add_auth(signed)
    except BotoCoreError as error:
        raise ImagesError(str(error)) from error
    request.headers.update(dict(signed.headers))


def _reason(answer: requests.Response) -> str:
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"{answer.status_code} {answer.reason}"


def search(target: Target, query: Mapping[str, Any], limit: int) -> list[dict[str, Any]]:
    """The best `limit` images. A page may be short and still have a next one.

    Raises:
        ImagesError
    """
    found: list[dict[str, Any]] = []
    address: str | None = "search"
    parameters: Mapping[str, Any] | None = {**query, "limit": min(limit, PAGE)}
    while address and len(found) < limit:
        answer = call(target, "GET", address, parameters)
        found += answer.json()
        link = answer.links.get("next")
        address, parameters = (f"search{link['url']}" if link else None), None
    return found[:limit]


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
        ImagesError
    """
    record: dict[str, Any] = call(target, "GET", "images", {"name": name}).json()
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
    """Have one image deleted.

    Raises:
        ImagesError: there is none, among others.
    """
    document: dict[str, Any] = call(target, "DELETE", f"images/{quote(name)}").json()
    return document


def printable(text: str) -> str:
    """What a terminal may be given: no control characters, no turned writing direction."""
    return "".join(character if character.isprintable() else " " for character in text)
