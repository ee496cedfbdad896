"""The fixtures of the functional tests. These tests also start processes, and take seconds each."""

from tests.functional.conftest import (
    abilities,
    aws,
    bucket,
    call,
    context,
    deliver,
    labels_topic,
    limits,
    only_loopback,
    queue_url,
    records,
    rekognition,
    removals_queue_url,
    s3,
    table,
    tables,
    templates,
    worker,
)
from tests.functional.quick_aws import quick_transactions, service_models, shared_clients_fixture
from tests.functional.recorders import hidden

__all__ = [
    "abilities",
    "aws",
    "bucket",
    "call",
    "context",
    "deliver",
    "hidden",
    "labels_topic",
    "limits",
    "only_loopback",
    "queue_url",
    "quick_transactions",
    "records",
    "rekognition",
    "removals_queue_url",
    "s3",
    "service_models",
    "shared_clients_fixture",
    "table",
    "tables",
    "templates",
    "worker",
]
