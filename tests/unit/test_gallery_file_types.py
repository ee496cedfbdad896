"""The gallery tells files apart by their names and bytes as `sightline ingest` does."""

import base64
import itertools

from PIL import Image

from cli.ingest.picture_names import PICTURE_TYPES, VIDEO_SUFFIXES, Kind, content_type, kind_by_name
from common.imaging.pictures import CONTENT_TYPES, SIGNATURE_BYTES
from tests.gallery_modules import evaluate
from tests.picture_files import FORMATS, encoded

MODULE = "uploads/file_types.ts"
NAMES = [
    *("a.txt", "a.csv"),
    *(f"a{suffix}" for suffix in (*PICTURE_TYPES, *VIDEO_SUFFIXES)),
    *("DSC00001.HIF", "a.b.JPeG", "scan", ".jpg", "a.jpg ", "Dr. Who", "notes.doc", "a", "IMG_0001.MOV", "é.Mpo"),
]
STARTS = [
    *(encoded(Image.new("RGB", (90, 90)), name)[:SIGNATURE_BYTES] for name in FORMATS),
    *(
        b"",
        b"no picture",
        b"BMWs are no pictures",
        b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif",
        b"\0\0\0\x18ftypqt  ",
        b"MM\0+\0\0",
        b"RIFF\n\n\n\nWEBP",
    ),
]


def test_bytes_and_names_decide_the_media_type() -> None:
    files = list(itertools.product(NAMES, STARTS))
    found = evaluate(
        MODULE,
        "Promise.all(value.map(([name, start]) => module.mediaType(new File([Buffer.from(start, 'base64')], name))))",
        [(name, base64.b64encode(start).decode()) for name, start in files],
    )
    assert dict(zip(files, found, strict=True)) == {file: content_type(*file) for file in files}


def test_a_picture_with_the_name_of_metadata_is_none() -> None:
    names = ["._a.jpg", "a._b.jpg", "_.jpg"]
    found = evaluate(MODULE, "Promise.all(value.map((name) => module.mediaType(new File([], name))))", names)
    assert found == [None, "image/jpeg", "image/jpeg"]


def test_a_video_is_called_a_video() -> None:
    found = evaluate(MODULE, "value.map(module.isVideo)", NAMES)
    assert found == [kind_by_name(name) is Kind.VIDEO for name in NAMES]


def test_the_file_dialog_offers_every_name_of_a_picture() -> None:
    assert set(evaluate(MODULE, "module.ACCEPTED_FILES", None).split(",")) == {*CONTENT_TYPES.values(), *PICTURE_TYPES}
