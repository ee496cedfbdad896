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

from cli import ingest, ingest_bucket
from cli.ingest import CONTENT_TYPES, File, Outcome, Result, Uploads, files_of
from cli.target import Target, TargetName
from manifest_entries import Entry, Position, entries
from pictures import CONTENT_TYPES as TAKEN

TARGET = Target(
    TargetName.LOCAL, upload="http://api", labels="http://labels", deliveries="http://deliveries", api_key="key"
)


def test_what_is_taken_for_a_picture_is_what_the_system_takes() -> None:
    assert set(CONTENT_TYPES.values()) == set(TAKEN.values())
    assert CONTENT_TYPES.keys() == ingest_bucket.SUFFIXES


def test_a_folders_files_are_named_as_in_there(tmp_path: Path) -> None:
    for name in ("b.jpg", "a/c.jpg", "a/.hidden"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "loop").symlink_to(tmp_path)
    names = [file.name for file in files_of([tmp_path, tmp_path / "b.jpg"], "x/")]
    assert names == ["x/b.jpg", "x/a/.hidden", "x/a/c.jpg", "x/b.jpg"]
    with pytest.raises(FileNotFoundError):
        list(files_of([tmp_path / "none"], ""))


class Api:
    """A session that answers as it is told, and keeps what it was asked."""

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


FORM = {"url": "http://s3", "fields": {"key": "a.jpg"}}
MD5 = "03d59e663c1af9ac33a9949d1193505a"  # of b"some"


@pytest.mark.parametrize(
    ("signed", "posted", "outcome", "reason"),
    [
        ((200, {}, {}), None, Outcome.UNCHANGED, ""),
        ((409, {"error": {"message": "'a.jpg' holds another picture"}}, {}), None, Outcome.REFUSED, "holds another"),
        ((403, "?", {}), None, Outcome.REFUSED, "403"),
        ((201, FORM, {}), (204, "", {"ETag": f'"{MD5}"'}), Outcome.STORED, ""),
        ((201, FORM, {}), (204, "", {"ETag": '"0"'}), Outcome.FAILED, "not what was sent"),
        ((201, FORM, {}), (403, "expired", {}), Outcome.REFUSED, "S3 answered 403"),
    ],
)
def test_each_answer_is_told_as_what_it_means(
    tmp_path: Path, signed: Any, posted: Any, outcome: Outcome, reason: str
) -> None:
    (tmp_path / "a.jpg").write_bytes(b"some")
    uploads = Uploads(TARGET, 1, overwrite=False)
    api = Api(signed, posted)
    uploads._session = api  # type: ignore[assignment]
    result = uploads.send(File(tmp_path / "a.jpg", "a.jpg"))
    assert (result.outcome, reason in result.reason) == (outcome, True)
    assert api.asked[0][1]["json"] == {
        "name": "a.jpg",
        "content_type": "image/jpeg",
        "md5": MD5,
        "overwrite": False,
    }
    assert len(api.asked) == 1 + (posted is not None)


def test_what_cannot_be_sent_is_not_sent(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "notes.txt").touch()
    with (tmp_path / "huge.jpg").open("wb") as file:
        os.truncate(file.fileno(), 15 * 1024 * 1024 + 1)
    uploads = Uploads(TARGET, 1, overwrite=False)
    outcomes = {
        name: uploads.send(File(tmp_path / name, name)).outcome
        for name in ("empty.jpg", "notes.txt", "huge.jpg", "gone.jpg")
    }
    assert outcomes == {
        "empty.jpg": Outcome.REFUSED,
        "notes.txt": Outcome.SKIPPED,
        "huge.jpg": Outcome.REFUSED,
        "gone.jpg": Outcome.FAILED,
    }


def test_an_interrupt_says_how_far_it_came_and_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "err", Console(soft_wrap=True))
    sent: list[str] = []

    class Interrupted:
        def send(self, file: File) -> Result:
            sent.append(file.name)
            if file.name == "2":
                raise KeyboardInterrupt
            return Result(file, Outcome.STORED)

    files = [File(tmp_path, str(number)) for number in range(5)]
    with pytest.raises(typer.Exit) as ended:
        ingest._send(Interrupted(), files, 1)  # type: ignore[arg-type]
    assert ended.value.exit_code == 130
    assert "of 5 files; the same command goes on from there" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("pictures", "dollars"),
    [(0, 0), (1_000, 1), (1_000_000, 1_000), (2_000_000, 1_800), (6_000_000, 1_000 + 3_200 + 600)],
)
def test_the_price_falls_with_the_number(pictures: int, dollars: float) -> None:
    assert ingest_bucket.cost(pictures) == pytest.approx(dollars)


def test_a_duration_is_told_in_hours() -> None:
    assert [ingest_bucket.duration(seconds) for seconds in (3, 600, 200_000)] == [
        "less than a minute",
        "10 min",
        "55 h 33 min",
    ]


class Bucket:
    """Lists these keys."""

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


def test_manifests_of_a_bucket_are_ones_that_the_system_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_bucket, "MAX_LINES", 2)
    keys = ("2026/a b.jpg", "2026/deep/ü.HEIC", "2026/notes.txt", "2026/c.png")
    with ExitStack() as files:
        listing = ingest_bucket.look(Bucket(*keys), "archive", "2026/", "x/", files)  # type: ignore[arg-type]
        assert (listing.pictures, listing.others, len(listing.manifests)) == (3, 1, 2)
        found: list[Any] = []
        for manifest in listing.manifests:
            manifest.seek(0)
            found += [entry for _, entry in entries("jsonl", [manifest.read()], Position())]
    assert [(entry.url, entry.name) for entry in found if isinstance(entry, Entry)] == [
        ("s3://archive/2026/a b.jpg", "x/a b.jpg"),
        ("s3://archive/2026/deep/ü.HEIC", "x/deep/ü.HEIC"),
        ("s3://archive/2026/c.png", "x/c.png"),
    ]
    with ExitStack() as files:
        empty = ingest_bucket.look(Bucket(), "archive", "", "", files)  # type: ignore[arg-type]
    assert empty.pictures == 0
