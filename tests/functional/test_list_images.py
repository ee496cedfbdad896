from collections.abc import Callable
from urllib.parse import parse_qsl, quote, urlsplit

import boto3
import pytest
import requests

from common.runtime.recognition_event import Box, Failure, Instance, Label
from recognition.runtime import list_images
from recognition.runtime.records.image_documents import INTERNAL
from recognition.runtime.records.image_records import ImageRecord, ImageRecords
from recognition.runtime.renditions.rendition_store import RenditionFiles, RenditionIndex, RenditionStore
from tests.findings import moderation, words
from tests.functional.conftest import Answer
from tests.functional.recorders import recorded_calls

DOG = Label(
    name="Dog",
    confidence=98.13,
    parents=("Animal", "Pet"),
    instances=(Instance(confidence=98.13, box=Box(left=0.1, top=0.2, width=0.3, height=0.4)),),
)


def record(image: str, minute: int, **values: object) -> ImageRecord:
    plain: dict[str, object] = {
        "image": image,
        "image_id": f"id of {image}",
        "status": "RECOGNIZED",
        "bucket": "images",
        "version_id": "v1",
        "sequencer": "01",
        "uploaded_at": f"2026-11-20T09:{minute:02}:00.000Z",
        "recognized_at": f"2026-11-20T09:{minute:02}:01.000Z",
        "fingerprint": "f",
        "size": 1024,
        "source_url": "https://host/a.jpg",
        "model": "3.0",
        "labels": (DOG,),
    }
    return ImageRecord(**(plain | values))  # type: ignore[arg-type]


@pytest.fixture
def records(tables: dict[str, str], table: str, bucket: str, monkeypatch: pytest.MonkeyPatch) -> ImageRecords:
    monkeypatch.setenv("CLASSIFICATIONS_TABLE", table)
    monkeypatch.setenv("LABEL_INDEX_TABLE", tables["labelindex"])
    monkeypatch.setenv("LABEL_COUNTS_TABLE", tables["labelcounts"])
    monkeypatch.setenv("USAGE_TABLE", tables["usage"])
    monkeypatch.setenv("MONTHLY_BUDGET_USD", "0.0")
    monkeypatch.setenv("IMAGE_BUCKET", bucket)
    monkeypatch.setenv("RENDITIONS_BUCKET", "renditions")
    monkeypatch.setenv("RENDITION_INDEX_TABLE", tables["renditionindex"])
    return ImageRecords(boto3.client("dynamodb"), table)


@pytest.fixture
def renditions(records: ImageRecords, tables: dict[str, str]) -> RenditionStore:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="renditions")
    return RenditionStore(s3, "renditions", RenditionIndex(boto3.client("dynamodb"), tables["renditionindex"]))


@pytest.fixture
def get(records: ImageRecords, call: Callable[..., Answer]) -> Callable[..., Answer]:
    def got(path: str = "/", **query: str) -> Answer:
        parameters = {"image": path.removeprefix("/images/")} if path.startswith("/images/") else None
        return call(list_images.handler, "GET", path, query=query, parameters=parameters)

    return got


def test_an_empty_list_is_an_empty_list(get: Callable[..., Answer]) -> None:
    answer = get()
    assert (answer.status, answer.document) == (200, [])
    assert "Link" not in answer.headers


def test_the_list_has_names_and_labels_newest_first(get: Callable[..., Answer], records: ImageRecords) -> None:
    records.replace(None, record("old.jpg", 1))
    records.replace(None, record("new.jpg", 3))
    records.replace(
        None,
        record("bad.jpg", 2, status="FAILED", labels=(), failure=Failure(code="ImageTooLargeException", message="m")),
    )
    answer = get()
    assert [entry["image"] for entry in answer.document] == ["new.jpg", "bad.jpg", "old.jpg"]
    assert answer.document[0]["labels"] == ["Dog"]
    assert [entry["status"] for entry in answer.document] == ["RECOGNIZED", "FAILED", "RECOGNIZED"]
    assert answer.document[1]["failure"] == {"code": "ImageTooLargeException", "message": "m"}


