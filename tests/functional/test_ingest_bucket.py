"""`sightline ingest s3://bucket/prefix`: the manifests that it writes, with moto's S3."""

from contextlib import ExitStack

import boto3
import pytest
from PIL import Image

from api.runtime.manifests.manifest_layout import Layout
from api.runtime.manifests.manifest_lines import Asking, Entry, entries
from api.runtime.manifests.manifest_pieces import Position
from cli.ingest import buckets
from cli.ingest.buckets import Listing
from cli.ingest.manifests import ManifestSystem
from cli.target import Target, TargetName
from tests.picture_files import encoded

BUCKET = "archive"


def fill(*keys: str, body: bytes = b"no picture") -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    for key in keys:
        s3.put_object(Bucket=BUCKET, Key=key, Body=body)


def listed(start: str, prefix: str) -> tuple[Listing, list[tuple[str, str]]]:
    """List the bucket. Returns also the URLs and names that the system reads from the manifests."""
    with ExitStack() as files:
        listing = buckets.list_pictures(boto3.client("s3"), BUCKET, start, prefix, files)
        found = []
        for manifest in listing.files:
            manifest.seek(0)
            found += [entry for _, entry in entries(Layout("JSON lines"), [manifest.read()], Position(), Asking())]
    return listing, [(entry.url, entry.name) for entry in found if isinstance(entry, Entry)]


def test_the_system_reads_the_manifests_of_a_bucket(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "MAX_LINES", 2)
    fill("2026/a b.jpg", "2026/c.png", "2026/deep/ü.HEIC", "2026/notes.doc", "2025/d.jpg")
    listing, found = listed("2026/", "x/")
    assert (listing.pictures, listing.others, len(listing.files)) == (3, 1, 2)
    assert found == [
        ("s3://archive/2026/a b.jpg", "x/a b.jpg"),
        ("s3://archive/2026/c.png", "x/c.png"),
        ("s3://archive/2026/deep/ü.HEIC", "x/deep/ü.HEIC"),
    ]


def test_an_empty_bucket_has_no_manifest(aws: None) -> None:
    fill()
    listing, _ = listed("", "")
    assert (listing.pictures, listing.others, listing.files) == (0, 0, [])


def test_metadata_and_folders_are_left_out(aws: None) -> None:
    fill("__MACOSX/._a.jpg", "._b.jpg", "c/", "c/@eaDir/d.jpg", "e.mov", "f.HIF")
    listing, found = listed("", "")
    assert ([name for _, name in found], listing.others) == (["f.HIF"], 5)


def test_the_bytes_decide_about_objects_without_a_name_of_pictures(aws: None) -> None:
    fill("text", "empty")
    s3 = boto3.client("s3")
    s3.put_object(Bucket=BUCKET, Key="empty", Body=b"")
    s3.put_object(Bucket=BUCKET, Key="scan", Body=encoded(Image.new("RGB", (90, 90))))
    s3.put_object(Bucket=BUCKET, Key="archived", Body=encoded(Image.new("RGB", (90, 90))), StorageClass="GLACIER")
    s3.put_object(Bucket=BUCKET, Key="photo.txt", Body=encoded(Image.new("RGB", (90, 90))))
    listing, found = listed("", "")
    assert ([name for _, name in found], listing.others) == (["photo.txt", "scan"], 3)


def test_the_manifests_of_a_bucket_ask_for_abilities(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    fill("a.jpg")
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="manifests")
    s3.put_bucket_versioning(Bucket="manifests", VersioningConfiguration={"Status": "Enabled"})
    target = Target(TargetName.AWS, upload_url="", labels_url="", deliveries_url="", api_key=None)
    monkeypatch.setattr(Target, "client", lambda _, service: boto3.client(service))
    system = ManifestSystem(target, "manifests", "lines", frozenset(), 5)
    with ExitStack() as files:
        listing = buckets.list_pictures(s3, BUCKET, "", "", files)
        [sent] = buckets.write_manifests(system, BUCKET, listing, ("text",))
    assert s3.head_object(Bucket="manifests", Key=sent.manifest.key)["Metadata"] == {"abilities": "text"}
