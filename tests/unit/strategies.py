"""Arbitrary events, with any text and any boxes."""

from typing import Any

from hypothesis import strategies as st

from common.runtime.recognition_event import AbilityResult, Box, Failure, Instance, Label, RecognitionEvent

percent = st.floats(0, 100, width=32)  # as Rekognition computes them
fraction = st.floats(-0.5, 1.5, width=32)
anything = st.text(st.characters(exclude_categories=[]), max_size=40)  # halves of surrogate pairs too
times = st.datetimes().map(lambda time: time.isoformat(timespec="milliseconds") + "Z")

instances = st.builds(
    Instance, confidence=percent, box=st.builds(Box, left=fraction, top=fraction, width=fraction, height=fraction)
)
names = st.lists(anything, max_size=3).map(tuple)
labels = st.builds(
    Label,
    name=anything,
    confidence=percent,
    parents=names,
    categories=names,
    aliases=names,
    instances=st.lists(instances, max_size=3).map(tuple),
)

boxes = st.fixed_dictionaries(dict.fromkeys(("left", "top", "width", "height"), fraction))
points = st.fixed_dictionaries({"x": fraction, "y": fraction})
smiles = st.fixed_dictionaries({"value": st.booleans(), "confidence": percent})
emotions = st.fixed_dictionaries({"type": anything, "confidence": percent})
findings: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "text": st.fixed_dictionaries(
        {"text": anything, "type": st.sampled_from(["line", "word"]), "id": st.integers(0, 99), "confidence": percent},
        optional={"parent_id": st.integers(0, 99), "box": boxes, "polygon": st.lists(points, max_size=4)},
    ),
    "moderation": st.fixed_dictionaries(
        {
            "name": anything,
            "parent": st.none() | anything,
            "level": st.none(),
            "confidence": percent,
        }
    ),
    "faces": st.fixed_dictionaries(
        {
            "confidence": percent,
            "box": boxes,
            "pose": st.fixed_dictionaries(dict.fromkeys(("roll", "yaw", "pitch"), fraction)),
            "quality": st.fixed_dictionaries({"brightness": percent, "sharpness": percent}),
            "attributes": st.fixed_dictionaries({}, optional={"smile": smiles, "emotions": st.lists(emotions)}),
        },
        optional={"landmarks": st.lists(st.fixed_dictionaries({"type": anything, "x": fraction, "y": fraction}))},
    ),
    "celebrities": st.fixed_dictionaries(
        {"name": anything, "id": anything, "urls": st.lists(anything), "confidence": percent, "box": boxes}
    ),
    "later": st.fixed_dictionaries({"depth": fraction, "note": anything, "layers": st.lists(boxes)}),
}
"""Findings of abilities, also of an ability that does not exist yet."""


def results(finding: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[AbilityResult]:
    """Arbitrary results of an ability."""
    return st.builds(
        AbilityResult,
        status=st.sampled_from(["done", "failed"]),
        at=times,
        model=st.none() | anything,
        found=st.lists(finding, max_size=3).map(tuple),
        failure=st.none() | st.builds(Failure, code=anything, message=anything),
        truncated=st.booleans(),
    )


abilities = st.fixed_dictionaries({}, optional={name: results(finding) for name, finding in findings.items()})
events = st.builds(
    RecognitionEvent,
    event=st.sampled_from(["image.recognized", "image.failed", "image.deleted"]),
    event_id=st.uuids().map(str),
    image=anything,
    image_id=st.uuids().map(str),
    bucket=anything,
    version_id=st.none() | anything,
    source_url=st.none() | anything,
    uploaded_at=st.none() | times,
    correlation_id=st.none() | st.uuids().map(str),
    occurred_at=times,
    model=st.none() | anything,
    labels=st.lists(labels, max_size=4).map(tuple),
    failure=st.none() | st.builds(Failure, code=anything, message=anything),
    truncated=st.booleans(),
)
