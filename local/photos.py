"""Sample photos from installed packages, of things that the built-in engines see."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
LENT = "lent-"
INSPECTION_SECONDS = 30.0

SAMPLES = {
    "astronaut.jpg": ("scikit-image", "skimage/data/astronaut.png"),
    "cat.jpg": ("scikit-image", "skimage/data/chelsea.png"),
    "coffee.jpg": ("scikit-image", "skimage/data/coffee.png"),
    "motorcycle.jpg": ("scikit-image", "skimage/data/motorcycle_left.png"),
    "summer palace.jpg": ("scikit-learn", "sklearn/datasets/images/china.jpg"),
    "page.jpg": ("scikit-image", "skimage/data/page.png"),
}


def write_samples(folder: Path) -> list[str]:
    """Write the sample photos into the folder, as JPEG. Returns their names."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (package, path) in SAMPLES.items():
        target = folder / name
        if not target.exists():
            # Importing the package would take seconds.
            with Image.open(str(distribution(package).locate_file(path))) as image:
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
    """Put a copy of a picture into the folder that the upload API can fetch from. Yields its path there."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=LENT) as lending:
        shutil.copy(photo, lending)
        yield f"{Path(lending).name}/{photo.name}"
