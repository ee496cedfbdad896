"""Compare our verdicts on the test images of Pillow and pillow-heif with those of Pillow's own decoder.

The images come with the source distributions of the installed versions. pip fetches them once into .build/pictures.
Without a package index the test fails in CI, and is skipped elsewhere, with the reason.
"""

import io
import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
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
FEWEST = 1_156
MAX_PIXELS = 60_000_000
SECONDS = 60

DIFFERENCES = {
    "apng/chunk_no_fctl.png": "later frames are damaged; the first is whole",
    "png_decompression_dos.png": "only a text is too large",
    "truncated_end_chunk.png": "only the end mark is cut off",
    "truncated_jpeg.jpg": "only the end mark is cut off: all scans are whole",
    "unknown_compression_method.png": "only a text is damaged",
}
"""Images that Pillow refuses and we take, because we ignore metadata and end marks."""


def source_distribution(name: str) -> Path:
    """Return a package's source distribution; fetch it if it is not there yet."""
    file = FOLDER / f"{name.replace('-', '_')}-{version(name)}.tar.gz"
    if not file.exists():
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-build-isolation"]
        command += ["--no-binary", ":all:", "--dest", str(FOLDER), f"{name}=={version(name)}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            wanted = f"the source distribution of {name} {version(name)}"
            reason = f"pip could not fetch {wanted}, which holds test images: {done.stderr.strip()}"
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


def is_decoded_by_pillow(body: bytes) -> bool:
    try:
        kind = kind_of(io.BytesIO(body))
    except NoPictureError:
        return False
    try:
        with Image.open(io.BytesIO(body), formats=[kind]) as image:
            if image.width * image.height > MAX_PIXELS:
                return False
            image.load()
    except Exception:  # noqa: BLE001 - Pillow raises errors of many kinds
        return False
    return True


@dataclass(frozen=True)
class Verdicts:
    """The refusals of one image by inspection and by conversion, and Pillow's verdict."""

    name: str
    inspected: type[PictureError] | None
    converted: type[PictureError] | None
    pillow_decodes: bool

    @property
    def agree(self) -> bool:
        """Return true if inspection and conversion agree. A thumbnail may be made of a picture of any size."""
        return self.inspected is self.converted or self.inspected is TooSmallPictureError


class Judge:
    """Judges images, with a decoder service for each thread."""

    def __init__(self) -> None:
        self._of_thread = threading.local()
        self._decoders: list[Decoder] = []

    def judge(self, image: tuple[str, bytes]) -> Verdicts:
        """Inspect and convert an image.

        Raises:
            Exception: an error other than PictureError was raised.
        """
        name, body = image
        decoder, options = self._decoder(), {"max_pixels": MAX_PIXELS, "seconds": SECONDS}
        inspected = self._refusal(lambda file: decoder.inspect(file, **options), body)
        converted = self._refusal(lambda file: decoder.convert(file, **options, form="thumbnail"), body)
        return Verdicts(name, inspected, converted, is_decoded_by_pillow(body))

    def stop(self) -> None:
        """End the decoder services."""
        for decoder in self._decoders:
            decoder.stop()

    def _decoder(self) -> Decoder:
        if not hasattr(self._of_thread, "decoder"):
            self._of_thread.decoder = Decoder()
            self._decoders.append(self._of_thread.decoder)
        decoder: Decoder = self._of_thread.decoder
        return decoder

    @staticmethod
    def _refusal(look: Callable[[io.BytesIO], object], body: bytes) -> type[PictureError] | None:
        try:
            look(io.BytesIO(body))
        except PictureError as error:
            return type(error)
        return None


@pytest.fixture
def judge() -> Iterator[Judge]:
    made = Judge()
    yield made
    made.stop()


@pytest.mark.filterwarnings("ignore")
def test_only_what_pillow_decodes_is_taken_but_for_a_short_list(judge: Judge) -> None:
    pillow_heif.register_heif_opener()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        verdicts = list(pool.map(judge.judge, images()))
    assert len(verdicts) > FEWEST
    assert [verdict for verdict in verdicts if not verdict.agree] == []
    differences = {verdict.name for verdict in verdicts if (verdict.converted is None) != verdict.pillow_decodes}
    assert differences == set(DIFFERENCES)
