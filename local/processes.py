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

GRACE_SECONDS = 15.0
"""How long a process may take to save its state, which is gone otherwise: a second as a rule, several where other
processes are busy. ministack hangs with a pending custom resource."""


class Processes:
    """The processes of one embedded cloud, remembered in a file by id and start time (ids are used again)."""

    def __init__(self, folder: Path) -> None:
        self.register = folder / "processes.json"
        self.logs = folder / "logs"

    def log(self, name: str) -> Path:
        """Where a process writes what it says."""
        return self.logs / f"{name}.log"

    def start(self, name: str, command: list[str], environment: Mapping[str, str]) -> None:
        """Start `python <command>` in a session of its own, so that Ctrl-C reaches only who waits for it."""
        self.logs.mkdir(parents=True, exist_ok=True)
        with self.log(name).open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - our own modules
                [sys.executable, *command],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        entry = {"pid": process.pid, "started": psutil.Process(process.pid).create_time()}
        self._write({**self._read(), name: entry})

    def running(self) -> dict[str, psutil.Process]:
        """Those that are alive."""
        found = {}
        for name, entry in self._read().items():
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(entry["pid"])
                if abs(process.create_time() - entry["started"]) < 1 and _is_alive(process):
                    found[name] = process
        return found

    def stop(self, say: Callable[[str], None]) -> None:
        """Stop them all: SIGTERM, and SIGKILL for what is left after GRACE_SECONDS."""
        processes = self.running()
        family = {name: [process, *_children(process)] for name, process in processes.items()}
        for process in processes.values():
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        while any(map(_is_alive, processes.values())) and time.monotonic() < deadline:
            time.sleep(0.02)
        for name, members in family.items():
            if _is_alive(members[0]):
                say(f"{name} did not stop within {GRACE_SECONDS:.0f} s; killed")
            for member in members:  # Lambda workers end with the emulator, unless they are busy
                with suppress(psutil.NoSuchProcess):
                    member.kill()
        self.register.unlink(missing_ok=True)

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            entries: dict[str, dict[str, Any]] = json.loads(self.register.read_text())
        except FileNotFoundError:
            return {}
        return entries

    def _write(self, entries: Mapping[str, Any]) -> None:
        temporary = self.register.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(entries))
        temporary.replace(self.register)


def _is_alive(process: psutil.Process) -> bool:
    """Whether it still does something: a process whose parent has gone may stay a zombie for a while."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _children(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return list(process.children(recursive=True))
    return []
