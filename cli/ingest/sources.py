"""Files, folders and URLs to ingest, and the result of each."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import unquote, urlsplit

from cli.ingest.picture_names import metadata_owner

HTTP_SCHEMES = ("http://", "https://")


class Outcome(StrEnum):
    """The outcomes of a file or URL, in the order in which they are printed."""

    STORED = "stored"
    UNCHANGED = "stored already"
    SKIPPED = "skipped"
    REFUSED = "refused"
    UNSENT = "not sent"
    PENDING = "not recognised yet"
    FAILED = "FAILED"


@dataclass(frozen=True)
class File:
    """A file, and the name of its image."""

    path: Path
    name: str

    @property
    def source(self) -> str:
        """The path as printable text, even if it is not UTF-8."""
        return os.fsencode(self.path).decode(errors="replace")


@dataclass(frozen=True)
class Address:
    """A URL, and the name of its image."""

    url: str
    name: str

    @property
    def source(self) -> str:
        """The URL."""
        return self.url


Source = File | Address


@dataclass(frozen=True)
class Result:
    """The result of a file or URL, and its reason. A new image's record has the same `request_id` as its upload."""

    source: str
    name: str
    outcome: Outcome
    reason: str = ""
    request_id: str | None = None

    @property
    def is_stored(self) -> bool:
        """Return True if the system has the picture."""
        return self.outcome in {Outcome.STORED, Outcome.UNCHANGED}

    @classmethod
    def of(cls, source: Source, outcome: Outcome, reason: str = "", request_id: str | None = None) -> "Result":
        """Create the result of a file or URL."""
        return cls(source.source, os.fsencode(source.name).decode(errors="replace"), outcome, reason, request_id)


def find_sources(arguments: Iterable[str], prefix: str) -> Iterator[Source | Result]:
    """Yield the URLs and files of the arguments, and all files in folders. A file's path in the folder is its name.

    For each file that is left out, yields a result with the reason. Hidden files and links to folders are sent only
    if they are themselves arguments.

    Raises:
        FileNotFoundError: there is no such file or folder.
    """
    for argument in arguments:
        if argument.startswith(HTTP_SCHEMES):
            from requests.utils import requote_uri

            url = requote_uri(argument)
            yield Address(url, prefix + unquote(urlsplit(url).path.rpartition("/")[2]))
            continue
        path = Path(os.path.expanduser(argument))  # noqa: PTH111 - Path's own raises for the ~ of an unknown user
        if not argument or not os.path.lexists(path):  # a shell pattern may name a broken link among many files
            raise FileNotFoundError(argument)
        if path.is_dir():
            yield from _files_in(path, prefix)
        else:
            yield File(path, prefix + path.name)


def _files_in(top: Path, prefix: str) -> Iterator[Source | Result]:
    failures: list[OSError] = []
    for folder, folders, names in os.walk(top, onerror=failures.append):

        def inside(name: str, folder: str = folder) -> File:
            path = Path(folder, name)
            return File(path, prefix + path.relative_to(top).as_posix())

        for name in sorted(folders):
            if reason := _why_not_enter(inside(name).path):
                yield Result.of(inside(name), Outcome.SKIPPED, reason)
        folders[:] = sorted(name for name in folders if not _why_not_enter(Path(folder, name)))
        for name in sorted(names):
            is_hidden = name.startswith(".") and not metadata_owner(name)
            yield Result.of(inside(name), Outcome.SKIPPED, "hidden") if is_hidden else inside(name)
    for failure in failures:
        yield Result.of(File(Path(failure.filename), ""), Outcome.UNSENT, reason_of(failure))


def _why_not_enter(folder: Path) -> str:
    """Return the reason to leave out a folder's files, or "" if the files are sent."""
    if owner := metadata_owner(folder.name):
        return f"a folder of metadata of {owner}"
    if folder.name.startswith("."):
        return "a hidden folder"
    return "a link to a folder; to ingest it, name the link itself" if folder.is_symlink() else ""


def without_duplicates(found: Iterable[Source | Result]) -> Iterator[Source | Result]:
    """Yield each source once. Refuse a second source of the same name, because the last one sent would win."""
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


def reason_of(error: OSError) -> str:
    """Return the operating system's words for an error, without the path."""
    return error.strerror or type(error).__name__
