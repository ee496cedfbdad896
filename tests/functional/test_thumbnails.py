"""Thumbnails of real pictures. tests/unit/test_renditions.py tests how renditions follow pictures."""

import io
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from PIL import ExifTags, Image

from common.runtime.recognition_event import image_id
from recognition.runtime import make_renditions
from recognition.runtime.renditions.rendition_store import RenditionIndex
from tests.counted import COUNTED
from tests.functional.conftest import MAX_BYTES, Context, emitted, failed, kinds, sqs_event
from tests.functional.s3_bucket import S3
from tests.picture_files import encoded, quarters, scene

AS_SEEN = ["red", "grey", "grey", "blue"]
Render = Callable[..., list[str]]
Look = Callable[[str], dict[str, Any]]


@pytest.fixture
def render(
    bucket: str, tables: dict[str, str], queue_url: str, context: Context, monkeypatch: pytest.MonkeyPatch
) -> Render:
    """Pass messages to the handler. Returns the ids of those that stay in the queue."""
    boto3.client("s3").create_bucket(Bucket="renditions")
    monkeypatch.setenv("RENDITIONS_BUCKET", "renditions")
    monkeypatch.setenv("RENDITION_INDEX_TABLE", tables["renditionindex"])
    monkeypatch.setenv("QUEUE_URL", queue_url)
    monkeypatch.setenv("MAX_IMAGE_BYTES", str(MAX_BYTES))
    monkeypatch.setenv("MAX_IMAGE_PIXELS", "60000000")
    return lambda *bodies: failed(dict(make_renditions.handler(sqs_event(*bodies), context)))  # type: ignore[arg-type]


@pytest.fixture
def look(bucket: str, tables: dict[str, str]) -> Look:
    """The renditions of an image: name -> picture. The index has the same names."""
    s3 = boto3.client("s3")
    index = RenditionIndex(boto3.client("dynamodb"), tables["renditionindex"])

    def looked(key: str) -> dict[str, Any]:
        prefix = f"{image_id(bucket, key)}/"
        found = {}
        for entry in s3.list_objects_v2(Bucket="renditions").get("Contents", []):
            assert entry["Key"].startswith(prefix)
            answer = s3.get_object(Bucket="renditions", Key=entry["Key"])
            assert (answer["ContentType"], answer["CacheControl"]) == ("image/jpeg", "private, max-age=60")
            found[entry["Key"].removeprefix(prefix)] = Image.open(io.BytesIO(answer["Body"].read()))
        entered = [rendered.names for rendered in index.find([image_id(bucket, key)]).values()]
        assert entered == ([found.keys()] if found else [])
        return found

    return looked


def test_a_thumbnail_is_small_upright_and_without_exif(
    s3: S3, render: Render, look: Look, capsys: pytest.CaptureFixture[str]
) -> None:
    assert render(s3.put_bytes("a b/ü.jpg", encoded(scene((1600, 1200)), orientation=6))) == []
    [(name, thumbnail)] = look("a b/ü.jpg").items()
    assert (name, thumbnail.format, thumbnail.size) == ("thumbnail.jpg", "JPEG", (512, 384))
    assert quarters(thumbnail) == AS_SEEN
    assert dict(thumbnail.getexif()) == {}
    assert ExifTags.Base.Orientation not in thumbnail.getexif()
    assert kinds(emitted(capsys)) == COUNTED["make_renditions"]


@pytest.mark.parametrize("format", ["HEIF", "TIFF"])
def test_formats_that_browsers_do_not_show_get_a_jpeg(s3: S3, render: Render, look: Look, format: str) -> None:
    assert render(s3.put_bytes("photo", encoded(scene((640, 480)), format, orientation=8))) == []
    found = look("photo")
    assert {name: picture.size for name, picture in found.items()} == {
        "thumbnail.jpg": (512, 384),
        "display.jpg": (640, 480),
    }
    for picture in found.values():
        assert (picture.format, quarters(picture), dict(picture.getexif())) == ("JPEG", AS_SEEN, {})


def test_a_file_that_cannot_be_shown_has_no_renditions_and_loses_old_ones(s3: S3, render: Render, look: Look) -> None:
    for body in (encoded(scene(), "WEBP")[:-40], b"no picture", b"", encoded(scene()) + bytes(MAX_BYTES)):
        assert render(s3.put_bytes("photo", encoded(scene()))) == []
        assert look("photo").keys() == {"thumbnail.jpg"}
        assert render(s3.put_bytes("photo", body)) == []
        assert look("photo") == {}


def test_a_picture_too_small_or_too_narrow_for_rekognition_has_a_thumbnail_too(
    s3: S3, render: Render, look: Look
) -> None:
    for size, wanted in (((40, 30), (40, 30)), ((9_000, 12), (512, 1))):
        assert render(s3.put_bytes("photo", encoded(Image.new("L", size, 99), "PNG"))) == []
        assert look("photo")["thumbnail.jpg"].size == wanted


def test_a_deletion_removes_the_renditions_even_if_the_upload_event_comes_last(
    s3: S3, render: Render, look: Look
) -> None:
    created = s3.put_bytes("photo", encoded(scene(), "TIFF"))
    assert render(created) == []
    deleted = s3.delete("photo")
    assert render(deleted, created) == []
    assert look("photo") == {}


def test_while_versioning_is_suspended_the_thumbnail_follows_what_overwrites_the_picture(
    s3: S3, render: Render, look: Look
) -> None:
    boto3.client("s3").put_bucket_versioning(Bucket=s3.bucket, VersioningConfiguration={"Status": "Suspended"})
    assert render(s3.put_bytes("photo", encoded(scene()))) == []
    small = s3.put_bytes("photo", encoded(Image.new("RGB", (40, 30))))
    assert render(small) == []
    assert look("photo")["thumbnail.jpg"].size == (40, 30)


def test_the_deletion_of_an_unknown_picture_does_nothing(s3: S3, render: Render, look: Look) -> None:
    assert render(s3.notification("object-deleted", "holiday/", "marker")) == []
    assert look("holiday/") == {}


def test_a_message_that_is_no_notification_stays_in_the_queue(s3: S3, render: Render, look: Look) -> None:
    assert render("no json", s3.put_bytes("photo", encoded(scene()))) == ["0"]
    assert look("photo").keys() == {"thumbnail.jpg"}


def test_renditions_from_before_the_index_are_entered_and_not_made_again(
    s3: S3, render: Render, look: Look, tables: dict[str, str]
) -> None:
    created = s3.put_bytes("photo", encoded(scene(), "TIFF"))
    assert render(created) == []
    made = boto3.client("s3").list_objects_v2(Bucket="renditions")["Contents"]
    [name] = {entry["Key"].partition("/")[0] for entry in made}
    RenditionIndex(boto3.client("dynamodb"), tables["renditionindex"]).remove(name)
    assert render(created) == []
    assert look("photo").keys() == {"thumbnail.jpg", "display.jpg"}
    assert boto3.client("s3").list_objects_v2(Bucket="renditions")["Contents"] == made
