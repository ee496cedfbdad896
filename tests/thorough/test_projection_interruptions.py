"""Derived data agree with the records after messages in any order, whichever call a worker dies or is overtaken at."""

import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.runtime.recognition_event import Failure, Label
from recognition.runtime.index import index_writer
from recognition.runtime.records.image_records import ImageRecord
from tests.derived import expected
from tests.findings import words
from tests.functional.test_projection import BEACH, CAT, DOG, Derivation, derivation, record

__all__ = ["derivation"]  # a fixture

State = tuple[str, list[Label], list[str]]
"""A record's status, labels and words."""


class DeathError(BaseException):
    """The worker's end."""


class Interrupted:
    """A client that calls `then` before its n-th call. `then` runs another worker, or ends this one."""

    def __init__(self, client: Any, calls: list[int], when: int, then: Callable[[], None]) -> None:
        self.client, self.calls, self.when, self.then = client, calls, when, then

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.client, name)

        def call(**request: Any) -> Any:
            self.calls.append(1)
            if len(self.calls) == self.when:
                self.then()
            return method(**request)

        return call


LABELS = st.lists(
    st.builds(
        Label,
        name=st.sampled_from(["Dog", "dog", "Cat", "Animal", "Beach"]),
        confidence=st.sampled_from([70, 80.12345, 99.99999, 100]),
        parents=st.sampled_from([(), ("Animal",), ("Animal", "Pet")]),
        aliases=st.sampled_from([(), ("Hound",)]),
    ),
    max_size=4,
)
WORDS = st.lists(st.sampled_from(["Dog", "DÖG", "invoice", "-", "2026"]), max_size=4)
STATES = st.tuples(st.sampled_from(["RECOGNIZED", "RECOGNIZED", "FAILED", "DELETED"]), LABELS, WORDS)
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("store"), st.sampled_from("ab"), STATES),
        st.tuples(st.just("deliver"), st.integers(0, 9), st.booleans()),
        st.tuples(st.just("die"), st.integers(0, 9), st.integers(1, 6)),
        st.tuples(st.just("overtake"), st.integers(0, 9), st.tuples(st.integers(1, 6), STATES)),
    ),
    max_size=14,
)


@given(actions=ACTIONS, seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_in_the_end_everything_derived_is_what_the_records_say(
    derivation: Derivation, actions: list[Any], seed: int
) -> None:
    """Records are stored and announced. Messages come twice, late and in any order. Workers die and overtake."""
    run = Run(derivation)
    with mock.patch.object(index_writer, "MAX_TRANSACTION_ITEMS", 6):  # so that few labels take several transactions
        for action, which, detail in actions:
            getattr(run, action)(which, detail)
        random.Random(seed).shuffle(run.queue)
        for message in run.queue:
            derivation.project(message)
    assert derivation.found() == expected(run.current.values())


class Run:
    """One example: the current records, and the messages in flight."""

    def __init__(self, derivation: Derivation) -> None:
        derivation.empty()
        self.derivation = derivation
        self.current: dict[str, ImageRecord] = {}
        self.queue: list[ImageRecord] = []
        self.changes = 0

    def store(self, name: str, state: State) -> None:
        status, labels, texts = state
        self.changes += 1
        failure = Failure(code="c", message="m") if status == "FAILED" else None
        seen = labels if status == "RECOGNIZED" else []
        abilities = {"text": words(*texts)} if texts and status == "RECOGNIZED" else {}
        values: dict[str, Any] = {"status": status, "failure": failure, "abilities": abilities}
        self.current[name] = record(name, *seen, sequencer=self.changes, **values)
        self.derivation.put(self.current[name])
        self.queue.append(self.current[name])

    def deliver(self, which: int, again: bool) -> None:
        """Handle a message. It leaves the queue, or stays to come again."""
        for message in self._message(which):
            self.derivation.project(message)
            if not again:
                self.queue.remove(message)

    def die(self, which: int, when: int) -> None:
        def end() -> None:
            raise DeathError

        for message in self._message(which):
            with suppress(DeathError):
                self._interrupted(message, when, end)
                self.queue.remove(message)

    def overtake(self, which: int, detail: tuple[int, State]) -> None:
        """Store and project a later change in another worker, while this one works."""
        when, state = detail
        for message in self._message(which):

            def other() -> None:
                self.store(message.image, state)  # noqa: B023 - called at once
                self.derivation.project(self.queue.pop())

            self._interrupted(message, when, other)
            self.queue.remove(message)

    def _interrupted(self, message: ImageRecord, when: int, then: Callable[[], None]) -> None:
        calls: list[int] = []
        worker = self.derivation.worker(lambda client: Interrupted(client, calls, when, then))
        worker.handle(message.image, message.image_id, rewrite=False)

    def _message(self, which: int) -> list[ImageRecord]:
        return [self.queue[which % len(self.queue)]] if self.queue else []


@pytest.mark.parametrize("when", range(1, 6))
@pytest.mark.parametrize(
    ("first", "then"),
    [
        (record("a", DOG), record("a", CAT, BEACH, sequencer=2)),
        (record("a", DOG), record("a", sequencer=2, status="DELETED")),
        (record("a", sequencer=1, status="DELETED"), record("a", DOG, sequencer=2)),
    ],
    ids=["overwritten", "deleted", "created"],
)
def test_a_worker_that_is_overtaken_or_dies_at_any_of_its_calls_does_no_harm(
    derivation: Derivation, first: ImageRecord, then: ImageRecord, when: int
) -> None:
    """The overtaking worker finishes before the next call. No worker follows the overtaken one."""

    def other() -> None:
        derivation.put(then)
        derivation.project(then)

    calls: list[int] = []
    derivation.put(first)
    derivation.worker(lambda client: Interrupted(client, calls, when, other)).handle("a", first.image_id, rewrite=False)
    if len(calls) < when:
        other()
    assert derivation.found() == expected([then])

    def end() -> None:
        raise DeathError

    derivation.put(first)
    dying: list[int] = []
    with suppress(DeathError):
        worker = derivation.worker(lambda client: Interrupted(client, dying, when, end))
        worker.handle("a", first.image_id, rewrite=False)
    derivation.project(first)
    assert derivation.found() == expected([first])
