"""Inject faults: Rekognition is slow, throttles, fails or is down, workers die, the third party is down."""

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import psutil
import requests

from local.cloud import Cloud
from local.endpoints import Endpoints

TIMEOUT_SECONDS = 10
BATCH = 10

FUNCTION_SECONDS = 30
VISIBILITY_SECONDS = 40
"""The time after which a dead worker's messages come back. In a deployment they come back after six minutes."""


@dataclass
class Faults:
    """Injects faults by name, and records their effects."""

    cloud: Cloud
    endpoints: Endpoints
    chance: random.Random
    killed: int = 0
    unstored: int = 0
    """The maximum number of Rekognition's answers that could not be stored."""

    spans: list[tuple[str, float, float]] = field(default_factory=list)
    """The name, start and end of each fault."""

    now: str = ""

    patient: bool = True
    """True if the soak has time for late messages.

    Messages of dead workers come back after one minute, and e-mails after four.
    """

    def run(self, clock: Callable[[], float], seconds: float, stopping: threading.Event) -> None:
        """Inject one fault after the other until the end. The pause after each fault is as long as the fault."""
        span = min(20.0, max(2.0, seconds / 24))
        left: list[str] = []
        while clock() < seconds - span and not stopping.wait(min(span, max(0.0, seconds - clock()))):
            if not left:
                left = list(self._kinds())
                self.chance.shuffle(left)
            self.now = left.pop()
            began = clock()
            self._kinds()[self.now]()
            stopping.wait(min(span, max(0.0, seconds - clock())))
            self.heal()
            self.spans.append((self.now, began, clock()))
            self.now = ""

    def calls_lost(self) -> int:
        """Return how many pictures may have been sent to Rekognition again.

        This happens if a worker was killed, or if an answer was not stored.
        """
        return BATCH * self.killed + self.unstored

    def heal(self) -> None:
        """End all faults."""
        self._rehearse(latency_ms=0, calls_per_second=None, failure_rate=0, outage=False)
        self._behave()
        self._refuse()

    def _kinds(self) -> dict[str, Callable[[], None]]:
        kinds = {
            "Rekognition is slow": lambda: self._rehearse(latency_ms=1500),
            "Rekognition throttles": lambda: self._rehearse(calls_per_second=2),
            "Rekognition fails": lambda: self._rehearse(failure_rate=0.3),
            "Rekognition is down": lambda: self._rehearse(outage=True),
            "third party is down": lambda: self._behave(status=503),
            "third party throttles": lambda: self._behave(status=429, retry_after="2"),
            "third party fails": lambda: self._behave(status=500, every=3),
            "AWS refuses calls": self._refuse_some,
        }
        return kinds | ({"workers die": self._kill} if self.patient else {})

    def _rehearse(self, **settings: Any) -> None:
        address = f"{self.endpoints.rekognition}/rehearsal"
        requests.post(address, json=settings, timeout=TIMEOUT_SECONDS).raise_for_status()

    def _behave(self, **behaviour: Any) -> None:
        address = f"{self.endpoints.partner}behaviour"
        requests.post(address, json=behaviour, timeout=TIMEOUT_SECONDS).raise_for_status()

    def _refuse(self, **calls: int) -> None:
        address = f"{self.endpoints.aws}/_sightline/refusals"
        requests.post(address, json=calls, timeout=TIMEOUT_SECONDS).raise_for_status()

    def _refuse_some(self) -> None:
        """Refuse to write records, to publish announcements, and to store claims or answers."""
        self._refuse(PutItem=2, UpdateItem=2, Publish=2 * self.patient)
        self.unstored += 2

    def _kill(self) -> None:
        """Kill all workers that recognise pictures. They may be at any point of their work."""
        for name, process in workers(self.cloud):
            if "ImageRecognition" in name:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
                    self.killed += 1


def workers(cloud: Cloud) -> Iterator[tuple[str, psutil.Process]]:
    """Yield each process that runs a function, with the name of the function."""
    emulator = cloud.processes.running().get("emulator")
    for process in emulator.children(recursive=True) if emulator else []:
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if name := process.environ().get("AWS_LAMBDA_FUNCTION_NAME"):
                yield name, process


@contextmanager
def impatient(cloud: Cloud, queue_urls: Sequence[str]) -> Iterator[None]:
    """Shorten the time after which dead workers' messages come back."""
    functions, sqs = cloud.client("lambda"), cloud.client("sqs")
    names = [function["FunctionName"] for function in functions.list_functions(MaxItems=50)["Functions"]]
    [name] = [name for name in names if "ImageRecognition" in name]
    timeout = functions.get_function_configuration(FunctionName=name)["Timeout"]
    before = {url: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"]) for url in queue_urls}
    functions.update_function_configuration(FunctionName=name, Timeout=FUNCTION_SECONDS)
    for url in queue_urls:
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(VISIBILITY_SECONDS)})
    try:
        yield
    finally:
        functions.update_function_configuration(FunctionName=name, Timeout=timeout)
        for url, answer in before.items():
            sqs.set_queue_attributes(QueueUrl=url, Attributes=answer["Attributes"])
