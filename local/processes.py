"""Background processes that outlive the command that started them, and are stopped by another."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

SAVING = "emulator"
"""The only process that has something to save at its end."""

GRACE_SECONDS = 30.0
"""How long saving may take, as what it does not save is gone: a second as a rule, several where others are busy."""


class Processes:
    """The processes of one embedded cloud, remembered in a file by id and start time (ids are used again)."""

    def __init__(self, folder: Path) -> None:
        self.register = folder / "processes.json"
        self.logs = folder / "logs"

    def log(self, name: str) -> Path:
        """Return the file that takes what a process prints."""
        return self.logs / f"{name}.log"

    def start(self, name: str, command: list[str], environment: Mapping[str, str]) -> None:
        """Start `python <command>` in the background."""
        self._start(name, [sys.executable, *command], environment, None)

    def run(self, name: str, command: list[str], environment: Mapping[str, str], folder: Path) -> int:
        """Run a command to its end. Returns its exit code.

        If this process ends before the command does, `stop` ends the command.
        """
        code = self._start(name, command, environment, folder).wait()
        self._write({other: entry for other, entry in self._read().items() if other != name})
        return code

    def _start(
        self, name: str, command: list[str], environment: Mapping[str, str], folder: Path | None
    ) -> subprocess.Popen[bytes]:
        """Start a process in a session of its own, so that Ctrl-C reaches only the command that waits for it."""
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
        entry = {"pid": process.pid, "started": psutil.Process(process.pid).create_time()}
        self._write({**self._read(), name: entry})
        return process

    def running(self) -> dict[str, psutil.Process]:
        """Return those that are alive."""
        found = {}
        for name, entry in self._read().items():
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(entry["pid"])
                if abs(process.create_time() - entry["started"]) < 1 and _is_alive(process):
                    found[name] = process
        return found

    def stop(self, say: Callable[[str], None], *, save: bool) -> None:
        """Stop all of them. With `save` the emulator gets the time to save its state."""
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
            _wait(emulator, GRACE_SECONDS)
            if _is_alive(emulator):
                say(f"{SAVING} did not end within {GRACE_SECONDS:.0f} s, and was killed")
            _kill(family[SAVING])  # it ends its workers itself, unless it was killed
        self.register.unlink(missing_ok=True)

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            entries: dict[str, dict[str, Any]] = json.loads(self.register.read_text())
        except (OSError, ValueError):  # not there, or damaged by a crash
            return {}
        return entries

    def _write(self, entries: Mapping[str, Any]) -> None:
        temporary = self.register.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(entries))
        temporary.replace(self.register)


def _is_alive(process: psutil.Process) -> bool:
    """Return False for zombies as well: a process whose parent has gone may stay one for a while."""
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
