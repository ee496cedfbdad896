"""Files by form, objects of any key, manifests, and the command line: all ways in except the URL."""

import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import boto3.s3.transfer
import pytest
import requests

from local.cloud import Cloud
from local.deployment import SOURCE_BUCKET
from tests.e2e.conftest import System, wait_for
from tests.e2e.test_commands import sightline
from tests.source_server import Source, picture

pytestmark = pytest.mark.usefixtures("without_thumbnails")

LINES = int(os.environ.get("MANIFEST_LINES", "100"))
"""`make test-manifest` takes 10,000."""


def sign(system: System, **wish: Any) -> requests.Response:
    return requests.post(f"{system.endpoints.upload}/uploads", json=wish, headers=system.headers, timeout=60)


def post(form: Any, body: bytes, **fields: str) -> requests.Response:
    return requests.post(form["url"], data={**form["fields"], **fields}, files={"file": body}, timeout=60)


def test_a_file_posted_with_a_form_is_recognised_and_the_form_is_enforced(system: System) -> None:
    wish = {"name": "forms/ü + 1.jpg", "content_type": "image/jpeg"}
    form = sign(system, **wish).json()
    large = post(form, bytes(15 * 1024 * 1024 + 1))
    assert "EntityTooLarge" in large.text
    for field, value in (("Content-Type", "text/html"), ("key", "forms/other.jpg")):
        refused = post(form, picture(), **{field: value})
        assert (refused.status_code, "AccessDenied" in refused.text) == (403, True), refused.text
    assert system.stored() & {"forms/ü + 1.jpg", "forms/other.jpg"} == set()

    assert post(form, picture(color="olive")).ok
    assert wait_for(lambda: system.image("forms/ü + 1.jpg"))["status"] == "RECOGNIZED"
    assert sign(system, **wish).status_code == 409
    assert sign(system, **wish, md5=hashlib.md5(picture(color="olive")).hexdigest()).status_code == 200  # noqa: S324


LONG = "lang/" + "ü" * 500 + "/" + "x" * 18  # 1,024 bytes


@pytest.mark.parametrize("key", ["a b +%25.jpg", "Größe/Ärger.jpg", "🐕🦺/📷", LONG])
def test_an_object_of_any_key_is_recognised(system: System, key: str) -> None:
    assert len(LONG.encode()) == 1024
    system.s3().put_object(Bucket=system.endpoints.bucket, Key=key, Body=picture(color="maroon"))
    record = wait_for(lambda: system.image(key))
    assert (record["image"], record["status"]) == (key, "RECOGNIZED")


def test_a_file_that_came_in_parts_is_recognised(system: System, tmp_path: Path) -> None:
    """`aws s3 cp` sends files over 8 MB in parts."""
    file = tmp_path / "large.bmp"
    file.write_bytes(picture("BMP", size=(1800, 1200)))
    config = boto3.s3.transfer.TransferConfig(multipart_threshold=5 * 1024 * 1024, multipart_chunksize=5 * 1024 * 1024)
    system.s3().upload_file(str(file), system.endpoints.bucket, "parts/large.bmp", Config=config)
    head = system.s3().head_object(Bucket=system.endpoints.bucket, Key="parts/large.bmp")
    assert "-" in head["ETag"]
    assert wait_for(lambda: system.image("parts/large.bmp"))["status"] == "RECOGNIZED"


def report(system: System, key: str) -> Any:
    """Return the report if it is final."""
    s3 = system.s3()
    try:
        found = s3.get_object(Bucket=system.endpoints.manifests, Key=f"reports/{key}.json")
    except s3.exceptions.NoSuchKey:
        return None
    document = json.loads(found["Body"].read())
    return document if document["status"] != "running" else None


@pytest.mark.timeout(3600 if LINES > 1000 else 300)
def test_a_long_manifest_with_bad_lines_ends_in_a_report_that_adds_up(system: System, source: Source) -> None:
    """A hundredth of the lines is bad, another hundredth names missing objects. URLs differ, most pictures do not."""
    colors = ("red", "green", "blue", "navy", "teal")
    lines = []
    for number in range(1, LINES + 1):
        path = "missing" if number % 100 == 50 else f"photo.jpg?{colors[number % 5]}"
        entry = {"url": f"{source.address}/{path}", "name": f"manifest/{number}.jpg"}
        lines.append("a bad line" if number % 100 == 0 else json.dumps(entry))
    before = len(source.requests)
    system.s3().put_object(Bucket=system.endpoints.manifests, Key="long list.jsonl", Body="\n".join(lines))
    found = wait_for(lambda: report(system, "long list.jsonl"), 3000 if LINES > 1000 else 120)

    hundredth = LINES // 100
    assert found["status"] == "done"
    assert (found["lines"], found["accepted"], found["pending"]) == (LINES, LINES - hundredth, 0)
    assert [line["line"] for line in found["rejected"]] == list(range(100, LINES + 1, 100))
    assert [line["line"] for line in found["failed"]] == list(range(50, LINES + 1, 100))
    assert (found["stored"], found["unchanged"]) == (LINES - 2 * hundredth, 0)
    assert len(source.requests) - before == LINES - hundredth
    names = {f"manifest/{n}.jpg" for n in range(1, LINES + 1) if n % 50}
    stored: set[str] = set()
    for page in (
        system.s3().get_paginator("list_objects_v2").paginate(Bucket=system.endpoints.bucket, Prefix="manifest/")
    ):
        stored |= {entry["Key"] for entry in page["Contents"]}
    assert stored == names
    assert wait_for(lambda: system.image("manifest/1.jpg"))["source_url"] == f"{source.address}/photo.jpg?green"


