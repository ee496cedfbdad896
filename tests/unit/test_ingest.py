"""What `sightline ingest` takes, sends and prints."""

import io
import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
import typer
from rich.console import Console

from api.runtime.manifests.manifest_lines import Entry, Position, entries
from cli import output
from cli.api_client import CallError
from cli.commands import ingest
from cli.ingest import buckets, manifest_files, manifests, recognitions, uploads
from cli.ingest.picture_names import CONTENT_TYPES
from cli.ingest.recognitions import Recognitions
from cli.ingest.sources import Address, File, Outcome, Result, Source, find_sources, without_duplicates
from cli.ingest.uploads import Uploads
from cli.target import Target, TargetName
from common.imaging.picture_headers import CONTENT_TYPES as TAKEN

TARGET = Target(
    TargetName.LOCAL,
    upload_url="http://api",
    labels_url="http://labels",
    deliveries_url="http://deliveries",
    api_key="key",
)


def test_the_media_types_of_files_are_those_that_the_system_takes() -> None:
    assert set(CONTENT_TYPES.values()) == set(TAKEN.values())


def found(*arguments: Path | str, prefix: str = "") -> tuple[list[str], dict[str, str]]:
    """Return the names that are taken, and the reason for each file that is left out."""
    entries = list(without_duplicates(find_sources(map(str, arguments), prefix)))
    taken = [entry.name for entry in entries if not isinstance(entry, Result)]
    return taken, {entry.source: entry.reason for entry in entries if isinstance(entry, Result)}


def test_a_folders_files_are_named_as_in_there_and_the_rest_has_a_reason(tmp_path: Path) -> None:
    for name in ("b.jpg", "a/c.jpg", "a/.hidden.jpg", ".git/d.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "link.jpg").symlink_to(tmp_path / "b.jpg")
    taken, left = found(tmp_path, prefix="x/")
    assert taken == ["x/b.jpg", "x/link.jpg", "x/a/c.jpg"]
    assert left == {
        f"{tmp_path}/.git": "a hidden folder",
        f"{tmp_path}/loop": "a link to a folder; to ingest it, name it itself",
        f"{tmp_path}/a/.hidden.jpg": "hidden",
    }


def test_hidden_files_and_links_are_taken_if_they_are_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.jpg").touch()
    (tmp_path / ".hidden.jpg").touch()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nowhere.jpg").symlink_to("none")
    assert found("~/.hidden.jpg", "link", "./real/a.jpg", "nowhere.jpg")[0] == [".hidden.jpg", "a.jpg", "nowhere.jpg"]
    url = "https://example.com/dir/a b%2Fc.jpg?size=1"
    assert list(find_sources([url], "x/")) == [Address("https://example.com/dir/a%20b%2Fc.jpg?size=1", "x/a b/c.jpg")]


@pytest.mark.parametrize("argument", ["none", "*.jpg", "", "~nobody-of-this-name/a.jpg"])
def test_a_missing_file_is_named(argument: str) -> None:
    with pytest.raises(FileNotFoundError):
        list(find_sources([argument], ""))


def test_an_unreadable_folder_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "locked").mkdir()
    (tmp_path / "a.jpg").touch()
    scandir = os.scandir

    def refused(path: Any) -> Any:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)
    assert found(tmp_path) == (["a.jpg"], {f"{tmp_path}/locked": "Permission denied"})


def test_of_two_files_of_one_name_the_second_is_refused(tmp_path: Path) -> None:
    """Sent together, the last one would win without a message."""
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.jpg").touch()
    taken, left = found(tmp_path / "one", tmp_path / "two" / "a.jpg", tmp_path / "one" / "a.jpg")
    assert taken == ["a.jpg"]
    assert list(left) == [f"{tmp_path}/two/a.jpg"]
    assert f"{tmp_path}/one/a.jpg would have the same name" in left[f"{tmp_path}/two/a.jpg"]


class Api:
    """A session with the given answers, which records its requests."""

    def __init__(self, *answers: tuple[int, Any, dict[str, str]]) -> None:
        self.answers = list(answers)
        self.asked: list[Any] = []

    def request(self, method: str, url: str, **request: Any) -> requests.Response:
        assert method == "POST"
        self.asked.append((url, request))
        status, document, headers = self.answers.pop(0)
        answer = requests.Response()
        answer.status_code = status
        answer.headers.update(headers)
        answer.raw = io.BytesIO(json.dumps(document).encode())
        return answer

    def post(self, url: str, **request: Any) -> requests.Response:
        return self.request("POST", url, **request)


