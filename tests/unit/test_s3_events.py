import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.runtime import s3_events
from tests.conftest import captured


def test_a_created_object_is_a_change_with_its_key_decoded_once() -> None:
    [change] = s3_events.changes(json.dumps(captured("object-created")))
    assert change.key == "red flower+100% ü.jpg"
    assert change.bucket == "images"
    assert change.version_id == "096fKKXTRTtl3on89fVO.nfljtsv6qko"
    assert change.occurred_at == "2026-11-20T09:30:00.123Z"
    assert not change.deleted
    assert change.request_id == "EXAMPLE123456789"


def test_a_delete_marker_is_a_deletion_and_comes_later() -> None:
    [created] = s3_events.changes(json.dumps(captured("object-created")))
    [deleted] = s3_events.changes(json.dumps(captured("object-deleted")))
    assert deleted.deleted
    assert deleted.key == created.key
    assert created.sequencer < deleted.sequencer


def test_the_test_event_of_s3_changes_nothing() -> None:
    assert list(s3_events.changes(json.dumps(captured("test-event")))) == []


@pytest.mark.parametrize("event", ["version-deleted", "lifecycle-expiration"])
def test_every_removal_is_a_change(event: str) -> None:
    """A version deleted permanently or a marker made by a lifecycle rule may change the current version."""
    [change] = s3_events.changes(json.dumps(captured(event)))
    assert change.deleted


def test_a_change_without_a_sequencer_comes_before_all_others() -> None:
    document = captured("object-created")
    del document["Records"][0]["s3"]["object"]["sequencer"]
    [change] = s3_events.changes(json.dumps(document))
    assert change.sequencer == "0" * 64


@pytest.mark.parametrize(
    "name", ["ObjectRestore:Completed", "Replication:OperationFailedReplication", "ObjectTagging:Put"]
)
def test_events_that_leave_the_versions_as_they_are_change_nothing(name: str) -> None:
    document = captured("object-created")
    document["Records"][0]["eventName"] = name
    assert list(s3_events.changes(json.dumps(document))) == []


def test_a_picture_whose_name_ends_like_a_folder_comes_and_goes() -> None:
    found: list[s3_events.Change] = []
    for event in ("object-created", "object-deleted"):
        document = captured(event)
        document["Records"][0]["s3"]["object"]["key"] = "holiday/"
        found += s3_events.changes(json.dumps(document))
    assert [(change.key, change.deleted) for change in found] == [("holiday/", False), ("holiday/", True)]


@pytest.mark.parametrize("body", ["", "no json", "[]", "{}", '{"Records": [{}]}', "null", '{"Records": 1}'])
def test_anything_else_is_refused_rather_than_lost(body: str) -> None:
    with pytest.raises(s3_events.NotificationError):
        list(s3_events.changes(body))


@given(st.text("0123456789ABCDEF", min_size=1, max_size=24), st.text("0123456789ABCDEF", min_size=1, max_size=24))
def test_sequencers_compare_as_s3_documents_it(one: str, other: str) -> None:
    """The shorter is right-padded with zeros, then both are compared as numbers or text."""

    def stored(sequencer: str) -> str:
        document = captured("object-created")
        document["Records"][0]["s3"]["object"]["sequencer"] = sequencer
        [change] = s3_events.changes(json.dumps(document))
        return change.sequencer

    length = max(len(one), len(other))
    left, right = int(one.ljust(length, "0"), 16), int(other.ljust(length, "0"), 16)
    assert (stored(one) < stored(other)) == (left < right)
