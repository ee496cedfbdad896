"""Builds S3 event notifications, for objects that the system should look at again."""

import json
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus
from uuid import uuid4

from common.runtime.timestamps import timestamp

CREATED = "ObjectCreated:Put"
DELETED = "ObjectRemoved:DeleteMarkerCreated"

EARLIEST_SEQUENCER = "0"
"""A sequencer that is earlier than the sequencer of every real event."""


def notification(bucket: str, key: str, event: str, time: datetime, **known: Any) -> str:
    """Return a notification like S3's of one event. `known` are further members of `object`, such as `versionId`."""
    record = {
        "eventSource": "aws:s3",
        "eventName": event,
        "responseElements": {"x-amz-request-id": f"reproject:{uuid4()}"},
        "eventTime": timestamp(time),
        "s3": {
            "bucket": {"name": bucket},
            "object": {"key": quote_plus(key, safe="/"), "sequencer": EARLIEST_SEQUENCER, **known},
        },
    }
    return json.dumps({"Records": [record]})


def next_sequencer(sequencer: str) -> str:
    """Return a sequencer just after a record's sequencer, and before all later sequencers of S3.

    Records hold sequencers with padding. S3's later sequencers differ in the digits before the padding.
    """
    return f"{int(sequencer, 16) + 1:0{len(sequencer)}X}"