FORM = {"url": "http://s3", "fields": {"key": "a.jpg"}, "request_id": "1"}
MD5 = "03d59e663c1af9ac33a9949d1193505a"  # of b"some"


@pytest.mark.parametrize(
    ("signed", "posted", "outcome", "reason"),
    [
        ((200, {}, {}), None, Outcome.UNCHANGED, ""),
        ((409, {"error": {"message": "'a.jpg' holds another picture"}}, {}), None, Outcome.REFUSED, "holds another"),
        ((403, "?", {}), None, Outcome.REFUSED, "403"),
        ((201, FORM, {}), (204, "", {"ETag": f'"{MD5}"'}), Outcome.STORED, ""),
        ((201, FORM, {}), (204, "", {"ETag": '"0"'}), Outcome.UNSENT, "other bytes than were sent"),
        ((201, FORM, {}), (403, "expired", {}), Outcome.REFUSED, "S3 answered 403"),
    ],
)
def test_each_answer_has_its_outcome(tmp_path: Path, signed: Any, posted: Any, outcome: Outcome, reason: str) -> None:
    (tmp_path / "a.jpg").write_bytes(b"some")
    sender = Uploads(TARGET, 1, overwrite=False)
    api = Api(signed, posted)
    sender._session = api  # type: ignore[assignment]
    result = sender.send(File(tmp_path / "a.jpg", "a.jpg"))
    assert (result.outcome, reason in result.reason) == (outcome, True)
    assert api.asked[0][1]["json"] == {
        "name": "a.jpg",
        "content_type": "image/jpeg",
        "md5": MD5,
        "overwrite": False,
    }
    assert len(api.asked) == 1 + (posted is not None)


def test_files_that_cannot_be_sent_have_a_reason(tmp_path: Path) -> None:
    for name in ("empty.jpg", "notes.txt", "list.csv"):
        (tmp_path / name).touch()
    with (tmp_path / "huge.jpg").open("wb") as file:
        os.truncate(file.fileno(), 15 * 1024 * 1024 + 1)
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "nowhere.jpg").symlink_to(tmp_path / "none")
    (tmp_path / "circle.jpg").symlink_to(tmp_path / "circle.jpg")
    sender = Uploads(TARGET, 1, overwrite=False)
    names = ("empty.jpg", "notes.txt", "list.csv", "huge.jpg", "gone.jpg", "pipe.jpg", "nowhere.jpg")
    results = [sender.send(File(tmp_path / name, name)) for name in names]
    results.append(sender.send(File(Path(os.fsdecode(b"there/caf\xe9.jpg")), os.fsdecode(b"caf\xe9.jpg"))))
    assert [(result.name, result.outcome, result.reason.partition(";")[0]) for result in results] == [
        ("empty.jpg", Outcome.REFUSED, "it is empty"),
        ("notes.txt", Outcome.SKIPPED, "not a picture by its name"),
        ("list.csv", Outcome.SKIPPED, "not a picture by its name"),
        ("huge.jpg", Outcome.REFUSED, "it has 15,728,641 bytes"),
        ("gone.jpg", Outcome.UNSENT, "No such file or directory"),
        ("pipe.jpg", Outcome.SKIPPED, "neither a file nor a folder"),
        ("nowhere.jpg", Outcome.UNSENT, "a broken link"),
        ("caf\ufffd.jpg", Outcome.REFUSED, "its name is not UTF-8"),
    ]
    assert results[-1].source == "there/caf\ufffd.jpg"


URL = Address("https://example.com/a.jpg", "x/a.jpg")


