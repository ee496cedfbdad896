"""The folder that keeps an embedded cloud's state, documents and locks."""

import fcntl
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from local.errors import CloudError

NAMED_QUEUES = ("sqs", "lambda", "cloudformation")
"""The services that save URLs of queues in their state. The URLs contain the emulator's port."""


class StateFolder:
    """The state folder of one embedded cloud."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.temporary = path / "tmp"
        self.code = path / "code"
        self.state = path / "state"
        self.objects = path / "s3"

    def read(self, name: str) -> dict[str, Any]:
        """Read a JSON document. Returns {} if it is missing or was damaged by a crash."""
        try:
            document: dict[str, Any] = json.loads((self.path / name).read_text())
        except (OSError, ValueError):
            return {}
        return document

    def write(self, name: str, document: Mapping[str, Any]) -> None:
        """Write a JSON document that only the file's owner can read, because one document holds the API key."""
        temporary = self.path / f".{name}"
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(document, indent=2) + "\n")
        temporary.replace(self.path / name)

    def remove(self, name: str) -> None:
        """Remove a document, if it exists."""
        (self.path / name).unlink(missing_ok=True)

    @contextmanager
    def locked(self, *, wait: bool = False) -> Iterator[None]:
        """Let one command run at a time. With `wait`, wait for the other command to end.

        Raises:
            CloudError: another command is running.
        """
        with self.open_lock("lock") as file:
            if not lock(file, wait=wait):
                raise CloudError(
                    "another command is starting or stopping the local system; try again when that command has ended"
                )
            yield

    def open_lock(self, name: str) -> IO[str]:
        """Open a file of the folder for locking.

        Raises:
            CloudError: the folder cannot be used.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            return (self.path / name).open("w")
        except OSError as error:
            why = "it is not a folder, but a file" if self.path.is_file() else error.strerror
            raise CloudError(
                f"the state folder {self.path} cannot be used: {why}; SIGHTLINE_LOCAL can name another"
            ) from error

    def discard_unfinished_start(self) -> None:
        """Remove the incomplete state of an interrupted first start. The emulator saves its state only at the end."""
        if not (self.state / "cloudformation.json").exists():
            for folder in (self.state, self.objects):
                shutil.rmtree(folder, ignore_errors=True)
            self.remove("deployed.json")

    def point_queues_to(self, port: int) -> None:
        """Replace the emulator's port in the saved state's queue URLs."""
        for service in NAMED_QUEUES:
            with suppress(FileNotFoundError):
                path = self.state / f"{service}.json"
                text = path.read_text()
                moved = re.sub(r"(?<=://localhost:)\d+(?=/\d{12}/)", str(port), text)
                if moved != text:
                    temporary = path.with_suffix(".moved")
                    temporary.write_text(moved)
                    temporary.replace(path)


def lock(file: IO[str], *, wait: bool = False) -> bool:
    """Lock a file until it is closed. Returns False if another process holds the lock."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True
