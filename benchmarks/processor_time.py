"""Measure the processor time that each part of an embedded cloud takes."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class ProcessorTime:
    """Seconds of processor time, user and system.

    `functions` contains the processes of the functions, the decoder services, and the limited processes that the
    decoder services fork. `emulator` is the emulator's own process. It replaces S3, SNS, SQS, DynamoDB and Lambda.
    `others` contains the local Rekognition, the partner and the photo server.
    """

    functions: float
    emulator: float
    others: float

    @classmethod
    def read(cls, services: Mapping[str, psutil.Process]) -> "ProcessorTime":
        """Return the processor time of the services of an embedded cloud since the services started."""
        emulator = services["emulator"]
        times = emulator.cpu_times()
        # The emulator's only children are functions. Those that have ended count as the emulator's children.
        functions = times.children_user + times.children_system + sum(map(_with_ended, _descendants(emulator)))
        others = [
            member
            for name, service in services.items()
            if name != "emulator"
            for member in (service, *_descendants(service))
        ]
        return cls(functions=functions, emulator=times.user + times.system, others=sum(map(_with_ended, others)))

    def since(self, before: "ProcessorTime") -> "ProcessorTime":
        """Return the processor time between two readings."""
        return ProcessorTime(
            functions=self.functions - before.functions,
            emulator=self.emulator - before.emulator,
            others=self.others - before.others,
        )

    def parts(self) -> dict[str, float]:
        """Return the seconds of each part, and the total."""
        return {**vars(self), "total": self.functions + self.emulator + self.others}


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    return list(process.children(recursive=True))


def _with_ended(process: psutil.Process) -> float:
    """Return the processor time of a process, including its children that have ended."""
    with suppress(psutil.NoSuchProcess):  # the process has just ended, and its time counts as its parent's
        return float(sum(process.cpu_times()[:4]))
    return 0.0
