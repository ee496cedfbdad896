"""Call a running system: uploads by URL and by form, overwrites, deletions, searches, and changes of S3 versions."""

import hashlib
import io
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests
from botocore.exceptions import BotoCoreError, ClientError
from PIL import Image

from local.endpoints import Endpoints

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PATIENCE_SECONDS = 40
COLOURS = {"red": (200, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 200), "dark": (10, 10, 10)}
FORMATS = ["JPEG"] * 12 + ["PNG"] * 6 + ["WEBP"] * 2
"""WebP is among these formats because it must be converted for Rekognition."""
CORRUPT = 0.03
MEDIA = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
SIZE = (160, 120)
BLOCK = 16

EXPECTED = {200, 201, 202, 204, 404, 409}
"""404: the image is deleted, or not recorded yet. 409: a name was overwritten before its first upload."""
SETTLED = 12
"""Deletions do not touch this number of latest uploads. Most older uploads are recorded already."""

VERSION_CHANGES: dict[str, Callable[[list[dict[str, Any]]], list[dict[str, Any]]]] = {
    "undelete": lambda versions: [version for version in versions[:1] if "ETag" not in version],
    "remove current": lambda versions: versions[:1],
    "remove older": lambda versions: versions[1:2],
    "remove all": lambda versions: versions,
}
"""Functions that choose the versions and delete markers to remove permanently.

Each function gets all versions and delete markers of an object, the latest first.
"""


@dataclass(frozen=True)
class Call:
    """One call of an API: its time in seconds since the start, its kind, its duration and the status of the answer."""

    at: float
    kind: str
    ms: float
    status: int


@dataclass(frozen=True)
class Picture:
    """A picture with new bytes, and its format."""

    body: bytes
    format: str

    @property
    def is_corrupt(self) -> bool:
        """Return True if Rekognition can never look at the picture."""
        return self.format == "corrupt"

    @property
    def etag(self) -> str:
        """Return the content's ETag in S3."""
        return hashlib.md5(self.body, usedforsecurity=False).hexdigest()


