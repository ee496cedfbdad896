"""Rehearse bad days: make the service slow, throttled, failing or dead while it runs."""

from __future__ import annotations

import asyncio
import json
import random
import time
from dataclasses import asdict, dataclass, fields, replace

from local.rekognition.protocol import ServiceError


class RehearsalError(ValueError):
    """A setting does not exist, or cannot have that value. The text names it."""


@dataclass(frozen=True)
class Settings:
    """The faults that are rehearsed. By default there are none."""

    latency_ms: float = 0
    """Added to every answer, 0..60,000."""
    calls_per_second: float | None = None
    """Further calls are throttled. A second's worth may come at once. None means no limit."""
    failure_rate: float = 0
    """The share of calls that fail, 0..1."""
    outage: bool = False
    """Every call fails."""

    def changed(self, body: bytes) -> Settings:
        """Return these settings, with the values of a JSON object in place of some.

        Raises:
            RehearsalError: a setting is wrong.
        """
        try:
            wanted = json.loads(body)
        except ValueError as error:
            raise RehearsalError("the body is not JSON") from error
        if not isinstance(wanted, dict):
            raise RehearsalError("the body is not a JSON object")
        names = [field.name for field in fields(self)]
        for name, value in wanted.items():
            if name not in names:
                raise RehearsalError(f"{name}: no such setting; the settings are {', '.join(names)}")
            if not _fits(name, value):
                raise RehearsalError(f"{name}: {json.dumps(value)} is not {_VALUES[name]}")
        return replace(self, **wanted)


_VALUES = {
    "latency_ms": "a number from 0 to 60000",
    "calls_per_second": "null or a number above 0",
    "failure_rate": "a number from 0 to 1",
    "outage": "true or false",
}


def _fits(name: str, value: object) -> bool:
    if name == "outage":
        return isinstance(value, bool)
    if name == "calls_per_second" and value is None:
        return True
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if name == "calls_per_second":
        return 0 < value < float("inf")
    return 0 <= value <= (1 if name == "failure_rate" else 60_000)


class Rehearsal:
    """Holds the settings, and admits or refuses calls. It belongs to the event loop's thread."""

    def __init__(self) -> None:
        self._settings = Settings()
        self._tokens = 0.0
        self._filled = time.monotonic()

    def state(self) -> dict[str, object]:
        """Return the settings by name."""
        return asdict(self._settings)

    def change(self, body: bytes) -> None:
        """Change the settings that a JSON object names. The others stay.

        Raises:
            RehearsalError: a setting is wrong; nothing changes.
        """
        self._settings = self._settings.changed(body)
        self._tokens = self._burst()

    async def admit(self) -> None:
        """Wait for the rehearsed latency.

        Raises:
            ServiceError: InternalServerError in an outage or by the failure rate;
                ProvisionedThroughputExceededException over the limit.
        """
        if self._settings.outage:
            raise _internal("an outage is being rehearsed")
        self._throttle()
        await asyncio.sleep(self._settings.latency_ms / 1000)
        if random.random() < self._settings.failure_rate:  # noqa: S311 - no secret
            raise _internal("failures are being rehearsed")

    def _burst(self) -> float:
        """Return the size of the token bucket: a second's worth, and at least one call."""
        return max(1.0, self._settings.calls_per_second or 0)

    def _throttle(self) -> None:
        rate = self._settings.calls_per_second
        if rate is None:
            return
        now = time.monotonic()
        self._tokens = min(self._burst(), self._tokens + (now - self._filled) * rate)
        self._filled = now
        if self._tokens < 1:
            raise ServiceError("ProvisionedThroughputExceededException", "Provisioned rate exceeded")
        self._tokens -= 1


def _internal(why: str) -> ServiceError:
    return ServiceError("InternalServerError", why, status=500)
