"""Sample photos, out of packages that ship them, chosen so that the built-in models see something in each."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
LENT = "lent-"

SAMPLES = {
    "astronaut.jpg": ("scikit-image", "skimage/data/astronaut.png"),
    "camera.jpg": ("scikit-image", "skimage/data/camera.png"),
    "grace hopper.jpg": ("matplotlib", "matplotlib/mpl-data/sample_data/grace_hopper.jpg"),
}


def write_samples(folder: Path) -> list[str]:
    """Write the sample photos into the folder, as JPEG; their names."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (package, path) in SAMPLES.items():
        target = folder / name
        if not target.exists():
            # Importing the package would take seconds.
            with Image.open(str(distribution(package).locate_file(path))) as image:
                image.convert("RGB").save(target, "JPEG", quality=90)
    return list(SAMPLES)


def check(photo: Path) -> None:
    """Read the picture's header, as the upload API does.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no picture that is taken.
    """
    from common.imaging.picture_headers import inspect  # noqa: PLC0415
    from common.settings import Settings  # noqa: PLC0415

    with photo.open("rb") as file:
        inspect(file, max_pixels=Settings().max_image_pixels)


@contextmanager
def lent(photo: Path, folder: Path) -> Iterator[str]:
    """Put a picture where the upload API can fetch it for the time. Yields its path within the folder."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=LENT) as lending:
        shutil.copy(photo, lending)
        yield f"{Path(lending).name}/{photo.name}"
