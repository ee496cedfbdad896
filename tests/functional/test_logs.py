"""No secret gets into a log: callers' keys, tokens in addresses, presigned URLs, the functions' own credentials."""

import dataclasses
import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

import get_save_image
import http_api
import list_images
from common.settings import Settings
from tests.functional.conftest import API_KEY, S3, Answer, FakeRekognition
from tests.functional.desk import EVENT, Desk, desk_fixture, forget, set_address  # noqa: F401 - a fixture
from tests.functional.test_manifests import Intake, intake_fixture  # noqa: F401 - a fixture
from tests.source_server import Source, serve

TOKEN = "tOkEn-of-the-source"  # noqa: S105 - what is looked for
PASSWORD = "pAsSwOrD-of-the-partner"  # noqa: S105
SESSION = "sEsSiOn-of-the-function"
SECRETS = [API_KEY, TOKEN, PASSWORD, "X-Amz-Signature", SESSION]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[Any]]]:
    """What was logged so far, by us and by the packages that we use, at the level that Lambda takes it from."""
    written = io.StringIO()
    monkeypatch.setattr(http_api.logger.registered_handler, "stream", written)  # one logger for all modules
    caplog.set_level(logging.INFO)
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    everything = written.getvalue() + caplog.text
    for secret in SECRETS:
        assert secret not in everything


@pytest.fixture
def source() -> Iterator[Source]:
    with serve() as running:
        yield running


def messages(lines: Callable[[], list[Any]]) -> list[str]:
    return [line["message"] for line in lines()]


def test_uploads_whether_stored_refused_or_failed(
    lines: Callable[[], list[Any]],
    bucket: str,
    source: Source,
    call: Callable[..., Answer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def upload(url: str, name: str = "a.jpg") -> int:
        for cached in (get_save_image._environment, get_save_image._saver, get_save_image._forms):
            cached.cache_clear()
        return call(get_save_image.handler, "GET", "/", query={"url": url, "name": name}).status

    monkeypatch.setenv("IMAGE_BUCKET", bucket)
    monkeypatch.setenv("MAX_IMAGE_PIXELS", "1000000")
    monkeypatch.setenv("SOURCES", json.dumps(Settings(private_sources=(source.host_and_port,)).sources))
    assert upload(f"{source.address}/png?{TOKEN}") == 200
    assert upload(f"{source.address}/missing?{TOKEN}") == 502
    assert upload(f"{source.address}/redirect?http://127.0.0.1:9/{TOKEN}") == 403
    assert upload(f"http://127.0.0.1:9/?{TOKEN}") == 403
    assert upload(f"https://user:{PASSWORD}@host/?{TOKEN}") == 400
    assert upload(f"https://user:{PASSWORD}/?{TOKEN}") == 400
    assert upload(f"https://[/?{TOKEN}") == 400
    monkeypatch.setenv("IMAGE_BUCKET", "no-such-bucket")
    assert upload(f"{source.address}/png?{TOKEN}") == 500
    assert messages(lines) == ["stored", *["refused"] * 6, "failed"]


def test_manifests_whatever_is_in_their_lines(lines: Callable[[], list[Any]], intake: Intake, source: Source) -> None:
    urls = (f"{source.address}/{path}?{TOKEN}" for path in ("png", "missing", "broken"))
    others = (f"http://127.0.0.1:9/?{TOKEN}", f"s3://archive/{TOKEN}", f"s3://other/{TOKEN}", f"ftp://{TOKEN}")
    intake.drop("list.csv", "\n".join(f"{url},{number}.jpg" for number, url in enumerate((*urls, *others))))
    intake.run()
    report = intake.report("list.csv")
    assert (report["stored"], len(report["failed"]), len(report["rejected"])) == (1, 5, 1)
    assert {"read", "stored", "failed", "message waits", "reported"} <= set(messages(lines))


def test_pictures_presigned_urls(
    lines: Callable[[], list[Any]],
    s3: S3,
    tables: dict[str, str],
    deliver: Callable[..., list[str]],
    call: Callable[..., Answer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CLASSIFICATIONS_TABLE", tables["classifications"])
    monkeypatch.setenv("LABEL_INDEX_TABLE", tables["labelindex"])
    monkeypatch.setenv("LABEL_COUNTS_TABLE", tables["labelcounts"])
    monkeypatch.setenv("IMAGE_BUCKET", s3.bucket)
    monkeypatch.setenv("AWS_SESSION_TOKEN", SESSION)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it remembers other credentials
    for cached in (list_images._environment, list_images._records, list_images._s3):
        cached.cache_clear()
    assert deliver(s3.put("a.jpg", **{"source-url": f"https://host/a.jpg?{TOKEN}"})) == []
    shown = call(list_images.handler, "GET", "/images/a.jpg", parameters={"image": "a.jpg"})
    for part in ("X-Amz-Signature=", f"X-Amz-Security-Token={SESSION}"):
        assert part in shown.document["picture_url"]
    assert shown.document["source_url"].endswith(TOKEN)
    assert call(list_images.handler, "GET", "/images", query={"nmae": TOKEN}).status == 400
    boto3.client("dynamodb").delete_table(TableName=tables["classifications"])
    assert call(list_images.handler, "GET", "/images", query={"name": "a.jpg"}).status == 500
    assert messages(lines) == ["announced", "refused", "failed"]


def test_recognition_that_fails(
    lines: Callable[[], list[Any]], s3: S3, rekognition: FakeRekognition, deliver: Callable[..., list[str]]
) -> None:
    rekognition.errors["a.jpg"] = "ThrottlingException"
    assert deliver(s3.put("a.jpg", **{"source-url": f"https://host/a.jpg?{TOKEN}"}), f'{{"{TOKEN}": 1}}') == ["0", "1"]
    assert "message failed" in messages(lines)


def test_deliveries_whether_taken_refused_or_impossible(
    lines: Callable[[], list[Any]], desk: Desk, source: Source
) -> None:
    """The third party's address is a parameter that may well hold a token."""
    event = dataclasses.replace(EVENT, source_url=f"https://host/a.jpg?{TOKEN}")

    def offer(address: str) -> list[str]:
        set_address(address)
        forget()
        return desk.hand_over(event.to_json())

    assert offer(f"{source.address}/{PASSWORD}") == []
    source.post_status = 500
    assert offer(f"{source.address}/{PASSWORD}") == ["0"]
    for impossible in (
        "http://127.0.0.1:9",
        "https://[",
        "ftp://host",
        "http://",
        "nonsense:",
        f"http://{PASSWORD}@:x",
    ):
        assert offer(f"{impossible}/?{PASSWORD}") == ["0"]
    assert messages(lines).count("delivered") == 1
    assert messages(lines).count("not delivered") > 3