@pytest.fixture
def moderated(records: ImageRecords, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pictures with moderation labels and one without, where the setting names the parent of one label."""
    monkeypatch.setenv("HIDE_MODERATED", '["VIOLENCE", "Tobacco"]')
    records.replace(None, record("gore.jpg", 1, abilities={"moderation": moderation("Gore", "Violence")}))
    records.replace(None, record("wine.jpg", 2, abilities={"moderation": moderation("Alcohol")}))
    records.replace(None, record("none.jpg", 3, abilities={"text": words("Violence")}))


def test_pictures_with_a_hidden_label_or_parent_are_marked(moderated: None, get: Callable[..., Answer]) -> None:
    assert [entry.get("hidden") for entry in get().document] == [None, None, True]
    assert get("/images/gore.jpg").document["hidden"] is True
    assert "hidden" not in get("/images/wine.jpg").document


def test_without_the_setting_nothing_is_marked_or_read(
    moderated: None, get: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HIDE_MODERATED")
    calls: list[str] = []
    events = list_images._records().dynamodb.meta.events
    events.register_last("before-call", lambda model, **_: calls.append(model.name), unique_id="seen")
    try:
        document = get().document
    finally:
        events.unregister("before-call", unique_id="seen")
    assert calls == ["Query"]
    assert not any("hidden" in entry for entry in document)


def test_deleted_images_are_not_listed_or_shown(get: Callable[..., Answer], records: ImageRecords) -> None:
    records.replace(None, record("a.jpg", 1, status="DELETED", expires_at=2_000_000_000))
    assert get().document == []
    assert get("/images/a.jpg").status == 404


def test_following_the_links_gives_every_image_once(get: Callable[..., Answer], records: ImageRecords) -> None:
    for number in range(7):
        records.replace(None, record(f"{number}.jpg", number % 3))  # with equal times
    seen, query, pages = [], {"limit": "3"}, 0
    while True:
        answer = get(**query)
        seen += [entry["image"] for entry in answer.document]
        pages += 1
        if "Link" not in answer.headers:
            break
        address, relation = answer.headers["Link"].split("; ")
        assert relation == 'rel="next"'
        query = dict(parse_qsl(urlsplit(address.strip("<>")).query))
    assert sorted(seen) == sorted(f"{number}.jpg" for number in range(7))
    assert pages == 3


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "many", "1.5", "", "9" * 5000])
def test_a_wrong_limit_is_refused_with_what_it_takes(get: Callable[..., Answer], limit: str) -> None:
    answer = get(limit=limit)
    assert answer.status == 400
    assert "1 to 1,000" in answer.document["error"]["message"]


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "e30=",
        "WzIsICJhIiwgImIiXQ==",
        "WzEsIDEsIDJd",
        "ü",
        "bnVsbA==",
        "WzEsIiIsIiJd",
        "WzEsIlx1ZDgwMCIsInkiXQ==",
        "W1tb" * 9000,
    ],
)
def test_a_made_up_cursor_is_refused(get: Callable[..., Answer], cursor: str) -> None:
    answer = get(cursor=cursor)
    assert (answer.status, answer.document["error"]["code"]) == (400, "InvalidParameter")


@pytest.mark.parametrize("name", ["img-01.jpg", "a/b c+d%41#?ü/日本.jpg", "100%.jpg", 'quo"te.jpg'])
def test_an_image_is_shown_in_full_whatever_its_name(
    get: Callable[..., Answer], records: ImageRecords, name: str
) -> None:
    records.replace(None, record(name, 1))
    for answer in (get(f"/images/{quote(name)}"), get("/images", name=name)):
        assert answer.status == 200
        assert answer.document["image"] == name
        assert answer.document["labels"][0] == {
            "name": "Dog",
            "confidence": 98.13,
            "parents": ["Animal", "Pet"],
            "categories": [],
            "aliases": [],
            "instances": [{"confidence": 98.13, "box": {"left": 0.1, "top": 0.2, "width": 0.3, "height": 0.4}}],
        }
        assert answer.document["source_url"] == "https://host/a.jpg"
        assert answer.document.keys().isdisjoint(INTERNAL)


def test_the_picture_url_opens_the_recognised_version_for_a_short_time(
    get: Callable[..., Answer], records: ImageRecords
) -> None:
    records.replace(None, record("a.jpg", 1))
    query = dict(parse_qsl(urlsplit(get("/images/a.jpg").document["picture_url"]).query))
    assert query["versionId"] == "v1"
    assert query["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
    assert query["X-Amz-Expires"] == "300"


@pytest.mark.parametrize(
    ("content_type", "served", "disposition"),
    [("image/png", "image/png", "inline"), (None, "application/octet-stream", "attachment")],
)
def test_the_picture_url_opens_a_pictures_type_or_a_download(
    get: Callable[..., Answer],
    records: ImageRecords,
    bucket: str,
    content_type: str | None,
    served: str,
    disposition: str,
) -> None:
    """The stored type does not matter: a browser would run scripts in HTML and SVG."""
    stored = boto3.client("s3").put_object(Bucket=bucket, Key="a.html", Body=b"<script>", ContentType="text/html")
    records.replace(None, record("a.html", 1, version_id=stored["VersionId"], content_type=content_type))
    answer = requests.get(get("/images/a.html").document["picture_url"], timeout=10)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == served
    assert answer.headers["Content-Disposition"] == disposition


@pytest.mark.parametrize("name", ["none.jpg", "x" * 3000, "%ED%A0%80"])
def test_an_unknown_image_is_404_in_words(get: Callable[..., Answer], name: str) -> None:
    answer = get(f"/images/{name}")
    assert (answer.status, answer.document["error"]["code"]) == (404, "ImageNotFound")


def test_an_unknown_parameter_or_path_is_named(get: Callable[..., Answer]) -> None:
    assert "'lmit'" in get(lmit="5").document["error"]["message"]
    assert get("/images").status == 400
    assert get("/elsewhere").status == 404


def test_a_parameter_given_twice_is_refused(records: ImageRecords, call: Callable[..., Answer]) -> None:
    answer = call(list_images.handler, "GET", "/", query=[("limit", "1"), ("limit", "2")])
    assert answer.status == 400
    assert "limit is given 2 times; it may be given once" in answer.document["error"]["message"]


def test_a_deletion_adds_a_marker_and_leaves_the_record_to_the_event(
    get: Callable[..., Answer], records: ImageRecords, bucket: str, call: Callable[..., Answer]
) -> None:
    s3 = boto3.client("s3")
    name = "red flower+1.jpg"
    s3.put_object(Bucket=bucket, Key=name, Body=b"picture")
    records.replace(None, record(name, 1))
    for _ in range(2):
        answer = call(list_images.handler, "DELETE", f"/images/{quote(name)}", parameters={"image": quote(name)})
        assert (answer.status, answer.document["image"]) == (202, name)
    listed = s3.list_object_versions(Bucket=bucket)
    assert [version["Key"] for version in listed["Versions"]] == [name]
    assert listed["DeleteMarkers"][0]["IsLatest"]
    assert get(f"/images/{quote(name)}").status == 200


@pytest.mark.parametrize("name", ["none.jpg", "gone.jpg", "x" * 3000])
def test_a_missing_image_cannot_be_deleted(
    records: ImageRecords, bucket: str, call: Callable[..., Answer], name: str
) -> None:
    records.replace(None, record("gone.jpg", 1, status="DELETED", labels=()))
    answer = call(list_images.handler, "DELETE", f"/images/{name}", parameters={"image": name})
    assert (answer.status, answer.document["error"]["code"]) == (404, "ImageNotFound")
    assert "DeleteMarkers" not in boto3.client("s3").list_object_versions(Bucket=bucket)


def test_the_description_is_handed_out(get: Callable[..., Answer]) -> None:
    assert get("/openapi.json").document["openapi"].startswith("3.1")


SHOWN, CONVERTED = RenditionFiles(b"thumbnail", None), RenditionFiles(b"thumbnail", b"display")


def test_entries_have_a_thumbnails_url_if_asked(
    get: Callable[..., Answer], records: ImageRecords, renditions: RenditionStore
) -> None:
    """The URL stays the same for a while, so that a browser can cache the thumbnail."""
    records.replace(None, record("a.heic", 1))
    renditions.put("id of a.heic", "v1", CONVERTED)
    assert "thumbnail_url" not in get().document[0]
    [entry] = get(thumbnails="true").document
    parts = urlsplit(entry["thumbnail_url"])
    assert (parts.netloc, parts.path) == ("renditions.s3.us-east-1.amazonaws.com", "/id%20of%20a.heic/thumbnail.jpg")
    assert 300 <= int(dict(parse_qsl(parts.query))["X-Amz-Expires"]) <= 900
    assert get(thumbnails="true").document == [entry]
    assert get(thumbnails="yes").status == 400
    image = get("/images/a.heic").document
    assert image["thumbnail_url"] == entry["thumbnail_url"]
    assert urlsplit(image["rendition_url"]).path == "/id%20of%20a.heic/display.jpg"


def test_urls_of_renditions_are_there_only_where_the_renditions_are(
    get: Callable[..., Answer], records: ImageRecords, renditions: RenditionStore
) -> None:
    """A picture that browsers show gets no larger rendition. Other pictures have none yet, or never get one."""
    made = {"shown.jpg": SHOWN, "converted.heic": CONVERTED, "coming.heic": None, "page.html": None}
    for name, files in made.items():
        records.replace(None, record(name, 1, status="FAILED" if name == "page.html" else "RECOGNIZED", labels=()))
        if files:
            renditions.put(f"id of {name}", "v1", files)
    listed = {entry["image"]: entry for entry in get(thumbnails="true").document}
    for name, files in made.items():
        document = get(f"/images/{name}").document
        wanted = {"thumbnail_url": files, "rendition_url": files and files.display}
        assert {member for member in wanted if member in document} == {m for m, there in wanted.items() if there}, name
        assert ("thumbnail_url" in listed[name]) == bool(files), name
        for member in wanted:
            if member in document:
                assert requests.get(document[member], timeout=10).ok
    renditions.remove("id of converted.heic")
    assert get("/images/converted.heic").document.keys().isdisjoint({"thumbnail_url", "rendition_url"})


def test_a_replaced_picture_has_other_urls_of_its_own_version(
    get: Callable[..., Answer], records: ImageRecords, renditions: RenditionStore
) -> None:
    """A browser caches by URL, and the old renditions show the old picture."""
    urls = set()
    for minute in (1, 2):
        version = record("a.heic", minute, sequencer=f"0{minute}", version_id=f"v{minute}")
        records.replace(records.get("a.heic"), version)
        assert "rendition_url" not in get("/images/a.heic").document
        renditions.put("id of a.heic", f"v{minute}", CONVERTED)
        document = get("/images/a.heic").document
        urls |= {document["thumbnail_url"], document["rendition_url"]}
        assert get(thumbnails="true").document[0]["thumbnail_url"] in urls
    assert len(urls) == 4


def test_the_thumbnails_of_a_page_take_a_call_for_each_hundred(
    get: Callable[..., Answer], records: ImageRecords, renditions: RenditionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(101):
        records.replace(None, record(f"{number}.jpg", number % 60))
        renditions.index.put(f"id of {number}.jpg", "v1", display=False)
    calls = recorded_calls(monkeypatch, list_images)
    document = get(thumbnails="true", limit="1000").document
    assert sum("thumbnail_url" in entry for entry in document) == 101
    assert calls == ["Query"] + ["BatchGetItem"] * 2


def test_the_next_page_has_thumbnails_too(get: Callable[..., Answer], records: ImageRecords) -> None:
    for number in range(2):
        records.replace(None, record(f"{number}.jpg", number))
    assert "thumbnails=true" in get(thumbnails="true", limit="1").headers["Link"]
