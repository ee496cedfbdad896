"""Background processes. They continue after the command that starts them has ended. Another command stops them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

SAVING = "emulator"
"""The only process that saves state before it ends."""

SAVE_SECONDS = 150.0
"""The time limit for saving. State that is not saved is lost, such as messages in queues. Saving takes a second. On a
machine with ten busy processes for each core, it took more than 30."""

SILENT_SECONDS = 5.0
"""After this time, the user is told what takes so long."""


class Processes:
    """The processes of one embedded cloud. A file registers their ids and, as ids are reused, their start times."""

    def __init__(self, folder: Path) -> None:
        self.register = folder / "processes.json"
        self.logs = folder / "logs"

    def log(self, name: str) -> Path:
        """Return the file that holds a process's output."""
        return self.logs / f"{name}.log"

    def start(self, name: str, command: list[str], environment: Mapping[str, str]) -> None:
        """Start `python <command>` in the background."""
        self._start(name, [sys.executable, *command], environment, None, ends=False)

    def begin(self, name: str, command: list[str], environment: Mapping[str, str], folder: Path) -> "RunningCommand":
        """Begin to run a command without waiting for its end. The command needs no `stop` to end.

        If this process ends before the command ends, `stop` can still end the command.
        """
        return RunningCommand(self, name, self._start(name, command, environment, folder, ends=True))

    def forget(self, name: str) -> None:
        """Remove an ended process from the register."""
        self._write({other: entry for other, entry in self._read().items() if other != name})

    def _start(
        self, name: str, command: list[str], environment: Mapping[str, str], folder: Path | None, *, ends: bool
    ) -> subprocess.Popen[bytes]:
        """Start a process in its own session, so that Ctrl-C reaches only the command that waits for it."""
        self.logs.mkdir(parents=True, exist_ok=True)
        with self.log(name).open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - our own commands
                command,
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        entry = {"pid": process.pid, "started": psutil.Process(process.pid).create_time(), "ends": ends}
        self._write({**self._read(), name: entry})
        return process

    def ended(self) -> list[str]:
        """Return the names of the services that were started and ended, although no command stopped them."""
        services = {name for name, entry in self._read().items() if not entry.get("ends")}
        return sorted(services - self.running().keys())

    def running(self) -> dict[str, psutil.Process]:
        """Return the processes that are alive, by their names."""
        found = {}
        for name, entry in self._read().items():
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(entry["pid"])
                if abs(process.create_time() - entry["started"]) < 1 and _is_alive(process):
                    found[name] = process
        return found

    def stop(self, say: Callable[[str], None], *, save: bool) -> None:
        """Stop all processes. With `save`, give the emulator time to save its state."""
        processes = self.running()
        family = {name: [process, *_children(process)] for name, process in processes.items()}
        emulator = processes.get(SAVING) if save else None
        if emulator:
            with suppress(psutil.NoSuchProcess):
                emulator.terminate()
        for name, members in family.items():
            if name != SAVING or not emulator:
                _kill(members)
        if emulator:
            _wait(emulator, SILENT_SECONDS)
            if _is_alive(emulator):
                say("saving the state …")
                _wait(emulator, SAVE_SECONDS - SILENT_SECONDS)
            if _is_alive(emulator):
                say(f"{SAVING} was killed, as it did not save its state within {SAVE_SECONDS:.0f} s; changes are lost")
            _kill(family[SAVING])  # the emulator ends its workers by itself, unless it was killed
        self.register.unlink(missing_ok=True)

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            entries: dict[str, dict[str, Any]] = json.loads(self.register.read_text())
        except (OSError, ValueError):  # missing, or damaged by a crash
            return {}
        return entries

    def _write(self, entries: Mapping[str, Any]) -> None:
        temporary = self.register.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(entries))
        temporary.replace(self.register)


@dataclass(frozen=True)
class RunningCommand:
    """A running command that needs no `stop` to end."""

    processes: Processes
    name: str
    process: subprocess.Popen[bytes]

    def wait(self) -> int:
        """Wait for the end of the command. Returns its exit code."""
        code = self.process.wait()
        self.processes.forget(self.name)
        return code


def _is_alive(process: psutil.Process) -> bool:
    """Return True if a process runs. A zombie does not run. It can remain for a while after its parent has ended."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _children(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return list(process.children(recursive=True))
    return []


def _kill(members: list[psutil.Process]) -> None:
    for member in members:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    for member in members:
        _wait(member, 1)


def _wait(process: psutil.Process, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while _is_alive(process) and time.monotonic() < deadline:
        time.sleep(0.02)
