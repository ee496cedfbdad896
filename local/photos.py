"""Sample photos from installed packages. They show things that the built-in engines recognise."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
LENT = "lent-"
INSPECTION_SECONDS = 30.0


@dataclass(frozen=True)
class Sample:
    """A photo in an installed package."""

    package: str
    path: str
    licence: str
    credit: str = ""
    """The end of the photo's credit line. The name of the package precedes it."""


SAMPLES = {
    "astronaut.jpg": Sample("scikit-image", "skimage/data/astronaut.png", "public domain", ", by NASA"),
    "cat.jpg": Sample("scikit-image", "skimage/data/chelsea.png", "CC0", ", by Stéfan van der Walt"),
    "coffee.jpg": Sample("scikit-image", "skimage/data/coffee.png", "CC0", ", by Rachel Michetti"),
    "motorcycle.jpg": Sample(
        "scikit-image",
        "skimage/data/motorcycle_left.png",
        "as scikit-image",
        ", from the Middlebury stereo dataset by Daniel Scharstein and others",
    ),
    "summer palace.jpg": Sample(
        "scikit-learn", "sklearn/datasets/images/china.jpg", "CC BY 2.0", ", by danielbuechele"
    ),
    "page.jpg": Sample("scikit-image", "skimage/data/page.png", "as scikit-image"),
}


def write_samples(folder: Path) -> list[str]:
    """Write the sample photos into the folder, as JPEG. Returns their names."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, sample in SAMPLES.items():
        target = folder / name
        if not target.exists():
            # Importing the package would take seconds.
            with Image.open(str(distribution(sample.package).locate_file(sample.path))) as image:
                image.convert("RGB").save(target, "JPEG", quality=90)
    return list(SAMPLES)


def check(photo: Path) -> None:
    """Inspect the picture, as the upload API does.

    Raises:
        OSError: the file cannot be read.
        ValueError: the upload API would refuse the picture.
    """
    from common.imaging.decoder import inspect  # noqa: PLC0415
    from common.settings import Settings  # noqa: PLC0415

    with photo.open("rb") as file:
        inspect(file, max_pixels=Settings().max_image_pixels, seconds=INSPECTION_SECONDS)


@contextmanager
def lent(photo: Path, folder: Path) -> Iterator[str]:
    """Put a copy of a picture into the folder that the upload API can fetch from. Yields the path in this folder."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=LENT) as lending:
        shutil.copy(photo, lending)
        yield f"{Path(lending).name}/{photo.name}"
