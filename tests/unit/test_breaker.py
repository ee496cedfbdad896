"""Workers that share a store, a clock that the test turns, and a receiver that is up or down."""

import dataclasses
import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.runtime.webhooks.circuit_breaker import FAILURES, LAST_PROBE_SECONDS, Breaker, PausedError, State
from integration.runtime.webhooks.receiver_answers import Answer

FINE = Answer(status=204, text="")
DOWN = Answer(status=503, text="")
POISONED = Answer(status=400, text="")


@dataclass
class SharedState:
    """The table's behaviour, in memory."""

    state: State = field(default_factory=State)
    reads: int = 0
    writes: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self) -> State:
        self.reads += 1
        return self.state

    def failed(self) -> State:
        with self.lock:
            self.writes += 1
            self.state = dataclasses.replace(self.state, failures=self.state.failures + 1)
            return self.state

    def open(self, *, retry_at: float, interval: int, seen: float | None) -> tuple[bool, State]:
        with self.lock:
            if self.state.retry_at != seen:
                return False, self.state
            self.writes += 1
            self.state = dataclasses.replace(self.state, retry_at=retry_at, interval=interval, probe_until=None)
            return True, self.state

    def probe(self, *, now: float, until: float) -> tuple[bool, State]:
        with self.lock:
            retry_at, held = self.state.retry_at, self.state.probe_until
            if retry_at is None or retry_at > now or (held is not None and held > now):
                return False, self.state
            self.writes += 1
            self.state = dataclasses.replace(self.state, probe_until=until)
            return True, self.state

    def close(self, *, seen: float | None) -> tuple[bool, State]:
        with self.lock:
            if self.state.retry_at != seen:
                return False, self.state
            self.writes += 1
            self.state = State()
            return True, self.state


@dataclass
class World:
    """A receiver and its callers."""

    now: float = 1_000_000.0
    answer: Answer = FINE
    calls: list[float] = field(default_factory=list)
    store: SharedState = field(default_factory=SharedState)
    changes: list[bool] = field(default_factory=list)

    def worker(self) -> Breaker:
        return Breaker(self.store, changed=lambda is_open, _: self.changes.append(is_open), clock=lambda: self.now)

    def send(self) -> Answer:
        self.calls.append(self.now)
        return self.answer

    def call(self, worker: Breaker) -> float:
        """Return the seconds to wait; 0 if the document was sent."""
        try:
            worker.call(self.send, until=self.now + 100)
        except PausedError as pause:
            return pause.seconds or 1
        return 0


def test_a_closed_breaker_costs_a_read_in_a_while_and_no_write() -> None:
    world = World()
    worker = world.worker()
    for _ in range(100):
        assert world.call(worker) == 0
    assert (len(world.calls), world.store.reads, world.store.writes) == (100, 1, 0)
    world.now += 60
    assert world.call(worker) == 0
    assert world.store.reads == 2


@pytest.mark.parametrize("workers", [1, 2, 10])
def test_in_a_minute_of_outage_1000_messages_make_few_calls_and_all_flow_afterwards(workers: int) -> None:
    world = World(answer=DOWN)
    callers = [world.worker() for _ in range(workers)]
    until = world.now + 60
    due = [(world.now, number) for number in range(1000)]
    while due and due[0][0] < until:
        world.now, number = due.pop(0)
        wait = world.call(callers[number % workers])
        due.append((world.now + (wait or 5) * 1.1, number))
        due.sort()
    assert FAILURES <= len(world.calls) <= 20
    assert world.changes[0] is True

    world.answer, back = FINE, world.now
    while due:
        world.now, number = due.pop(0)
        if wait := world.call(callers[number % workers]):
            due.append((world.now + wait, number))
            due.sort()
    assert world.now - back <= 3 * LAST_PROBE_SECONDS
    assert world.changes[-1] is False
    assert world.store.state == State()


def test_one_worker_at_a_time_probes_and_a_dead_one_holds_up_nobody_for_long() -> None:
    world = World(answer=DOWN)
    first, second = world.worker(), world.worker()
    while not world.call(first):
        pass
    world.now += 5
    before = len(world.calls)

    def probe() -> Answer:
        assert world.call(second) > 0
        raise KeyboardInterrupt  # the first worker dies

    with pytest.raises(KeyboardInterrupt):
        first.call(probe, until=world.now + 100)
    assert len(world.calls) == before
    world.now += 21
    world.call(second)
    assert len(world.calls) == before + 1


def test_probes_become_rarer_to_once_a_minute() -> None:
    world = World(answer=DOWN)
    worker = world.worker()
    for _ in range(400):
        world.call(worker)
        world.now += 1
    probes = world.calls[FAILURES:]
    between = [round(later - earlier) for earlier, later in itertools.pairwise(probes)]
    assert between == [10, 20, 40, 60, 60, 60, 60, 60]


def test_a_pause_that_is_asked_for_holds_for_all_and_answers_from_before_do_not_end_it() -> None:
    world = World()
    first, second = world.worker(), world.worker()
    world.call(second)
    world.now += 6

    def overtaken() -> Answer:
        world.answer = Answer(status=429, text="", retry_after=30)
        world.call(first)
        return FINE

    second.call(overtaken, until=world.now + 100)
    world.answer = FINE
    assert world.call(first) == 30
    world.now += 6
    assert world.call(second) == 24
    world.now += 24
    assert world.call(second) == 0
    assert world.changes == [True, False]


def test_a_receiver_that_rejects_documents_is_not_down() -> None:
    world = World(answer=POISONED)
    worker = world.worker()
    for _ in range(50):
        assert world.call(worker) == 0
    assert world.changes == []


@given(st.integers(2, 6))
def test_failing_now_and_then_opens_nothing(every: int) -> None:
    world = World()
    callers = [world.worker(), world.worker()]
    for number in range(300):
        world.answer = DOWN if number % every == 0 else FINE
        assert world.call(callers[number // 10 % 2]) == 0
        world.now += 0.1
    assert world.changes == []


def test_a_worker_that_knows_nothing_sends_one_document_first_and_then_the_rest_of_its_batch_at_once() -> None:
    world = World()
    worker = world.worker()
    running, most = 0, []
    lock, enough = threading.Lock(), threading.Barrier(9)

    def send() -> Answer:
        nonlocal running
        with lock:
            running += 1
            most.append(running)
            first = len(most) == 1
        if not first:
            enough.wait(10)
        with lock:
            running -= 1
        return FINE

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda _: worker.call(send, until=world.now + 100), range(10)))
    assert most[:2] == [1, 1]
    assert max(most) == 9


def test_with_no_time_left_nothing_is_sent() -> None:
    world = World()
    with pytest.raises(PausedError, match="no time left"):
        world.worker().call(world.send, until=world.now - 1)
    assert world.calls == []
