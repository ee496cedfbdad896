"""`sightline ingest`: sending files and URLs, waiting for their recognition, and printing the results."""

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
import requests
import typer
from PIL import Image
from rich.console import Console

from cli import output
from cli.abilities import asked_of, deployed_abilities
from cli.api_client import CallError
from cli.commands import ingest
from cli.ingest import manifest_files, manifests, recognitions, uploads
from cli.ingest.manifests import ManifestSystem
from cli.ingest.recognitions import Recognitions
from cli.ingest.sources import Address, File, Outcome, Result, Source, find_sources
from cli.ingest.uploads import Uploads
from cli.target import Target, TargetName
from common.runtime.abilities.asked import AbilityError
from tests.picture_files import encoded

TARGET = Target(
    TargetName.LOCAL,
    upload_url="http://api",
    labels_url="http://labels",
    deliveries_url="http://deliveries",
    api_key="key",
)


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


@pytest.mark.parametrize(
    ("asked_again", "outcome", "reason"),
    [
        ((200, {}, {}), Outcome.STORED, ""),
        ((409, {"error": {"message": "another picture"}}, {}), Outcome.UNSENT, "S3 stored other bytes than were sent"),
        ((201, FORM, {}), Outcome.UNSENT, "S3 stored other bytes than were sent"),
        ((403, "?", {}), Outcome.REFUSED, "403"),
    ],
)
def test_an_etag_that_is_no_md5_lets_the_api_compare_the_bytes(
    tmp_path: Path, asked_again: Any, outcome: Outcome, reason: str
) -> None:
    """S3 gives such ETags to objects that are encrypted with a KMS key."""
    (tmp_path / "a.jpg").write_bytes(b"some")
    sender = Uploads(TARGET, 1, overwrite=True)
    api = Api((201, FORM, {}), (204, "", {"ETag": '"0"'}), asked_again)
    sender._session = api  # type: ignore[assignment]
    result = sender.send(File(tmp_path / "a.jpg", "a.jpg"))
    assert (result.outcome, reason in result.reason) == (outcome, True)
    assert api.asked[2][1]["json"] == {**api.asked[0][1]["json"], "overwrite": False}


