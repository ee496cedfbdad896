"""Record the calls of handlers: operations of AWS, and the times for which messages are hidden."""

from types import ModuleType
from typing import Any

import pytest

from common.runtime import aws_clients
from common.runtime.message_batch import MessageBatch


@pytest.fixture
def hidden(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The seconds for which messages were hidden. They are not hidden in fact."""
    seconds: list[int] = []
    monkeypatch.setattr(MessageBatch, "hide", lambda self, record, delay: seconds.append(delay))
    return seconds


def recorded_calls(monkeypatch: pytest.MonkeyPatch, module: ModuleType) -> list[str]:
    """Record the names of the operations that a module's clients call. Begin before the module makes its clients."""
    calls: list[str] = []

    def client(*arguments: Any) -> Any:
        made = aws_clients.client(*arguments)
        # `unique_id` registers only once: functions share the client of a service.
        made.meta.events.register_last("before-call", lambda model, **_: calls.append(model.name), unique_id=id(calls))
        return made

    monkeypatch.setattr(module, "client", client)
    return calls
