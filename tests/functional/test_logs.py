"""No secret gets into a log: callers' keys, tokens in addresses, presigned URLs, the functions' own credentials."""

import dataclasses
import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from api.runtime import get_save_image
from common.runtime import caches, http_api
from common.settings import Settings
from integration.runtime import send_email
from recognition.runtime import list_images, update_index
from recognition.runtime.records.image_records import ImageRecord
from tests.conftest import Templates
from tests.functional.conftest import API_KEY, REQUEST_ID, Answer, Context, Topic, failed, sqs_event
from tests.functional.desk import EVENT, Desk, desk_fixture, set_address  # noqa: F401 - a fixture
from tests.functional.fake_rekognition import FakeRekognition
from tests.functional.s3_bucket import S3
from tests.functional.test_manifests import Intake, intake_fixture  # noqa: F401 - a fixture
from tests.source_server import Source, serve

TOKEN = "tOkEn-of-the-source"  # noqa: S105 - what is looked for
PASSWORD = "pAsSwOrD-of-the-partner"  # noqa: S105
SESSION = "sEsSiOn-of-the-function"
SECRETS = [API_KEY, TOKEN, PASSWORD, "X-Amz-Signature", SESSION]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[Any]]]:
    """Return the lines that were logged so far, by us and by packages, at Lambda's level. No secret may be in them."""
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


@pytest.fixture
def upload(
    bucket: str, source: Source, call: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Answer]:
    def uploaded(url: str, name: str = "a.jpg") -> Answer:
        caches.clear_all()
        return call(get_save_image.handler, "GET", "/", query={"url": url, "name": name})

    monkeypatch.setenv("IMAGE_BUCKET", bucket)
    monkeypatch.setenv("MAX_IMAGE_PIXELS", "1000000")
    monkeypatch.setenv("SOURCES", json.dumps(Settings(private_sources=(source.host_and_port,)).sources))
    return uploaded


def messages(lines: Callable[[], list[Any]]) -> list[str]:
    return [line["message"] for line in lines()]