@pytest.mark.parametrize("name", ["scan", "scan.txt", "scan.mov", "scan.csv", "scan.jpg"])
def test_a_file_is_sent_as_what_its_bytes_are(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(encoded(Image.new("RGB", (90, 90)), "PNG"))
    sender = Uploads(TARGET, 1, overwrite=False)
    api = Api((200, {}, {}))
    sender._session = api  # type: ignore[assignment]
    assert sender.send(File(tmp_path / name, name)).outcome is Outcome.UNCHANGED
    assert api.asked[0][1]["json"]["content_type"] == "image/png"


@pytest.mark.parametrize("source", [None, Address("https://host/a.jpg", "a.jpg")])
def test_each_file_and_url_asks_for_the_abilities(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: Address | None
) -> None:
    (tmp_path / "a.jpg").write_bytes(b"some")
    sender, api = Uploads(TARGET, 1, overwrite=False, abilities=["faces", "text"]), Api((200, {}, {}))
    sender._session = api  # type: ignore[assignment]
    monkeypatch.setattr("cli.http_sessions.Session", lambda: api)
    assert sender.send(source or File(tmp_path / "a.jpg", "a.jpg")).outcome is Outcome.UNCHANGED
    assert api.asked[0][1]["json"]["abilities"] == ["faces", "text"]


ENABLED = {"text": {"when": "always", "calls_per_second": 2}, "faces": {"when": "asked", "calls_per_second": 25}}


def with_abilities(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Target, "outputs", {"Abilities": json.dumps(ENABLED)})


def test_only_abilities_of_the_system_may_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked_of(TARGET, ()) == ()
    with_abilities(monkeypatch)
    assert asked_of(TARGET, ["text", "faces", "text"]) == ("faces", "text")
    with pytest.raises(AbilityError, match="celebrities is not enabled; enabled are text, faces"):
        asked_of(TARGET, ["text", "celebrities"])
    monkeypatch.setattr(Target, "outputs", {})
    with pytest.raises(AbilityError, match="the setting abilities enables no ability"):
        asked_of(TARGET, ["text"])


def test_an_ability_that_is_not_enabled_is_refused_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_abilities(monkeypatch)
    monkeypatch.setattr(ingest, "open_target", lambda _: TARGET)
    monkeypatch.setattr("cli.http_sessions.retrying_session", lambda _: pytest.fail("something is sent"))
    (tmp_path / "a.jpg").write_bytes(b"some")
    with pytest.raises(typer.Exit):
        ingest.command([str(tmp_path / "a.jpg")], ability=["moderation"])


@pytest.mark.parametrize(
    ("asked", "calls", "cost", "time"),
    [
        ([], "at most 500,000 of DetectLabels and of DetectText", "at most $1,000.00 on AWS", "at 2 calls a second"),
        (["faces"], "DetectLabels and of DetectText and of DetectFaces", "at most $1,400.00 on AWS", "at 2 calls"),
    ],
)
def test_the_cost_of_a_manifest_counts_its_abilities(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    asked: list[str],
    calls: str,
    cost: str,
    time: str,
) -> None:
    with_abilities(monkeypatch)
    monkeypatch.setattr(manifests, "err", Console(soft_wrap=True))
    system = ManifestSystem(TARGET, "bucket", "table", frozenset(), 5, deployed_abilities(TARGET))
    manifests.print_cost(500_000, system, asked)
    text = capsys.readouterr().out
    assert calls in text
    assert cost in text
    assert time in text


def test_files_that_are_no_pictures_are_skipped_with_a_reason(tmp_path: Path) -> None:
    reasons = {
        "._IMG_0001.jpg": "metadata of macOS",
        "Thumbs.db": "metadata of Windows",
        "IMG_0001.MOV": "a video; only pictures are stored",
        "notes": "its bytes are not a picture",
        "a.xmp": "its bytes are not a picture",
        "BMW.md": "its bytes are not a picture",
        "list.txt": "its bytes are not a picture; to send a manifest, give only manifests",
    }
    sender = Uploads(TARGET, 1, overwrite=False)
    for name, reason in reasons.items():
        (tmp_path / name).write_bytes(b"BMWs are no pictures")
        result = sender.send(File(tmp_path / name, name))
        assert (result.outcome, result.reason) == (Outcome.SKIPPED, reason)


def test_files_that_cannot_be_sent_have_a_reason(tmp_path: Path) -> None:
    for name in ("empty.jpg", "notes.doc", "list.csv"):
        (tmp_path / name).touch()
    with (tmp_path / "huge.jpg").open("wb") as file:
        os.truncate(file.fileno(), 15 * 1024 * 1024 + 1)
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "nowhere.jpg").symlink_to(tmp_path / "none")
    (tmp_path / "circle.jpg").symlink_to(tmp_path / "circle.jpg")
    sender = Uploads(TARGET, 1, overwrite=False)
    names = ("empty.jpg", "notes.doc", "list.csv", "huge.jpg", "gone.jpg", "pipe.jpg", "nowhere.jpg")
    results = [sender.send(File(tmp_path / name, name)) for name in names]
    results.append(sender.send(File(Path(os.fsdecode(b"there/caf\xe9.jpg")), os.fsdecode(b"caf\xe9.jpg"))))
    assert [(result.name, result.outcome, result.reason.partition(";")[0]) for result in results] == [
        ("empty.jpg", Outcome.REFUSED, "the file is empty"),
        ("notes.doc", Outcome.SKIPPED, "its bytes are not a picture"),
        ("list.csv", Outcome.SKIPPED, "its bytes are not a picture"),
        ("huge.jpg", Outcome.REFUSED, "the file has 15,728,641 bytes"),
        ("gone.jpg", Outcome.UNSENT, "No such file or directory"),
        ("pipe.jpg", Outcome.SKIPPED, "neither a file nor a folder"),
        ("nowhere.jpg", Outcome.UNSENT, "a broken link"),
        ("caf\ufffd.jpg", Outcome.REFUSED, "the file's name is not UTF-8"),
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


class Interrupted(Uploads):
    """Uploads that are interrupted at the third file."""

    def send(self, source: Source) -> Result:
        if source.name == "2":
            raise KeyboardInterrupt
        return Result.of(source, Outcome.STORED)


def test_an_interrupt_shows_the_progress_and_how_to_continue(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "err", Console(soft_wrap=True))
    files = [File(Path(str(number)), str(number)) for number in range(5)]
    with pytest.raises(typer.Exit) as ended:
        ingest.send_all(Interrupted(TARGET, 1, overwrite=False), files, 1)
    assert ended.value.exit_code == 130
    assert "of 5 files; run the same command to continue" in capsys.readouterr().out


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
        ("a.csv", b"sep=;\nurl;name\nhttps://a/b.jpg;b.jpg\n", 1),
        ("a.tsv", "name\turl\r\nb.jpg\thttps://a/b.jpg\r\n".encode("utf-16"), 1),
    ],
)
def test_the_pictures_of_a_manifest_are_counted_at_most(name: str, body: bytes, lines: int) -> None:
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
