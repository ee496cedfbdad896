"""Our verdicts on the test images of Pillow and pillow-heif, compared with Pillow's own decoder.

The images come with the source distributions of the installed versions. pip fetches them once into .build/pictures.
"""

import io
import os
import subprocess
import sys
import tarfile
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image

from common.imaging.decoder import Decoder
from common.imaging.pictures import NoPictureError, PictureError, TooSmallPictureError, kind_of
from tests.conftest import ROOT

DISTRIBUTIONS = {"pillow": "Tests/", "pillow-heif": "tests/"}
"""Names of packages, and the folders with their tests."""

FOLDER = ROOT / ".build" / "pictures"
FEWEST = 1_100
MAX_PIXELS = 60_000_000
SECONDS = 60

DIFFERENCES = {
    "apng/chunk_no_fctl.png": "later frames are damaged; the first is whole",
    "png_decompression_dos.png": "only a text is too large",
    "truncated_end_chunk.png": "only the end mark is cut off",
    "truncated_jpeg.jpg": "only the end mark is cut off: all scans are whole",
    "unknown_compression_method.png": "only a text is damaged",
}
"""Images that Pillow refuses and we take: metadata and end marks are no pixels."""


def source_distribution(name: str) -> Path:
    """Return a package's source distribution; fetch it if it is not there yet."""
    file = FOLDER / f"{name.replace('-', '_')}-{version(name)}.tar.gz"
    if not file.exists():
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-build-isolation"]
        command += ["--no-binary", ":all:", "--dest", str(FOLDER), f"{name}=={version(name)}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = f"the package index has no source distribution of {name} {version(name)}: {done.stderr.strip()}"
            if os.environ.get("CI"):
                pytest.fail(reason)
            pytest.skip(reason)
    return file


def images() -> Iterator[tuple[str, bytes]]:
    for name, folder in DISTRIBUTIONS.items():
        with tarfile.open(source_distribution(name)) as archive:
            for member in archive:
                path = member.name.partition("/")[2]
                content = archive.extractfile(member) if member.isfile() else None
                if content and path.startswith(folder) and not path.endswith(".py"):
                    yield path.removeprefix(folder).removeprefix("images/"), content.read()


def pillows_verdict(body: bytes) -> bool:
    try:
        kind = kind_of(io.BytesIO(body))
    except NoPictureError:
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(body), formats=[kind]) as image:
                if image.width * image.height > MAX_PIXELS:
                    return False
                image.load()
    except Exception:  # noqa: BLE001 - Pillow raises errors of many kinds
        return False
    return True


def test_only_what_pillow_decodes_is_taken_but_for_a_short_list() -> None:
    pillow_heif.register_heif_opener()
    decoder, seen, differences, disagreements = Decoder(), 0, set(), []
    for name, body in images():
        seen += 1
        refusals: list[type[PictureError] | None] = []
        for look in (
            lambda file: decoder.inspect(file, max_pixels=MAX_PIXELS, seconds=SECONDS),
            lambda file: decoder.convert(file, max_pixels=MAX_PIXELS, seconds=SECONDS, form="thumbnail"),
        ):
            try:
                look(io.BytesIO(body))
            except PictureError as error:  # any other error fails the test
                refusals.append(type(error))
            else:
                refusals.append(None)
        inspected, converted = refusals
        if inspected is not converted and inspected is not TooSmallPictureError:  # a thumbnail may be of any size
            disagreements.append((name, inspected, converted))
        if (converted is None) != pillows_verdict(body):
            differences.add(name)
    decoder.stop()
    assert seen > FEWEST
    assert disagreements == []
    assert differences == set(DIFFERENCES)