@pytest.mark.parametrize(
    ("status", "document", "outcome", "reason"),
    [
        (201, {"request_id": "1"}, Outcome.STORED, ""),
        (200, {"request_id": "1"}, Outcome.UNCHANGED, ""),
        (502, {"error": {"message": "the source answered 404"}}, Outcome.REFUSED, "the source answered 404"),
    ],
)
def test_a_url_is_stored_by_the_api_or_refused_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, status: int, document: Any, outcome: Outcome, reason: str
) -> None:
    asked: list[Any] = []

    def call(target: Target, method: str, address: str, *, body: Any) -> requests.Response:
        asked.append((method, address, body))
        answer = requests.Response()
        answer.status_code, answer.raw = status, io.BytesIO(json.dumps(document).encode())
        if not answer.ok:
            raise CallError(document["error"]["message"], status)
        return answer

    monkeypatch.setattr(uploads, "call", call)
    result = Uploads(TARGET, 1, overwrite=True).send(URL)
    assert (result.outcome, result.reason) == (outcome, reason)
    assert asked == [("POST", "http://api/images", {"url": URL.url, "name": "x/a.jpg", "overwrite": True})]


@pytest.mark.parametrize("prefix", ["", "x/"])
def test_a_url_without_a_file_name_needs_a_prefix(prefix: str) -> None:
    [address] = find_sources(["https://example.com/"], prefix)
    assert isinstance(address, Address)
    result = Uploads(TARGET, 1, overwrite=False).send(address)
    assert (result.outcome, result.reason[:27]) == (Outcome.REFUSED, "the URL has no file name; a")


RECORD = {"status": "RECOGNIZED", "correlation_id": "new", "failure": None}
FAILED = {**RECORD, "status": "FAILED", "failure": {"code": "InvalidImage", "message": "no picture"}}


@pytest.mark.parametrize(
    ("request_id", "records", "outcome", "reason"),
    [
        ("new", [None, {**RECORD, "correlation_id": "old"}, RECORD], Outcome.STORED, ""),
        ("new", [{**FAILED, "correlation_id": "old"}, FAILED], Outcome.FAILED, "InvalidImage: no picture"),
        (None, [{**FAILED, "correlation_id": "old"}], Outcome.FAILED, "InvalidImage: no picture"),
    ],
)
def test_waiting_ends_with_the_record_of_the_sent_picture(
    monkeypatch: pytest.MonkeyPatch, request_id: str | None, records: list[Any], outcome: Outcome, reason: str
) -> None:
    def image(target: Target, name: str, session: Any) -> Any:
        if (record := records.pop(0)) is None:
            raise CallError("there is no image of this name", 404)
        return record

    monkeypatch.setattr("cli.images.read_image", image)
    monkeypatch.setattr("cli.ingest.recognitions.time.sleep", lambda seconds: None)
    result = Recognitions(TARGET, 1).wait(Result("a.jpg", "a.jpg", Outcome.STORED, request_id=request_id))
    assert (result.outcome, result.reason, records) == (outcome, reason, [])


