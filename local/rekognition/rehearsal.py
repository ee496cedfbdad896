"""Rehearse faults: make the service slow, throttled, failing or unavailable while it runs."""

from __future__ import annotations

import asyncio
import json
import random
import time
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from local.rekognition.protocol import ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterable


class RehearsalError(ValueError):
    """A setting does not exist, or cannot have the given value. The message names the setting."""


@dataclass(frozen=True)
class Settings:
    """The faults that are rehearsed. By default there are none."""

    latency_ms: float = 0
    """The delay of every answer, 0..60,000."""
    calls_per_second: float | None = None
    """Calls above this rate are throttled. The calls of one second may come all at once. None means no limit."""
    failure_rate: float = 0
    """The share of calls that fail, 0..1."""
    outage: bool = False
    """Every call fails."""

    def changed(self, wanted: dict[str, Any]) -> Settings:
        """Return a copy of these settings, with new values for some of them.

        Raises:
            RehearsalError: a setting is wrong.
        """
        names = [field.name for field in fields(self)]
        for name, value in wanted.items():
            if name not in names:
                raise RehearsalError(f"there is no setting {name}; the settings are {', '.join(names)}")
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
    """Holds the rules, for all operations and for single ones, and admits or refuses calls.

    Only the event loop's thread may use this object.
    """

    def __init__(self, operations: Iterable[str]) -> None:
        self._general = _Rule()
        self._special = {operation: _Rule() for operation in operations}

    def state(self) -> dict[str, object]:
        """Return the general settings by name. `operations` holds the settings of single operations, if any."""
        special = {name: asdict(rule.settings) for name, rule in self._special.items() if rule.settings != Settings()}
        return asdict(self._general.settings) | ({"operations": special} if special else {})

    def change(self, body: bytes) -> None:
        """Change the settings that a JSON object names. The other settings stay.

        If the object has the member `operation`, the settings apply to this operation. Otherwise they apply to all.

        Raises:
            RehearsalError: a setting is wrong; nothing changes.
        """
        try:
            wanted = json.loads(body)
        except ValueError as error:
            raise RehearsalError("the body is not JSON") from error
        if not isinstance(wanted, dict):
            raise RehearsalError("the body is not a JSON object")
        rule = self._general
        if "operation" in wanted:
            operation, known = wanted.pop("operation"), list(self._special)
            if operation not in known:
                raise RehearsalError(
                    f"operation: {json.dumps(operation)} is unknown; expected one of {', '.join(known)}"
                )
            rule = self._special[operation]
        rule.change(rule.settings.changed(wanted))

    async def admit(self, operation: str) -> None:
        """Wait for the rehearsed latency. The general rule and the operation's own rule both apply to a call.

        Raises:
            ServiceError: InternalServerError in an outage or by the failure rate;
                ProvisionedThroughputExceededException over the limit.
        """
        rules = [self._general, *([self._special[operation]] if operation in self._special else [])]
        for rule in rules:
            rule.refuse()
        await asyncio.sleep(sum(rule.settings.latency_ms for rule in rules) / 1000)
        for rule in rules:
            rule.fail()


class _Rule:
    """Settings, and the number of calls that their limit still allows."""

    def __init__(self) -> None:
        self.settings = Settings()
        self._tokens = 0.0
        self._filled = time.monotonic()

    def change(self, settings: Settings) -> None:
        self.settings = settings
        self._tokens = self._burst()

    def refuse(self) -> None:
        """Raise ServiceError in an outage, and if a call is over the limit."""
        if self.settings.outage:
            raise _internal("an outage is being rehearsed")
        self._throttle()

    def fail(self) -> None:
        """Raise ServiceError at random, for the share `failure_rate` of calls."""
        if random.random() < self.settings.failure_rate:  # noqa: S311 - no secret
            raise _internal("failures are being rehearsed")

    def _burst(self) -> float:
        """Return the size of the token bucket: the calls of one second, and at least one call."""
        return max(1.0, self.settings.calls_per_second or 0)

    def _throttle(self) -> None:
        rate = self.settings.calls_per_second
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
