"""Judge the labels that the local Rekognition gives to photos from packages.

A list names the right labels. It was written before the measurement. The benchmark fails if fewer labels are
right, or more labels are wrong, than docs/local-rekognition.md promises.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.photos import LICENCES, ROOT, SETS, Photo, fetch, read_list, source
from local import photos as samples
from local.rekognition import labels
from local.rekognition.engines.classifier import Classifier
from local.rekognition.engines.detector import CLASSES, Detector
from local.rekognition.pictures import Picture
from local.rekognition.sight import Sight, default_engines
from local.rekognition.taxonomy import label_of

if TYPE_CHECKING:
    from collections.abc import Iterable

PAGE = ROOT / "docs" / "local-rekognition.md"
SHOWN, COUNTED = SETS[:2], SETS[2:]
MIN_RIGHT, MAX_WRONG, MAX_WRONG_SHARE = 8, 1, 0.1
BANDS = (55, 75, 80, 90)
BEGIN, END = "<!-- photos: `make bench-sight OPTIONS=--write` -->", "<!-- /photos -->"


@dataclass(frozen=True)
class Verdict:
    """The labels of one photo."""

    photo: Photo
    labels: dict[str, float]
    """Confidence by name."""
    specific: frozenset[str]
    """The labels that are not an ancestor of another label."""

    @property
    def wrong(self) -> list[str]:
        """Return the wrong labels, without their ancestors."""
        return sorted(self.specific - self.photo.right)

    @property
    def is_right(self) -> bool:
        """Return True if at least one label is right."""
        return not self.photo.right.isdisjoint(self.labels)


def judge(sight: Sight, photo: Photo) -> Verdict:
    """Look at a photo as DetectLabels does, with its default settings."""
    found = _labels(sight, photo.file)
    return Verdict(photo, {label["Name"]: label["Confidence"] for label in found}, _specific(found))


def _labels(sight: Sight, file: Path) -> list[dict[str, Any]]:
    detections = sight.look(Picture(file.read_bytes()))
    answer: list[dict[str, Any]] = labels.answer(labels.Question.of({}), detections, version=sight.version)["Labels"]
    return answer


def _specific(found: list[dict[str, Any]]) -> frozenset[str]:
    """Return the names of the labels that are not an ancestor of another label."""
    ancestors = {parent["Name"] for label in found for parent in label["Parents"]}
    return frozenset({label["Name"] for label in found} - ancestors)


def report(verdicts: list[Verdict]) -> str:
    """Return the tables of docs/local-rekognition.md, in Markdown."""
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


def sample_report(sight: Sight) -> str:
    """Return the table of the photos that `make local` shows, in Markdown."""
    lines = ["| photo | from | licence | labels, with their confidence in percent |", "|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        for name in samples.write_samples(Path(folder)):
            sample = samples.SAMPLES[name]
            found = _labels(sight, Path(folder, name))
            shown = [
                f"{label['Name']} {label['Confidence']:.0f}{_boxes(label)}"
                for label in found
                if label["Name"] in _specific(found) or label["Instances"]
            ]
            lines.append(f"| {name} | {sample.package}{sample.credit} | {sample.licence} | {', '.join(shown)} |")
    return "\n".join(lines)


def _boxes(label: dict[str, Any]) -> str:
    count = len(label["Instances"])
    return f" ({count} {'boxes' if count > 1 else 'box'})" if count else ""


def source_report(photos: Iterable[Photo]) -> str:
    """Return the table of the photos' packages, in Markdown."""
    counts = Counter(photo.package for photo in photos)
    lines = ["| package | from | photos | licence |", "|---|---|---|---|"]
    lines += [f"| {name} | {source(name)} | {counts[name]} | {licence} |" for name, licence in LICENCES.items()]
    return "\n".join(lines)


def _ordered(verdict: Verdict) -> list[str]:
    return sorted(verdict.specific, key=lambda name: -verdict.labels[name])


def write_page(tables: str) -> None:
    """Replace the tables in the page."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{tables}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


def missed_limits(verdicts: list[Verdict]) -> list[str]:
    """Return a sentence for each promise about the labels that the results break."""
    wheels = [each for each in verdicts if each.photo.set == "wheels"]
    right, wrong = sum(each.is_right for each in wheels), sum(bool(each.wrong) for each in wheels)
    missed = []
    if right < MIN_RIGHT:
        missed.append(f"{right} photos of wheels have a right label; expected at least {MIN_RIGHT}")
    if wrong > MAX_WRONG:
        missed.append(f"{wrong} photos of wheels have a wrong label; expected at most {MAX_WRONG}")
    for name in COUNTED:
        some = [each for each in verdicts if each.photo.set == name]
        wrong = sum(bool(each.wrong) for each in some)
        if wrong > MAX_WRONG_SHARE * len(some):
            missed.append(f"{wrong} of {len(some)} photos of {name} have a wrong label; expected at most one in ten")
    return missed


def fit(photos: list[Photo]) -> str:
    """Return the calibration that fits the photos best, for each kind of score."""
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
    """Return every score above 0.2, even if it is not reported. Each score has the verdict on its label."""
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
    """Return the share of right labels in each range of confidence, in Markdown."""
    counts: Counter[tuple[int, bool]] = Counter()
    for verdict in verdicts:
        for name in verdict.specific:
            band = next(lowest for lowest in reversed(BANDS) if verdict.labels[name] >= lowest)
            counts[band, name in verdict.photo.right] += 1
    lines = ["| confidence | labels | right |", "|---|---|---|"]
    for lowest, highest in itertools.pairwise([*BANDS, 100]):
        right, wrong = counts[lowest, True], counts[lowest, False]
        lines.append(f"| {lowest} to {highest} % | {right + wrong} | {right} |")
    return "\n".join(lines)


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--fetch", action="store_true", help="fetch the packages with the other photos first")
    parser.add_argument("--fit", action="store_true", help="fit the calibrations as well")
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
    counted = [verdict for verdict in verdicts if verdict.photo.set in COUNTED]
    tables = "\n\n".join([report(verdicts), reliability(counted), sample_report(sight), source_report(photos)])
    print(tables)
    if options.fit:
        print(f"by {', '.join(SHOWN)}:\n{fit([photo for photo in photos if photo.set in SHOWN])}")
        print(f"by all but {SETS[-1]}:\n{fit([photo for photo in photos if photo.set != SETS[-1]])}")
    if options.write:
        write_page(tables)
    missed = missed_limits(verdicts)
    for limit in missed:
        print(f"error: {limit}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
