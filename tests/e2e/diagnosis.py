"""Describes the state of a system whose test failed. The functions' logs end with the cloud."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from tests.e2e.conftest import System

LINES, CHARACTERS, SECONDS = 20, 2000, 600


def diagnosis(system: System) -> str:
    """Return the queues that have messages, and the functions' last warnings and errors."""
    try:
        return "\n".join([f"messages: {system.depths()}", *_complaints(system)])
    except (BotoCoreError, ClientError) as error:
        return f"the cloud does not answer: {error}"


def _complaints(system: System) -> list[str]:
    logs, found = system.client("logs"), []
    for group in logs.describe_log_groups()["logGroups"]:
        for level in ("WARNING", "ERROR"):
            start = int(1000 * (time.time() - SECONDS))
            answer = logs.filter_log_events(
                logGroupName=group["logGroupName"], filterPattern=f'"{level}"', startTime=start
            )
            found += [(event["timestamp"], event["message"][:CHARACTERS].rstrip()) for event in answer["events"]]
    return [message for _, message in sorted(found)[-LINES:]]
