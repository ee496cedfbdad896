import dataclasses
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer
from hypothesis import given
from hypothesis import strategies as st

from common.runtime.recognition_event import Box, Failure, Instance, Label
from recognition.runtime.records import image_records
from recognition.runtime.records.image_records import ImageRecord
from tests.unit.strategies import labels

records = st.builds(
    ImageRecord,
    image=st.text(min_size=1, max_size=20),
    image_id=st.uuids().map(str),
    status=st.sampled_from(["RECOGNIZED", "FAILED", "DELETED"]),
    bucket=st.just("images"),
    version_id=st.none() | st.just("v1"),
    sequencer=st.text("0123456789ABCDEF", min_size=64, max_size=64),
    uploaded_at=st.just("2026-11-20T09:30:00.123Z"),
    recognized_at=st.just("2026-11-20T09:30:01.456Z"),
    fingerprint=st.just("f"),
    size=st.none() | st.integers(1, 15_000_000),
    source_url=st.none() | st.just("https://host/a.jpg"),
    model=st.none() | st.just("3.0"),
    labels=st.lists(labels, max_size=3).map(tuple),
    failure=st.none() | st.builds(Failure, code=st.text(), message=st.text()),
)


@given(records)
def test_a_record_reads_back_as_what_was_written(record: ImageRecord) -> None:
    assert image_records.from_item(image_records.to_item(record)) == record


def stored(record: ImageRecord) -> dict[str, Any]:
    item = image_records.to_item(record)
    return {name: TypeDeserializer().deserialize(value) for name, value in item.items()}


def person(*, instances: int) -> ImageRecord:
    box = Box(left=0.1, top=0.2, width=0.3, height=0.4)
    label = Label(
        name="Person", confidence=98.87621307373047, instances=(Instance(confidence=98.5, box=box),) * instances
    )
    return ImageRecord(
        image="a.jpg",
        image_id="id",
        status="RECOGNIZED",
        bucket="images",
        version_id="v",
        sequencer="01",
        uploaded_at="2026-11-20T09:30:00.123Z",
        recognized_at="2026-11-20T09:30:01.456Z",
        fingerprint="f",
        labels=(label,),
    )


def test_labels_are_stored_as_data_with_exact_decimals() -> None:
    item = stored(person(instances=1))
    assert item["labels"][0]["confidence"] == Decimal("98.87621307373047")
    assert item["labels"][0]["instances"][0]["box"]["left"] == Decimal("0.1")
    assert item["label_names"] == ["Person"]
    assert "source_url" not in item


def test_an_item_that_dynamodb_would_refuse_is_stored_without_boxes() -> None:
    item = stored(person(instances=6000))
    assert item["truncated"] is True
    assert item["labels"][0]["instances"] == []


@given(records, records, st.sampled_from(["2026-11-20T09:30:00.000Z", "2026-11-20T09:30:01.457Z"]))
def test_a_record_that_follows_another_is_later_even_if_the_clock_of_its_worker_is_slow(
    previous: ImageRecord, record: ImageRecord, recognized_at: str
) -> None:
    following = dataclasses.replace(record, recognized_at=recognized_at).following(previous)
    assert following.recognized_at == "2026-11-20T09:30:01.457Z"
