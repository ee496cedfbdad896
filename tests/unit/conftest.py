"""The unit tests touch nothing but memory: opening a socket fails."""

from collections.abc import Iterator

import pytest
import pytest_socket

import tests.patient_hypothesis  # noqa: F401 - it changes settings


@pytest.fixture(autouse=True)
def no_sockets() -> Iterator[None]:
    pytest_socket.disable_socket()
    yield
    pytest_socket.enable_socket()
