"""Sample photos, out of packages that ship them, chosen so that the built-in models see something in each."""

from importlib.resources import as_file, files
from pathlib import Path

from PIL import Image

SAMPLES = {
    "astronaut.jpg": ("skimage.data", "astronaut.png"),
    "camera.jpg": ("skimage.data", "camera.png"),
    "grace hopper.jpg": ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
}


def write_samples(folder: Path) -> list[str]:
    """Write the sample photos into the folder, as JPEG; their names."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (package, path) in SAMPLES.items():
        target = folder / name
        if not target.exists():
            with as_file(files(package).joinpath(path)) as source, Image.open(source) as image:
                image.convert("RGB").save(target, "JPEG", quality=90)
    return list(SAMPLES)