@dataclass
class Load:
    """Makes calls. The seed decides their content; the threads decide their order."""

    endpoints: Endpoints
    s3: "S3Client"
    photos: Path
    """The folder that the local source of pictures serves."""

    prefix: str
    chance: random.Random
    clock: Callable[[], float]
    abilities: Sequence[str] = ()
    """The abilities to ask for. Half of the uploads by form ask for them."""

    calls: list[Call] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    erased: set[str] = field(default_factory=set)
    """The names with versions that were removed permanently."""

    erased_contents: set[str] = field(default_factory=set)
    """The ETags of these versions."""

    made: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self) -> Callable[[], object]:
        """Choose the next call. Returns a function that makes it."""
        kinds = {self._upload: 45, self._repeat: 8, self._search: 15, self._list: 6}
        if len(self.names) > SETTLED:
            kinds |= {self._overwrite: 12, self._delete: 10, self._change_versions: 8, self._show: 6}
        [decide] = self.chance.choices(list(kinds), list(kinds.values()))
        return decide()

    def _upload(self) -> Callable[[], object]:
        return self._put(self._new_name(), self._picture(), overwrite=False)

    def _repeat(self) -> Callable[[], object]:
        """Upload bytes that are already stored under another name."""
        picture = self.chance.choice(self.pictures) if self.pictures else self._picture()
        return self._put(self._new_name(), picture, overwrite=False)

    def _overwrite(self) -> Callable[[], object]:
        return self._put(self.chance.choice(self.names), self._picture(), overwrite=True)

    def _put(self, name: str, picture: Picture, *, overwrite: bool) -> Callable[[], object]:
        by_form = picture.is_corrupt or self.chance.random() < 0.4  # noqa: PLR2004 - only this way accepts corrupt pictures
        if not by_form:
            return lambda: self._by_url(name, picture, overwrite=overwrite)
        asked = self.chance.choice([(), self.abilities])
        return lambda: self._by_form(name, picture, asked, overwrite=overwrite)

    def _delete(self) -> Callable[[], object]:
        name = self.names.pop(self.chance.randrange(len(self.names) - SETTLED))
        self.deleted.append(name)
        address = f"{self.endpoints.labels}/images/{quote(name)}"
        return lambda: self._call("delete", "DELETE", address)

    def _change_versions(self) -> Callable[[], object]:
        kind = self.chance.choice(list(VERSION_CHANGES))
        names = self.names[:-SETTLED] if kind != "undelete" or not self.deleted else self.deleted
        name = self.chance.choice(names)
        return lambda: self.remove_versions(kind, name)

    def remove_versions(self, kind: str, name: str) -> None:
        """Remove versions from the bucket with one call of S3."""
        began, at, status = time.monotonic(), self.clock(), 0
        try:
            page = self.s3.list_object_versions(Bucket=self.endpoints.bucket, Prefix=name)
            versions: list[dict[str, Any]] = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]  # type: ignore[list-item]
            versions.sort(key=lambda version: not version["IsLatest"])
            if removed := VERSION_CHANGES[kind](versions):
                with self.lock:
                    self.erased.add(name)
                    self.erased_contents |= {version["ETag"].strip('"') for version in removed if "ETag" in version}
                entries = [{"Key": name, "VersionId": version["VersionId"]} for version in removed]
                self.s3.delete_objects(Bucket=self.endpoints.bucket, Delete={"Objects": entries})  # type: ignore[typeddict-item]
            status, error = 200, ""
        except (BotoCoreError, ClientError) as fault:
            error = f"{type(fault).__name__}"
        self._note(Call(at, kind, 1000 * (time.monotonic() - began), status), error)

    def _search(self) -> Callable[[], object]:
        labels = self.chance.sample(list(COLOURS), self.chance.choice([1, 1, 2]))
        address, query = (
            f"{self.endpoints.labels}/search",
            {"label": labels, "match": self.chance.choice(["all", "any"])},
        )
        return lambda: self._call("search", "GET", address, params=query)

    def _list(self) -> Callable[[], object]:
        return lambda: self._call("list", "GET", self.endpoints.labels)

    def _show(self) -> Callable[[], object]:
        address = f"{self.endpoints.labels}/images/{quote(self.chance.choice(self.names))}"
        return lambda: self._call("show", "GET", address)

    def _by_url(self, name: str, picture: Picture, *, overwrite: bool) -> None:
        file = self.photos / f"{picture.etag}-{threading.get_ident()}"
        file.write_bytes(picture.body)
        query = {"url": f"{self.endpoints.photos}{file.name}", "name": name}
        self._call("upload", "GET", self.endpoints.upload, params=query | ({"overwrite": "true"} if overwrite else {}))
        file.unlink()

    def _by_form(self, name: str, picture: Picture, asked: Sequence[str], *, overwrite: bool) -> None:
        wish = {"name": name, "content_type": MEDIA.get(picture.format, "image/jpeg"), "overwrite": overwrite}
        wish |= {"abilities": list(asked)} if asked else {}
        answer = self._call("form", "POST", f"{self.endpoints.upload}/uploads", json=wish)
        if answer is None or not answer.ok:
            return
        form = answer.json()
        self._call("post", "POST", form["url"], data=form["fields"], files={"file": picture.body}, key=False)

    def _call(
        self, kind: str, method: str, address: str, *, key: bool = True, **more: object
    ) -> requests.Response | None:
        headers = {"x-api-key": self.endpoints.api_key} if key else {}
        began, at, answer, status = time.monotonic(), self.clock(), None, 0
        try:
            answer = requests.request(method, address, headers=headers, timeout=PATIENCE_SECONDS, **more)  # type: ignore[arg-type]
            status = answer.status_code
            error = "" if status in EXPECTED else answer.text[:300]
        except requests.RequestException as fault:
            error = f"{type(fault).__name__}"
        self._note(Call(at, kind, 1000 * (time.monotonic() - began), status), error)
        return answer

    def _note(self, call: Call, error: str) -> None:
        with self.lock:
            self.calls.append(call)
            if error:
                self.errors.append(f"after {call.at:.0f} s {call.kind} was answered with {call.status}: {error}")

    def _new_name(self) -> str:
        self.made += 1
        name = f"{self.prefix}{self.made:05}.jpg"
        self.names.append(name)
        return name

    def _picture(self) -> Picture:
        if self.chance.random() < CORRUPT:
            picture = Picture(b"\xff\xd8\xff no picture" + self.chance.randbytes(16), "corrupt")
        else:
            image = Image.new("RGB", SIZE, self.chance.choice(list(COLOURS.values())))
            noise = Image.frombytes("RGB", (BLOCK, BLOCK), self.chance.randbytes(3 * BLOCK * BLOCK))
            image.paste(noise, (self.chance.randrange(SIZE[0] - BLOCK), self.chance.randrange(SIZE[1] - BLOCK)))
            file, kind = io.BytesIO(), self.chance.choice(FORMATS)
            image.save(file, kind)
            picture = Picture(file.getvalue(), kind)
        self.pictures.append(picture)
        return picture
