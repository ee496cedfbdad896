"""`sightline ingest` tells files apart by their names and bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cli.ingest.picture_names import PICTURE_TYPES, Kind, content_type, kind_by_name, metadata_owner
from common.imaging.pictures import CONTENT_TYPES
from tests.picture_files import FORMATS, encoded

PICTURES = {name: encoded(Image.new("RGB", (90, 90)), name) for name in FORMATS}


def test_the_media_types_of_files_are_those_that_the_system_takes() -> None:
    assert set(PICTURE_TYPES.values()) == set(CONTENT_TYPES.values())


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("DSC00001.HIF", Kind.PICTURE),  # Sony
        ("DSCF0001.MPO", Kind.PICTURE),  # Fujifilm, two pictures for 3D
        ("a.jpe", Kind.PICTURE),
        ("a.avifs", Kind.PICTURE),
        ("a.DIB", Kind.PICTURE),
        ("holiday.d/a.b.JPeG", Kind.PICTURE),
        ("scan", Kind.OTHER),
        (".jpg", Kind.OTHER),
        ("Screenshot 2026-11-20 at 10.30.15", Kind.OTHER),
        ("Dr. Who", Kind.OTHER),
        ("a.jpg ", Kind.OTHER),
        ("list.CSV", Kind.MANIFEST),
        ("IMG_0001.MOV", Kind.VIDEO),
        ("VID_0001.insv", Kind.VIDEO),  # Insta360
        ("notes.doc", Kind.OTHER),
        ("a.7z", Kind.OTHER),
        ("IMG_0001.AAE", Kind.OTHER),
    ],
)
def test_names_are_read_as_devices_write_them(name: str, kind: Kind) -> None:
    assert kind_by_name(name) is kind


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("._IMG_0001.jpg", "macOS"),
        ("a/b/._IMG_0001.jpg", "macOS"),
        (".DS_Store", "macOS"),
        ("__MACOSX/a/._b.jpg", "macOS"),
        ("x/__MACOSX", "macOS"),
        ("Thumbs.db", "Windows"),
        ("desktop.ini", "Windows"),
        ("photos/@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg", "a Synology NAS"),
        ("photos/.@__thumb/default-a.jpg", "a QNAP NAS"),
        ("photos/@__thumb/a.jpg", "a QNAP NAS"),
        ("DCIM/.thumbnails/1700000000.jpg", "Android"),
        ("ehthumbs_vista.db", "Windows"),
        ("2009/.picasa.ini", "Picasa"),
        ("a._b.jpg", None),
        ("thumbnails/a.jpg", None),
        ("thumbs.db.jpg", None),
    ],
)
def test_metadata_of_operating_systems_are_recognised_by_their_names(path: str, owner: str | None) -> None:
    assert metadata_owner(path) == owner


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", ["scan", "a.jpg", "a.png", "a.txt", "a.mov", "a.csv"])
def test_the_bytes_of_a_picture_decide_its_media_type(name: str, format: str) -> None:
    assert content_type(name, PICTURES[format]) == CONTENT_TYPES[format]


@pytest.mark.parametrize(
    ("name", "media_type"), [("a.HIF", "image/heic"), ("a.dib", "image/bmp"), ("scan", None), ("a.txt", None)]
)
def test_the_name_decides_the_media_type_of_other_bytes(name: str, media_type: str | None) -> None:
    assert content_type(name, b"no picture") == media_type


@given(st.text(), st.binary(max_size=64))
def test_every_name_has_a_kind_and_only_pictures_have_a_media_type(name: str, start: bytes) -> None:
    kind_by_name(name)
    metadata_owner(name)
    assert content_type(name, start) in {None, *CONTENT_TYPES.values()}
