"""A URL goes in by HTTP, labels come out by HTTP, the partner gets its XML."""

import io
import re
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urljoin

import pytest
import requests
from PIL import Image

from tests import partner_documents
from tests.e2e.conftest import System, wait_for
from tests.picture_files import FORMATS, ORIENTATIONS, encoded, quarters, scene
from tests.source_server import Source, picture


def test_a_photo_is_listed_shown_and_delivered(system: System) -> None:
    uploaded = system.upload(f"{system.endpoints.photos}astronaut.jpg", "whole-way.jpg")
    assert uploaded.status_code == 200
    assert (uploaded.json()["image"], uploaded.json()["format"]) == ("whole-way.jpg", "JPEG")

    listed = wait_for(lambda: system.images().get("whole-way.jpg"))
    assert {"Person", "Face"} <= set(listed["labels"])

    record = system.image("whole-way.jpg")
    [face] = [label for label in record["labels"] if label["name"] == "Face"]
    assert face["confidence"] >= 70
    assert face["parents"] == ["Head", "Person"]
    box = face["instances"][0]["box"]
    assert 0.3 < box["left"] < box["left"] + box["width"] < 0.6  # where the astronaut's face is
    assert 0.1 < box["top"] < box["top"] + box["height"] < 0.4
    assert record["model"].startswith("local-")
    assert record["correlation_id"] == uploaded.json()["request_id"]

    [document] = wait_for(lambda: system.documents("whole-way.jpg"))
    content = partner_documents.read(document)
    assert content["event"] == "image.recognized"
    assert {"Person", "Face"} <= {label["name"] for label in content["labels"]["label"]}
    assert content["source_url"] == f"{system.endpoints.photos}astronaut.jpg"
    [delivery] = [entry for entry in system.deliveries() if entry["body"] == document]
    assert delivery["headers"]["x-correlation-id"] == record["correlation_id"]

    way = {("GetSaveImage", "stored"), ("ImageRecognition", "announced"), ("Project", "projected")}
    way |= {("Deliver", "delivered")}

    def said() -> set[tuple[str, str]]:
        """Return the functions that logged about this picture, with their messages."""
        lines = system.logged(record["correlation_id"])
        assert {line["image"] for line in lines} == {"whole-way.jpg"}
        return {(line["service"], line["message"]) for line in lines}

    wait_for(lambda: said() >= way)

    opened = requests.get(record["picture_url"], timeout=60)
    assert opened.content == requests.get(f"{system.endpoints.photos}astronaut.jpg", timeout=60).content


@pytest.mark.parametrize("name", ["red flower.jpg", "a+b/100%25 ü/日本.jpg", "x%2Fy#?&=.jpg", "🐕 'n' \"cat\".jpg"])
def test_any_name_works_all_the_way(system: System, source: Source, name: str) -> None:
    assert system.upload(f"{source.address}/photo.jpg", name).status_code == 200
    record = wait_for(lambda: system.image(name))
    assert (record["image"], record["status"]) == (name, "RECOGNIZED")
    assert name in system.images()
    escaped = name.replace("&", "&amp;")
    [document] = wait_for(lambda: system.documents(escaped))
    assert partner_documents.read(document)["image"] == name


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("missing", 502, "SourceFailed"),
        ("hang", 504, "SourceTimeout"),
        ("page", 415, "NotAPicture"),
        ("large", 413, "ImageTooLarge"),
        ("redirect?http://127.0.0.1:9/", 403, "SourceForbidden"),
    ],
)
def test_a_bad_source_gets_the_fitting_answer_and_nothing_is_stored(
    system: System, source: Source, path: str, status: int, code: str
) -> None:
    answer = system.upload(f"{source.address}/{path}", f"bad-{path[:8]}.jpg")
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["request_id"]
    assert f"bad-{path[:8]}.jpg" not in system.stored()


