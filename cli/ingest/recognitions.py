"""Waits until stored pictures are recognised."""

import time
from dataclasses import replace
from http import HTTPStatus

from cli import images
from cli.api_client import CallError
from cli.ingest.sources import Outcome, Result
from cli.target import Target

PATIENCE_SECONDS = 300
"""The wait ends if no picture at all is recognised for this long."""

OUT_OF_PATIENCE = (
    f"nothing was recognised for {PATIENCE_SECONDS // 60} minutes; `sightline doctor` may show why. "
    "To wait again, run the same command"
)

FIRST_PAUSE_SECONDS = 0.25
LAST_PAUSE_SECONDS = 2.0


class Recognitions:
    """Waits for stored pictures. Threads may share it."""

    def __init__(self, target: Target, workers: int) -> None:
        from cli.http_sessions import retrying_session

        self._target = target
        self._session = retrying_session(workers)
        self._ends_at = time.monotonic() + PATIENCE_SECONDS

    def wait(self, result: Result) -> Result:
        """Return the result when the picture is recognised or FAILED, or when PATIENCE_SECONDS are over."""
        pause = FIRST_PAUSE_SECONDS
        while time.monotonic() < self._ends_at:
            try:
                record = images.read_image(self._target, result.name, self._session)
            except CallError as error:
                if error.status != HTTPStatus.NOT_FOUND:
                    return replace(result, outcome=Outcome.PENDING, reason=str(error))
            else:
                if result.request_id in {None, record["correlation_id"]}:
                    self._ends_at = time.monotonic() + PATIENCE_SECONDS
                    if record["status"] == "FAILED":
                        return replace(result, outcome=Outcome.FAILED, reason=images.failure_of(record))
                    return result
            time.sleep(pause)
            pause = min(2 * pause, LAST_PAUSE_SECONDS)
        return replace(result, outcome=Outcome.PENDING, reason=OUT_OF_PATIENCE)

    def stop(self) -> None:
        """End the waiting of all threads."""
        self._ends_at = 0
