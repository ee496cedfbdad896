"""Arbitrary events, with any text and any boxes."""

from hypothesis import strategies as st

from common.runtime.recognition_event import Box, Failure, Instance, Label, RecognitionEvent

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