@pytest.mark.parametrize("attempt", range(10))
def test_of_two_pictures_that_race_for_one_name_one_wins(system: System, source: Source, attempt: int) -> None:
    """Both leave the source at the same moment; S3's conditional write decides."""
    name, colors = f"race/{attempt}.jpg", ("red", "green")
    with ThreadPoolExecutor() as callers:
        calls = {color: callers.submit(system.upload, f"{source.address}/together?{color}", name) for color in colors}
    answers = {color: call.result() for color, call in calls.items()}
    [winner] = [color for color in colors if answers[color].ok]
    [loser] = [color for color in colors if color != winner]
    assert answers[loser].status_code == 409
    assert answers[loser].json()["error"]["code"] == "NameTaken"
    [version] = system.s3().list_object_versions(Bucket=system.endpoints.bucket, Prefix=name)["Versions"]
    stored = system.s3().get_object(Bucket=system.endpoints.bucket, Key=name, VersionId=version["VersionId"])
    assert stored["Body"].read() == picture(color=winner)


def test_a_file_dropped_into_the_bucket_is_recognised_and_its_deletion_announced(system: System) -> None:
    body = picture(color="navy")
    system.s3().put_object(Bucket=system.endpoints.bucket, Key="dropped/file.jpg", Body=body)
    assert wait_for(lambda: system.image("dropped/file.jpg"))["size"] == len(body)
    wait_for(lambda: system.documents("dropped/file.jpg"))  # events may arrive in any order
    system.s3().delete_object(Bucket=system.endpoints.bucket, Key="dropped/file.jpg")
    wait_for(lambda: system.image("dropped/file.jpg") is None)
    assert "dropped/file.jpg" not in system.images()
    documents = wait_for(lambda: len(found := system.documents("dropped/file.jpg")) == 2 and found)
    assert [partner_documents.read(d)["event"] for d in documents] == ["image.recognized", "image.deleted"]


def test_a_corrupt_picture_among_good_ones_fails_alone_and_says_why(system: System) -> None:
    s3, bucket = system.s3(), system.endpoints.bucket
    for number in range(9):
        s3.put_object(Bucket=bucket, Key=f"many/{number}.jpg", Body=picture(color=f"hsl({number * 40}, 50%, 50%)"))
    s3.put_object(Bucket=bucket, Key="many/corrupt.jpg", Body=picture()[:300])
    failed = wait_for(lambda: system.image("many/corrupt.jpg"))
    assert (failed["status"], failed["failure"]["code"]) == ("FAILED", "InvalidImageFormatException")
    for number in range(9):
        assert wait_for(lambda: system.image(f"many/{number}.jpg"))["status"] == "RECOGNIZED"  # noqa: B023
    [document] = wait_for(lambda: system.documents("many/corrupt.jpg"))
    assert partner_documents.read(document)["failure"]["code"] == "InvalidImageFormatException"


def test_the_list_is_paged_by_its_links(system: System, source: Source) -> None:
    for number in range(3):
        system.upload(f"{source.address}/photo.jpg?{['red', 'green', 'blue'][number]}", f"page-{number}.jpg")
    names = {f"page-{number}.jpg" for number in range(3)}
    wait_for(lambda: system.images().keys() >= names and system.is_idle())  # pictures of other tests may be under way
    images = system.images()
    seen: list[str] = []
    address = f"{system.endpoints.labels}?limit={len(images) // 3}"
    while address:
        answer = requests.get(address, headers=system.headers, timeout=60)
        seen += [entry["image"] for entry in answer.json()]
        address = urljoin(address, answer.links["next"]["url"]) if answer.links else ""
    assert len(seen) == len(set(seen))
    assert set(seen) == set(images)


SPOT = {"left": 0.1, "top": 0.1, "width": 0.3, "height": 0.2}
"""The box of the white spot that the detector must find, in fractions of the upright picture's sides."""