def ingest(cloud: Cloud, *arguments: str, code: int = 0) -> Any:
    done = sightline(cloud, "ingest", *arguments, "--json")
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    for number, name in enumerate(("a.jpg", "deep/er/b ü+.JPG", "deep/c.png")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(
            picture("PNG" if name.endswith("png") else "JPEG", color=f"hsl({number}, 90%, 40%)")
        )
    (folder / "notes.doc").write_text("no picture")
    return folder


def test_a_folder_is_ingested_once_however_often_it_is_tried(system: System, cloud: Cloud, folder: Path) -> None:
    first = ingest(cloud, str(folder), "--prefix", "folder/")
    counts = {"stored": 3, "unchanged": 0, "skipped": 1, "refused": 0, "unsent": 0, "pending": 0, "failed": 0}
    skipped = {"file": f"{folder}/notes.doc", "name": "folder/notes.doc", "outcome": "skipped"}
    assert first == {**counts, "problems": [{**skipped, "reason": "its bytes are not a picture"}]}
    for name in ("folder/a.jpg", "folder/deep/er/b ü+.JPG", "folder/deep/c.png"):
        assert system.image(name)["status"] == "RECOGNIZED", "the command has waited for it"

    (folder / "a.jpg").write_bytes(picture(color="black"))
    (folder / "huge.jpg").write_bytes(bytes(15 * 1024 * 1024 + 1))
    again = ingest(cloud, str(folder), "--prefix", "folder/", code=1)
    assert (again["stored"], again["unchanged"], again["refused"]) == (0, 2, 2)
    taken, large = [problem for problem in again["problems"] if problem["outcome"] == "refused"]
    assert "holds another picture" in taken["reason"]
    assert "15,728,641 bytes" in large["reason"]
    (folder / "huge.jpg").unlink()
    assert ingest(cloud, str(folder), "--prefix", "folder/", "--overwrite")["stored"] == 1
    assert system.image("folder/a.jpg")["size"] == (folder / "a.jpg").stat().st_size, "not the record of before"

    (folder / "broken.jpg").write_bytes(b"no picture")
    for _ in range(2):  # sent, and there already
        shown = sightline(cloud, "ingest", str(folder), "--prefix", "folder/")
        assert shown.returncode == 1
        assert shown.stdout.splitlines()[-2] == "1 FAILED"
        assert shown.stdout.splitlines()[-1].startswith(f"  {folder}/broken.jpg: InvalidImageFormatException: ")


def test_a_url_and_a_manifest_are_ingested_by_the_command_line(
    system: System, cloud: Cloud, source: Source, tmp_path: Path
) -> None:
    url = f"{source.address}/photo.jpg"
    first = ingest(cloud, url, f"{source.address}/missing", "--prefix", "by url/", code=1)
    assert (first["stored"], first["refused"]) == (1, 1)
    assert "404" in first["problems"][0]["reason"]
    assert system.image("by url/photo.jpg")["source_url"] == url

    manifest = tmp_path / "a list.jsonl"
    lines = [{"url": url, "name": "by list/1.jpg"}, {"url": f"{source.address}/missing"}, {"name": "no URL"}]
    manifest.write_text("\n".join(map(json.dumps, lines)))
    found = ingest(cloud, str(manifest), code=1)
    assert [found[name] for name in ("stored", "unchanged", "rejected", "failed", "pending")] == [1, 0, 1, 1, 0]
    assert sorted((problem["outcome"], problem["line"]) for problem in found["problems"]) == [
        ("failed", 2),
        ("rejected", 3),
    ]
    assert wait_for(lambda: system.image("by list/1.jpg"))["source_url"] == url
    assert ingest(cloud, str(manifest), code=1)["unchanged"] == 1


def test_a_missing_file_is_named_by_the_command_line(cloud: Cloud) -> None:
    refused = sightline(cloud, "ingest", "no-such-folder")
    assert refused.returncode == 1
    assert "no-such-folder" in refused.stderr


def test_a_bucket_is_copied_by_manifests_once_it_is_a_source(system: System, cloud: Cloud) -> None:
    s3 = system.s3()
    s3.create_bucket(Bucket=SOURCE_BUCKET)
    for name in ("2025/old.jpg", "2026/new ü.jpg", "2026/readme.txt", "2026/page.jpg"):
        body = {"2026/readme.txt": b"Read me", "2026/page.jpg": b"<html>"}.get(name) or picture(color="purple")
        s3.put_object(Bucket=SOURCE_BUCKET, Key=name, Body=body)
    place = f"s3://{SOURCE_BUCKET}/2026/"

    asked: subprocess.CompletedProcess[str] = sightline(cloud, "ingest", place)
    assert asked.returncode == 1
    assert "2 pictures" in asked.stderr
    assert "1 object left out" in asked.stderr
    assert "at most $0.00" in asked.stderr

    done = ingest(cloud, place, "--prefix", "copied/", "--yes", "--wait", code=1)
    assert (done["stored"], done["failed"], done["pending"]) == (1, 1, 0)
    assert wait_for(lambda: system.image("copied/new ü.jpg"))["source_url"] == f"{place}new%20%C3%BC.jpg"
    assert "copied/page.jpg" not in system.stored()
    again = ingest(cloud, place, "--prefix", "copied/", "--yes", "--wait", code=1)
    assert (again["stored"], again["unchanged"]) == (0, 1)

    refused = sightline(cloud, "ingest", "s3://somebody-elses/", "--yes")
    assert refused.returncode == 1
    assert f'put "source_buckets": "{SOURCE_BUCKET},somebody-elses" into' in refused.stderr
