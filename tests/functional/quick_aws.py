"""Make boto3 and moto quick: read models once, share clients, and copy tables once for a transaction."""

import copy
import os
import threading
from collections.abc import Iterator
from functools import cache
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.loaders import create_loader
from moto.dynamodb import models as dynamodb_models
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table


@pytest.fixture(scope="session", autouse=True)
def service_models() -> Iterator[None]:
    """Find and parse each service's model once. moto begins every test with a new session, which would read them
    again."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(botocore.session, "create_loader", cache(create_loader))
        yield


class TableCopies(threading.local):
    """Copies for moto's DynamoDB. Within a transaction, it copies each table once."""

    in_transaction: dict[int, Table] | None = None

    def deepcopy(self, value: Any) -> Any:
        if self.in_transaction is None or not isinstance(value, Table):
            return copy.deepcopy(value)
        if id(value) not in self.in_transaction:
            self.in_transaction[id(value)] = copy.deepcopy(value)
        return self.in_transaction[id(value)]


@pytest.fixture(scope="session", autouse=True)
def quick_transactions() -> Iterator[None]:
    """Copy a table once for a transaction. moto copies it for each of up to a hundred items."""
    copies, write = TableCopies(), DynamoDBBackend.transact_write_items

    def transact_write_items(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
        copies.in_transaction = {}
        try:
            write(backend, transact_items)
        finally:
            copies.in_transaction = None

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(dynamodb_models, "copy", copies)
        patched.setattr(DynamoDBBackend, "transact_write_items", transact_write_items)
        yield


@pytest.fixture(scope="session", name="shared_clients")
def shared_clients_fixture() -> Iterator[None]:
    """Create one client for each caller and service. Clients of Rekognition are not shared, because they have handlers
    that count."""
    make = boto3.client
    with pytest.MonkeyPatch.context() as patched:
        shared = cache(lambda service, config, _: make(service, config=config))

        def client(service: Any, *, config: Any = None, **more: Any) -> Any:
            if more or service == "rekognition":
                return make(service, config=config, **more)
            caller = tuple(sorted((name, value) for name, value in os.environ.items() if name.startswith("AWS_")))
            return shared(service, config, caller)

        patched.setattr(boto3, "client", client)
        yield