SPOT_FILES = [
    *((f"spots/1.{kind.lower()}", kind, None) for kind in FORMATS),
    *((f"spots/{turned}.jpg", "JPEG", turned) for turned in ORIENTATIONS),
    ("spots/8.heic", "HEIF", 8),
    ("spots/6.png", "PNG", 6),
]


def spot(kind: str, orientation: int | None) -> bytes:
    image = Image.new("RGB", (200, 300), "black")
    image.paste("white", (20, 30, 80, 90))
    return encoded(image, kind, orientation=orientation)


def test_your_own_models_give_their_labels(system: System) -> None:
    """A classifier of colours and a detector of bright spots, made by hand."""
    system.s3().put_object(Bucket=system.endpoints.bucket, Key="spot.jpg", Body=spot("JPEG", 6))
    record = wait_for(lambda: system.image("spot.jpg"))
    labels = {label["name"]: label for label in record["labels"]}
    assert {"Dark", "Dog", "Animal"} <= labels.keys()
    assert record["model"] == "local-2.0+blazeface+opencv-codes+pp-ocr-v6+colours+spots"
    assert "Canine" in labels["Dog"]["parents"]


def test_every_format_and_orientation_is_recognised_with_its_boxes_in_the_right_place(
    system: System, source: Source
) -> None:
    for name, kind, orientation in SPOT_FILES:
        source.files[name] = spot(kind, orientation)
        answer = system.upload(f"{source.address}/file?{name}", name)
        assert answer.ok, answer.text
        found = system.s3().get_object(Bucket=system.endpoints.bucket, Key=name)
        assert found["Body"].read() == source.files[name]
    for name, _, _ in SPOT_FILES:
        record = wait_for(lambda: system.image(name))  # noqa: B023
        [dog] = [label for label in record["labels"] if label["name"] == "Dog"]
        [sighting] = dog["instances"]
        assert sighting["box"] == pytest.approx(SPOT, abs=0.03), name


def test_the_gallery_shows_a_picture_as_it_is(system: System, source: Source) -> None:
    """The page needs no key. A thumbnail is made, replaced and removed with its picture."""
    page = requests.get(system.endpoints.gallery, timeout=60)
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    [script] = re.findall(r'src="(gallery/[\w.-]+\.js)"', page.text)
    assert requests.get(urljoin(system.endpoints.gallery, script), timeout=60).ok
    addresses = requests.get(f"{system.endpoints.gallery}/endpoints.json", timeout=60).json()
    assert (addresses["upload"], addresses["auth"]) == (system.endpoints.upload, "api_key")

    def colours() -> list[str] | None:
        """Return the thumbnail's colours. The list has its URL."""
        listed = requests.get(
            f"{system.endpoints.labels}?limit=1000&thumbnails=true", headers=system.headers, timeout=60
        )
        entries = {entry["image"]: entry for entry in listed.json()}
        if "thumbnail_url" not in entries.get("shown.heic", {}):
            return None
        answer = requests.get(entries["shown.heic"]["thumbnail_url"], timeout=60)
        return quarters(Image.open(io.BytesIO(answer.content))) if answer.ok else None

    for seen in (scene(), scene().transpose(Image.Transpose.FLIP_LEFT_RIGHT)):
        source.files["shown"] = encoded(seen, "HEIF", orientation=6)
        assert system.upload(f"{source.address}/file?shown", "shown.heic", overwrite="true").ok
        wait_for(lambda: colours() == quarters(seen))  # noqa: B023
    record = wait_for(lambda: (image := system.image("shown.heic")) and "rendition_url" in image and image)
    shown = requests.get(record["rendition_url"], timeout=60)
    assert quarters(Image.open(io.BytesIO(shown.content))) == quarters(seen)
    system.s3().delete_object(Bucket=system.endpoints.bucket, Key="shown.heic")
    wait_for(lambda: not requests.get(record["thumbnail_url"], timeout=60).ok)