def test_uploads_whether_stored_refused_or_failed(
    lines: Callable[[], list[Any]],
    source: Source,
    upload: Callable[..., Answer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert upload(f"{source.address}/png?{TOKEN}").status == 200
    assert upload(f"{source.address}/missing?{TOKEN}").status == 502
    assert upload(f"{source.address}/redirect?http://127.0.0.1:9/{TOKEN}").status == 403
    assert upload(f"http://127.0.0.1:9/?{TOKEN}").status == 403
    assert upload(f"https://user:{PASSWORD}@host/?{TOKEN}").status == 400
    assert upload(f"https://user:{PASSWORD}/?{TOKEN}").status == 400
    assert upload(f"https://[/?{TOKEN}").status == 400
    monkeypatch.setenv("IMAGE_BUCKET", "no-such-bucket")
    assert upload(f"{source.address}/png?{TOKEN}").status == 500
    assert messages(lines) == ["stored", *["refused"] * 6, "failed"]
    assert {line["correlation_id"] for line in lines()} == {REQUEST_ID}


def index_and_mail(
    documents: list[str],
    tables: dict[str, str],
    s3: S3,
    topic: Topic,
    context: Context,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Give published documents to the other two consumers."""
    for name, table in {
        "CLASSIFICATIONS_TABLE": "classifications",
        "LABEL_INDEX_TABLE": "labelindex",
        "LABEL_COUNTS_TABLE": "labelcounts",
        "PROJECTIONS_TABLE": "projections",
    }.items():
        monkeypatch.setenv(name, tables[table])
    monkeypatch.setenv("RESULTS_BUCKET", s3.bucket)
    monkeypatch.setenv("EMAIL_TOPIC_ARN", topic.arn)
    caches.clear_all()
    for document in documents:  # one by one: moto's transactions are not made for threads
        assert failed(dict(update_index.handler(sqs_event(document), context))) == []  # type: ignore[arg-type]
    assert failed(dict(send_email.handler(sqs_event(*documents), context))) == []  # type: ignore[arg-type]


@pytest.fixture
def recognised_after_a_retry(
    lines: Callable[[], list[Any]],
    source: Source,
    upload: Callable[..., Answer],
    s3: S3,
    rekognition: FakeRekognition,
    deliver: Callable[..., list[str]],
) -> str:
    """An uploaded picture a.jpg, recognised at the second attempt together with two others. Returns its request id."""
    request_id: str = upload(f"{source.address}/png").document["request_id"]
    head = boto3.client("s3").head_object(Bucket=s3.bucket, Key="a.jpg")
    assert head["Metadata"]["correlation-id"] == request_id
    message = s3.notification("object-created", "a.jpg", head["VersionId"])
    rekognition.errors["a.jpg"] = "ThrottlingException"
    assert deliver(message) == ["0"]
    rekognition.errors.clear()
    others = [s3.put("b.jpg"), s3.put("c.jpg", **{"correlation-id": "forged, id"})]
    assert deliver(*others, message) == []
    return request_id


def test_the_correlation_id_of_an_upload_is_in_every_log_line_until_its_delivery(
    lines: Callable[[], list[Any]],
    recognised_after_a_retry: str,
    source: Source,
    s3: S3,
    records: Callable[[str], ImageRecord | None],
    tables: dict[str, str],
    labels_topic: Topic,
    desk: Desk,
    context: Context,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Other messages of the batch have their own ids."""
    request_id = recognised_after_a_retry
    record = records("a.jpg")
    assert record
    assert record.correlation_id == request_id
    published = labels_topic.published()
    ids = {each.document["image"]: each.document["correlation_id"] for each in published}
    assert ids == {"a.jpg": request_id, "b.jpg": "EXAMPLE123456789", "c.jpg": "EXAMPLE123456789"}
    documents = [each.text for each in published]

    set_address(source.address)
    assert desk.hand_over(*documents) == []
    assert {headers["x-correlation-id"] for headers in source.headers} == set(ids.values())
    items = boto3.client("dynamodb").scan(TableName=desk.tables["deliveries"])["Items"]
    assert {item["image"]["S"]: item["correlation_id"]["S"] for item in items} == ids

    index_and_mail(documents, tables, s3, labels_topic, context, monkeypatch)
    logged = lines()
    of_a = [line["message"] for line in logged if line.get("correlation_id") == request_id]
    recognition = ["message failed", "visibility was not changed", "announced"]
    assert of_a == ["stored", *recognition, "delivered", "projected", "mailed"]
    assert {line["image"]: line["correlation_id"] for line in logged} == ids
    assert all("correlation_id" in line for line in logged)


def test_manifests_whatever_is_in_their_lines(lines: Callable[[], list[Any]], intake: Intake, source: Source) -> None:
    urls = (f"{source.address}/{path}?{TOKEN}" for path in ("png", "missing", "broken"))
    others = (f"http://127.0.0.1:9/?{TOKEN}", f"s3://archive/{TOKEN}", f"s3://other/{TOKEN}", f"ftp://{TOKEN}")
    version = intake.drop("list.csv", "\n".join(f"{url},{number}.jpg" for number, url in enumerate((*urls, *others))))
    intake.run()
    report = intake.report("list.csv")
    assert (report["stored"], len(report["failed"]), len(report["rejected"])) == (1, 5, 1)
    assert {"read", "stored", "failed", "message waits", "reported"} <= set(messages(lines))
    assert {line["correlation_id"] for line in lines()} == {version}
    [head] = [boto3.client("s3").head_object(Bucket=intake.images, Key="0.jpg")]
    assert head["Metadata"]["correlation-id"] == version


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
    monkeypatch.setenv("RENDITIONS_BUCKET", "renditions")
    monkeypatch.setenv("RENDITION_INDEX_TABLE", tables["renditionindex"])
    monkeypatch.setenv("USAGE_TABLE", tables["usage"])
    monkeypatch.setenv("MONTHLY_BUDGET_USD", "0.0")
    monkeypatch.setenv("IMAGE_BUCKET", s3.bucket)
    monkeypatch.setenv("AWS_SESSION_TOKEN", SESSION)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it remembers other credentials
    caches.clear_all()
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
        caches.clear_all()
        return desk.hand_over(event.to_json())

    assert offer(f"{source.address}/{PASSWORD}") == []
    source.post_echoes = True
    source.post_status = 404
    assert offer(f"{source.address}/{PASSWORD}?{TOKEN}") == []
    source.post_status = 500
    assert offer(f"{source.address}/{PASSWORD}?{TOKEN}") == ["0"]
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


def test_the_alarm_for_failing_work_counts_messages_tried_for_long_and_invocations_that_ended_badly(
    lines: Callable[[], list[Any]],
    deliver: Callable[..., list[str]],
    s3: S3,
    rekognition: FakeRekognition,
    templates: Templates,
) -> None:
    """Applies the template's filter pattern to log lines of a real worker, and to reports of Lambda."""
    rekognition.errors["a.jpg"] = "ThrottlingException"
    message = s3.put("a.jpg")
    assert deliver(message, s3.put("b.jpg"), tried_seconds=890) == ["0"]
    assert deliver(message, tried_seconds=910) == ["0"]
    young, old = [line for line in lines() if line["message"] == "message failed"]
    resources = [r for template in templates.values() for r in template["Resources"].values()]
    [pattern] = {r["Properties"]["FilterPattern"] for r in resources if r["Type"] == "AWS::Logs::MetricFilter"}
    assert (matches(pattern, young), matches(pattern, old)) == (False, True)
    # https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html: the statuses
    reports = [{"type": "platform.report", "record": {"status": s}} for s in ("success", "error", "failure", "timeout")]
    assert [matches(pattern, report) for report in reports] == [False, True, True, True]
    assert not any(matches(pattern, line) for line in lines() if line not in (young, old))


def matches(pattern: str, line: dict[str, Any]) -> bool:
    """Read a filter pattern of CloudWatch Logs, of comparisons of JSON fields, `&&` and `||`."""

    def compared(found: re.Match[str]) -> str:
        value: Any = line
        for name in found[1].split("."):
            value = value.get(name) if isinstance(value, dict) else None
        expected = json.loads(found[3])
        if value is None or isinstance(value, str) != isinstance(expected, str):
            return "False"
        return str({"=": value == expected, "!=": value != expected, ">": value > expected}[found[2]])

    expression = re.sub(r"\$\.([\w.]+) (=|!=|>) (\"[^\"]*\"|\d+)", compared, pattern.strip("{} "))
    assert re.fullmatch(r"(True|False|&&|\|\||[() ])+", expression), pattern
    return bool(eval(expression.replace("&&", "and").replace("||", "or")))  # noqa: S307 - nothing but these words