@pytest.mark.parametrize(("status", "reason"), [(404, "nothing was recognised for 5 minutes"), (403, "no")])
def test_waiting_ends_if_nothing_is_recognised(monkeypatch: pytest.MonkeyPatch, status: int, reason: str) -> None:
    def image(target: Target, name: str, session: Any) -> Any:
        raise CallError("no", status)

    monkeypatch.setattr("cli.images.read_image", image)
    monkeypatch.setattr(recognitions, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(recognitions, "FIRST_PAUSE_SECONDS", 0.01)
    result = Recognitions(TARGET, 1).wait(Result("a.jpg", "a.jpg", Outcome.STORED, request_id="1"))
    assert (result.outcome, result.reason[: len(reason)]) == (Outcome.PENDING, reason)


class Interrupted:
    """Uploads that are interrupted at the third file."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def send(self, source: Source) -> Result:
        if source.name == "2":
            raise KeyboardInterrupt
        return Result.of(source, Outcome.STORED)


def test_an_interrupt_shows_the_progress_and_how_to_continue(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "err", Console(soft_wrap=True))
    monkeypatch.setattr(ingest, "Uploads", Interrupted)
    files = [File(Path(str(number)), str(number)) for number in range(5)]
    with pytest.raises(typer.Exit) as ended:
        ingest.send_all(TARGET, files, 1, overwrite=False)
    assert ended.value.exit_code == 130
    assert "of 5 files; the same command continues" in capsys.readouterr().out


def test_every_file_that_was_not_stored_is_shown_with_its_reason_and_failures_last(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "out", Console(soft_wrap=True, highlight=False, width=80))
    long = "long/" * 40
    results = [Result(f"{number}.txt", "", Outcome.SKIPPED, "not a picture by its name") for number in range(50)]
    results += [Result(f"{long}b.jpg", "b.jpg", Outcome.FAILED, "InvalidImage: no picture")]
    results += [Result("a.jpg", "a.jpg", Outcome.STORED)]
    ingest.show_results(results, as_json=False)
    text = capsys.readouterr().out.splitlines()
    assert text[:3] == ["1 stored", "50 skipped", "  0.txt: not a picture by its name"]
    assert text[-2:] == ["1 FAILED", f"  {long}b.jpg: InvalidImage: no picture"]
    assert len(text) == 1 + 51 + 2
    ingest.show_results(results, as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert (document["stored"], document["skipped"], document["failed"], document["unsent"]) == (1, 50, 1, 0)
    assert len(document["problems"]) == 51
    assert document["problems"][-1] == {
        "file": f"{long}b.jpg",
        "name": "b.jpg",
        "outcome": "failed",
        "reason": "InvalidImage: no picture",
    }


@pytest.mark.parametrize(
    ("name", "body", "lines"),
    [
        ("a.csv", b"url,name\nhttps://a/b.jpg,\nno URL\n\n", 2),
        ("a.jsonl", b'{"url": "https://a/b.jpg"}', 1),
        ("a.json", b'[{"url": "https://a/b.jpg"}, {"url": "https://a/c.jpg"}]', 2),
        ("a.json", b'{"url": "https://a/b.jpg"}', 1),
        ("a.json", b"[", 0),
    ],
)
def test_a_manifests_lines_are_counted_as_the_system_reads_them(name: str, body: bytes, lines: int) -> None:
    assert manifest_files.count_lines(Path(name), body) == lines


def test_manifests_are_recognised_only_without_other_files(tmp_path: Path) -> None:
    """A .json beside pictures is more likely to be metadata of a camera or an archive."""
    for name in ("a.csv", "b.JSON", "c.jpg"):
        (tmp_path / name).touch()
    paths = {name: str(tmp_path / name) for name in ("a.csv", "b.JSON", "c.jpg")}
    assert ingest.manifests_of([paths["a.csv"], paths["b.JSON"]]) == [tmp_path / "a.csv", tmp_path / "b.JSON"]
    assert ingest.manifests_of([paths["a.csv"], paths["c.jpg"]]) == []
    assert ingest.manifests_of([str(tmp_path)]) == []


def test_a_duration_is_shown_in_hours_and_minutes() -> None:
    assert [manifests.duration(seconds) for seconds in (3, 600, 200_000)] == [
        "less than a minute",
        "10 min",
        "55 h 33 min",
    ]


class Bucket:
    """A bucket with these keys."""

    def __init__(self, *keys: str) -> None:
        self.keys = keys

    def get_paginator(self, _: str) -> Any:
        return self

    def paginate(self, **_: Any) -> Any:
        return self

    def search(self, _: str) -> Any:
        yield from ({"Key": key} for key in self.keys)
        if not self.keys:
            yield None


def test_the_system_reads_the_manifests_of_a_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "MAX_LINES", 2)
    keys = ("2026/a b.jpg", "2026/deep/ü.HEIC", "2026/notes.txt", "2026/c.png")
    with ExitStack() as files:
        listing = buckets.list_pictures(Bucket(*keys), "archive", "2026/", "x/", files)  # type: ignore[arg-type]
        assert (listing.pictures, listing.others, len(listing.files)) == (3, 1, 2)
        found: list[Any] = []
        for manifest in listing.files:
            manifest.seek(0)
            found += [entry for _, entry in entries("jsonl", [manifest.read()], Position())]
    assert [(entry.url, entry.name) for entry in found if isinstance(entry, Entry)] == [
        ("s3://archive/2026/a b.jpg", "x/a b.jpg"),
        ("s3://archive/2026/deep/ü.HEIC", "x/deep/ü.HEIC"),
        ("s3://archive/2026/c.png", "x/c.png"),
    ]
    with ExitStack() as files:
        empty = buckets.list_pictures(Bucket(), "archive", "", "", files)  # type: ignore[arg-type]
    assert empty.pictures == 0
