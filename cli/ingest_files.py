"""Files, folders and URLs become images: what is found, what became of each, and what was recognised."""

import hashlib
import os
import stat
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path
from urllib.parse import unquote, urlsplit

from requests.utils import requote_uri

from cli import images
from cli.calls import TIMEOUT_SECONDS, CallError, call, retrying_session
from cli.target import Target

CONTENT_TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".jfif": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".heic": "image/heic",
    ".heif": "image/heic",
    ".gif": "image/gif",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".bmp": "image/bmp",
}
"""What a file is by its name. What it really is, is looked at when it has arrived."""

MANIFESTS = {".csv", ".jsonl", ".json"}
SCHEMES = ("http://", "https://")

MAX_BYTES = 15 * 1024 * 1024
PATIENCE_SECONDS = 300
"""How long nothing at all may be recognised before waiting ends."""

NOTHING_HAPPENS = (
    f"nothing was recognised for {PATIENCE_SECONDS // 60} minutes; `sightline doctor` may tell why, "
    "and the same command waits again"
)

FIRST_LOOK_SECONDS = 0.25
LAST_LOOK_SECONDS = 2.0


class Outcome(StrEnum):
    """What became of a file or URL. Each has one; the last is shown last."""

    STORED = "stored"
    UNCHANGED = "there already"
    SKIPPED = "skipped"
    REFUSED = "refused"
    UNSENT = "not sent"
    PENDING = "not recognised yet"
    FAILED = "FAILED"


@dataclass(frozen=True)
class File:
    """A file, and what the image is to be called."""

    path: Path
    name: str

    @property
    def source(self) -> str:
        """The path as text that can be printed, whatever bytes it has."""
        return os.fsencode(self.path).decode(errors="replace")


@dataclass(frozen=True)
class Address:
    """A URL, and what the image is to be called."""

    url: str
    name: str

    @property
    def source(self) -> str:
        """The URL."""
        return self.url


Source = File | Address


@dataclass(frozen=True)
class Result:
    """What became of something, and why. `request_id` is that of the upload, by which its record is known."""

    source: str
    name: str
    outcome: Outcome
    reason: str = ""
    request_id: str | None = None

    @property
    def is_stored(self) -> bool:
        """Return True for what has been, or will be, recognised."""
        return self.outcome in {Outcome.STORED, Outcome.UNCHANGED}

    @classmethod
    def of(cls, source: Source, outcome: Outcome, reason: str = "", request_id: str | None = None) -> "Result":
        """What became of a file or URL."""
        return cls(source.source, os.fsencode(source.name).decode(errors="replace"), outcome, reason, request_id)


def found_in(arguments: Iterable[str], prefix: str) -> Iterator[Source | Result]:
    """Yield what the arguments name: URLs, files, and all files in folders, named as in there.

    What is not taken comes as a result with the reason. Hidden files and links to folders are taken only if they are
    arguments themselves.

    Raises:
        FileNotFoundError: there is no such path.
    """
    for argument in arguments:
        if argument.startswith(SCHEMES):
            url = requote_uri(argument)
            yield Address(url, prefix + unquote(urlsplit(url).path.rpartition("/")[2]))
            continue
        path = Path(os.path.expanduser(argument))  # noqa: PTH111 - Path's own raises for a ~ that is nobody's
        if not argument or not os.path.lexists(path):  # a link that leads nowhere is one file of many in a glob
            raise FileNotFoundError(argument)
        if path.is_dir():
            yield from _walk(path, prefix)
        else:
            yield File(path, prefix + path.name)


def _walk(top: Path, prefix: str) -> Iterator[Source | Result]:
    failures: list[OSError] = []
    for folder, folders, names in os.walk(top, onerror=failures.append):

        def inside(name: str, folder: str = folder) -> File:
            path = Path(folder, name)
            return File(path, prefix + path.relative_to(top).as_posix())

        for name in sorted(folders):
            if name.startswith("."):
                yield Result.of(inside(name), Outcome.SKIPPED, "a hidden folder")
            elif inside(name).path.is_symlink():
                yield Result.of(inside(name), Outcome.SKIPPED, "a link to a folder; name it itself to have it taken")
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            yield Result.of(inside(name), Outcome.SKIPPED, "hidden") if name.startswith(".") else inside(name)
    for failure in failures:
        yield Result.of(File(Path(failure.filename), ""), Outcome.UNSENT, words(failure))


def without_doubles(found: Iterable[Source | Result]) -> Iterator[Source | Result]:
    """Yield each source once, and refuse another of the same name: of two that are sent at once, the last would win."""
    first: dict[str, Source] = {}
    for each in found:
        if isinstance(each, Result):
            yield each
            continue
        known = first.setdefault(each.name, each)
        if known is each:
            yield each
        elif not _is_same(known, each):
            reason = f"{known.source} would have the same name, {each.name}; give one of them another --prefix"
            yield Result.of(each, Outcome.REFUSED, reason)


def _is_same(one: Source, other: Source) -> bool:
    if isinstance(one, File) and isinstance(other, File):
        return one.path.resolve() == other.path.resolve()
    return one == other


class Uploads:
    """Sends files and URLs to a running system."""

    def __init__(self, target: Target, workers: int, *, overwrite: bool) -> None:
        self._target = target
        self._overwrite = overwrite
        self._session = retrying_session(workers)

    def send(self, source: Source) -> Result:
        """Send a file or URL, if it is a picture by its name and not there already."""
        try:
            if isinstance(source, Address):
                return self._fetch(source)
            return _by_its_name(source) or _by_its_bytes(source) or self._send(source, source.path.read_bytes())
        except CallError as error:
            return Result.of(source, Outcome.REFUSED if error.status else Outcome.UNSENT, str(error))
        except OSError as error:  # requests' errors are OSErrors
            return Result.of(source, Outcome.UNSENT, words(error))

    def _send(self, file: File, body: bytes) -> Result:
        md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
        content_type = CONTENT_TYPES[file.path.suffix.lower()]
        wish = {"name": file.name, "content_type": content_type, "md5": md5, "overwrite": self._overwrite}
        answer = call(self._target, "POST", f"{self._target.upload}/uploads", body=wish, session=self._session)
        if answer.status_code != HTTPStatus.CREATED:
            return Result.of(file, Outcome.UNCHANGED)
        form = answer.json()
        posted = self._session.post(form["url"], data=form["fields"], files={"file": body}, timeout=TIMEOUT_SECONDS)
        if not posted.ok:
            return Result.of(file, Outcome.REFUSED, f"S3 answered {posted.status_code}: {posted.text[:200]}")
        if posted.headers.get("ETag", md5).strip('"') != md5:
            return Result.of(file, Outcome.UNSENT, "what S3 has stored is not what was sent; send it again")
        return Result.of(file, Outcome.STORED, request_id=form["request_id"])

    def _fetch(self, address: Address) -> Result:
        if not address.name.rpartition("/")[2]:
            return Result.of(
                address, Outcome.REFUSED, "the URL has no file name; --prefix gives one, as in --prefix a.jpg"
            )
        wish = {"url": address.url, "name": address.name, "overwrite": self._overwrite}
        # Without a session that tries again: a source that does not answer takes 20 s each time.
        answer = call(self._target, "POST", f"{self._target.upload}/images", body=wish)
        if answer.status_code != HTTPStatus.CREATED:
            return Result.of(address, Outcome.UNCHANGED)
        return Result.of(address, Outcome.STORED, request_id=answer.json()["request_id"])


def _by_its_name(file: File) -> Result | None:
    """Return why a file is not sent, if its name is the reason."""
    suffix = file.path.suffix.lower()
    if suffix in MANIFESTS:
        return Result.of(file, Outcome.SKIPPED, "no picture by its name; a manifest is taken alone, without others")
    if suffix not in CONTENT_TYPES:
        return Result.of(file, Outcome.SKIPPED, "no picture by its name")
    if not _is_text(file.name):
        return Result.of(file, Outcome.REFUSED, "its name is not UTF-8; rename it")
    return None


def _by_its_bytes(file: File) -> Result | None:
    """Return why a file is not sent, if what it is or its size is the reason."""
    if file.path.is_symlink() and not file.path.exists():
        return Result.of(file, Outcome.UNSENT, "a link that leads nowhere")
    status = file.path.stat()
    if not stat.S_ISREG(status.st_mode):
        return Result.of(file, Outcome.SKIPPED, "neither a file nor a folder")
    if not status.st_size:
        return Result.of(file, Outcome.REFUSED, "it is empty")
    if status.st_size > MAX_BYTES:
        way_out = 'a larger one can be put into the bucket, by aws s3 cp … "s3://$IMAGE_BUCKET/"'
        reason = f"it has {status.st_size:,} bytes; a file takes {MAX_BYTES:,}, and {way_out}"
        return Result.of(file, Outcome.REFUSED, reason)
    return None


class Recognitions:
    """Waits for what was stored to be recognised. Threads may share it."""

    def __init__(self, target: Target, workers: int) -> None:
        self._target = target
        self._session = retrying_session(workers)
        self._ends_at = time.monotonic() + PATIENCE_SECONDS

    def wait(self, result: Result) -> Result:
        """Return the result when the picture is recognised, is FAILED, or when nothing was for PATIENCE_SECONDS."""
        pause = FIRST_LOOK_SECONDS
        while time.monotonic() < self._ends_at:
            try:
                record = images.image(self._target, result.name, self._session)
            except CallError as error:
                if error.status != HTTPStatus.NOT_FOUND:
                    return replace(result, outcome=Outcome.PENDING, reason=str(error))
            else:
                if result.request_id in {None, record["correlation_id"]}:
                    self._ends_at = time.monotonic() + PATIENCE_SECONDS
                    if record["status"] == "FAILED":
                        return replace(result, outcome=Outcome.FAILED, reason=images.failure(record))
                    return result
            time.sleep(pause)
            pause = min(2 * pause, LAST_LOOK_SECONDS)
        return replace(result, outcome=Outcome.PENDING, reason=NOTHING_HAPPENS)

    def stop(self) -> None:
        """Let all threads end that wait here."""
        self._ends_at = 0


def words(error: OSError) -> str:
    """Return an error in the words of the system, without the path."""
    return error.strerror or type(error).__name__


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:  # bytes that are not UTF-8, as Python stands for them
        return False
    return True
