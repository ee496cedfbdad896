#!/usr/bin/env python3
"""Uses `make local` as a new user does: `.ci/walk.py`. It fails at the first printed step that does not work.

It runs in its own clone, then in a copy of that clone with a space and an é in its path. It needs only Linux, make,
git, curl, Chromium and Python 3.11.
"""

import json
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO, cast

ROOT = Path(__file__).resolve().parent.parent

READERS = re.compile(
    r"HOME|USER|LOGNAME|SHELL|PATH|TERM|TZ|LANG|LC_\w+"
    r"|\w*_proxy|SSL_CERT_\w+|\w+_CA_\w+|(pip|uv|npm_config)_\w+",  # these say how this machine reaches the registries
    re.IGNORECASE,
)
"""The environment variables that the shell of a reader of the README has. All other variables are unset."""

INSTALL_SECONDS = 900
START_SECONDS = 20
KINDS = ("Person", "Cat", "Coffee Cup", "Motorcycle", "Building", "Text")
STOP_SECONDS = 10
COMMAND_SECONDS = 120
MARK = "walk: exit code"
SEEN_SECONDS = 20
"""The limit from storing a picture to finding it."""


class WalkError(Exception):
    """A printed command does not do what the text next to it says."""


def main() -> int:
    """Walk in both folders. Returns the exit code."""
    # Otherwise `make` ignores Ctrl-C if this program runs in the background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    base = Path(tempfile.mkdtemp(prefix="sightline-walk-")).resolve()
    first, second = base / "sightline", base / "Café 1" / "sightline é"
    began = time.monotonic()
    try:
        with step("git clone"):
            git("clone", "--quiet", str(ROOT), str(first))
        Walk(first, base).all_steps()
        with step(f"cp -r sightline {str(second.relative_to(base))!r}"):
            shutil.copytree(first, second, symlinks=True, ignore=shutil.ignore_patterns(".local"))
        Walk(second, base).all_steps()
    except (WalkError, KeyboardInterrupt) as error:
        print(f"✗ {error}\nThe walk failed; its files are in {base}", flush=True)
        return 1
    shutil.rmtree(base)
    print(f"✓ every step works in both folders; the walk took {time.monotonic() - began:.0f} s", flush=True)
    return 0


@contextmanager
def step(what: str, within: float | None = None) -> Iterator[None]:
    """Print the step with its seconds when it is done."""
    began = time.monotonic()
    try:
        yield
    except WalkError:
        print(f"{time.monotonic() - began:7.1f} s  ✗ {what}", flush=True)
        raise
    seconds = time.monotonic() - began
    print(f"{seconds:7.1f} s  {what}", flush=True)
    if within is not None and seconds > within:
        raise WalkError(f"{what} took {seconds:.1f} s; the limit is {within:.0f} s")


class Walk:
    """The walk in one folder."""

    def __init__(self, folder: Path, base: Path) -> None:
        self.folder = folder
        self.base = base
        self.output = base / "make-local.txt"
        self.ports: set[int] = set()
        self.temporary = base / "tmp"
        self.temporary.mkdir(exist_ok=True)
        clean = {name: value for name, value in os.environ.items() if READERS.fullmatch(name)}
        path = [entry for entry in clean["PATH"].split(os.pathsep) if not Path(entry).is_relative_to(ROOT)]
        # A separate temporary folder shows everything that is left behind, and nothing that other programs leave.
        self.environment = clean | {"PATH": os.pathsep.join(path), "TMPDIR": str(self.temporary)}

    def all_steps(self) -> None:
        """Walk. On a failure, stop everything that still runs."""
        print(f"\n{self.folder}", flush=True)
        try:
            with self.running("make local", INSTALL_SECONDS):
                expect_kinds(self.output.read_text())
                self.run_what_was_printed(self.output.read_text())
                before = self.see_gallery()
            self.expect_nothing_left()
            with self.running("make local, once more", START_SECONDS):
                missing = before - self.see_gallery()
                if missing:
                    raise WalkError(
                        f"after the second `make local` these pictures are missing: {', '.join(sorted(missing))}"
                    )
            self.expect_nothing_left()
            with step("make local-up"):
                printed = self.command(["make", "local-up"])
            self.note_ports()
            readme = readme_commands((self.folder / "README.md").read_text())
            self.run_commands(readme, "the README's first curl lines")
            self.run_what_was_printed(printed)
            with step("make local-down"):
                self.command(["make", "local-down"])
            self.expect_nothing_left()
        finally:
            with suppress(WalkError):
                if (self.folder / ".local" / "processes.json").exists():
                    self.command(["make", "local-down"])

    @contextmanager
    def running(self, what: str, seconds: float) -> Iterator[None]:
        """Run `make local` at a terminal. The `with` block begins after its last line. Ctrl-C at the end stops it.

        The output goes to a file.
        """
        with self.output.open("wb") as output:
            make, terminal = pty.fork()
            if make == 0:
                os.dup2(output.fileno(), 1)
                os.dup2(output.fileno(), 2)
                os.chdir(self.folder)
                os.execvpe("make", ["make", "local"], self.environment)
        try:
            with step(f"{what} > file", seconds):
                self.wait_for_last_line(make, what, INSTALL_SECONDS)
            self.note_ports()
            yield
        except BaseException:
            with suppress(OSError):  # the process may have ended by itself
                os.write(terminal, b"\x03")
                ended(make, STOP_SECONDS)
            raise
        with step("Ctrl-C", STOP_SECONDS):
            os.write(terminal, b"\x03")
            code = ended(make, 6 * STOP_SECONDS)
            if code != 0:
                raise WalkError(f"Ctrl-C ended `make local` with {code}, not 0:\n{last_lines(self.output)}")
        os.close(terminal)

    def wait_for_last_line(self, make: int, what: str, seconds: float) -> None:
        """Wait for the last line of `make local`, which says how to stop it."""
        deadline = time.monotonic() + seconds
        while "Ctrl-C" not in last_lines(self.output, 1):
            if (code := ended(make, 0)) is not None:
                raise WalkError(f"`{what}` ended with {code}:\n{last_lines(self.output)}")
            if time.monotonic() > deadline:
                raise WalkError(f"`{what}` did not print its last line in time:\n{last_lines(self.output)}")
            time.sleep(0.1)

    def run_what_was_printed(self, text: str) -> None:
        """Type each printed command in one shell. Commands for make are steps of the walk."""
        found = [line for line in printed_commands(text) if not line.startswith("make ")]
        if not found:
            raise WalkError(f"no command was printed:\n{text}")
        self.run_commands(found, "printed")

    def run_commands(self, commands: list[str], source: str) -> None:
        """Run the commands one after the other in one shell, as at a terminal."""
        with Shell(self.folder, self.environment) as shell:
            for command in commands:
                with step(command.replace("\\\n", "").strip()):
                    try:
                        judge(command, shell)
                    except WalkError as error:
                        raise WalkError(f"this line ({source}) does not work:\n  {command}\n{error}") from error

    def see_gallery(self) -> set[str]:
        """Log in with the key that the printed command prints. Returns the names of the pictures that are shown."""
        text = self.output.read_text()
        address = re.search(r"https?://\S+/gallery", text)
        ask = next((line for line in printed_commands(text) if re.search(r"\bsightline key\b", line)), None)
        if address is None or ask is None:
            raise WalkError(f"the output lacks the gallery's address, or the command that prints the key:\n{text}")
        with step(f"Chromium: log in at {address[0]} with the key of `{ask}`"):
            key = self.command(["bash", "-c", ask]).strip()
            seen = self.command([".venv/bin/python", str(ROOT / ".ci/log_in.py"), address[0]], key)
            names = set(json.loads(seen))
        print(f"           sees {', '.join(sorted(names))}", flush=True)
        return names

    def expect_nothing_left(self) -> None:
        """Check that no process, port or temporary folder is left, and that the checkout is clean."""
        with step("nothing is left: processes, ports, temporary files; git status is clean"):
            if processes := processes_below(self.base):
                raise WalkError("these processes still run:\n" + "\n".join(processes))
            if still_open := sorted(filter(is_open, self.ports)):
                raise WalkError(f"these ports are still open: {still_open}")
            files = [*self.temporary.iterdir(), *(self.folder / ".local" / "tmp").glob("*")]
            if files:
                raise WalkError("these temporary files are left: " + ", ".join(map(str, files)))
            if changed := git("-C", str(self.folder), "status", "--porcelain"):
                raise WalkError(f"the checkout is not clean:\n{changed}")

    def note_ports(self) -> None:
        """Return the ports of the printed addresses and of endpoints.json. All of them answer."""
        text = self.output.read_text() + (self.folder / ".local" / "endpoints.json").read_text()
        self.ports = {int(port) for port in re.findall(r"(?:127\.0\.0\.1|localhost):(\d+)", text)}
        if closed := sorted(port for port in self.ports if not is_open(port)):
            raise WalkError(f"nothing answers at the ports {closed}, which are printed or in .local/endpoints.json")

    def command(self, arguments: list[str], text: str = "") -> str:
        """Run a command. Returns what it prints; raises if it fails."""
        try:
            done = subprocess.run(
                arguments,
                cwd=self.folder,
                env=self.environment,
                input=text,
                capture_output=True,
                text=True,
                timeout=COMMAND_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise WalkError(f"`{' '.join(arguments)}` did not end within {COMMAND_SECONDS} s") from error
        if done.returncode:
            raise WalkError(f"`{' '.join(arguments)}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout


class Shell:
    """A bash that takes one command at a time, as at a terminal. An unset variable ends it."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.settings = tempfile.TemporaryDirectory(prefix="sightline-curlrc-")
        # Makes an error response fail, without a change to the printed line.
        Path(self.settings.name, ".curlrc").write_text("fail-with-body\nsilent\nshow-error\nmax-time = 60\n")
        self.bash = subprocess.Popen(
            ["bash", "-u"],
            cwd=folder,
            env=environment | {"CURL_HOME": self.settings.name},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.typed, self.printed = cast(TextIO, self.bash.stdin), cast(TextIO, self.bash.stdout)

    def __enter__(self) -> "Shell":
        return self

    def __exit__(self, *_: object) -> None:
        self.bash.communicate()
        self.settings.cleanup()

    def run(self, command: str) -> tuple[int, str]:
        """Return exit code and output."""
        with suppress(BrokenPipeError):
            self.typed.write(f"{{ {command}\n}} </dev/null\nprintf '\\n{MARK} %s\\n' $?\n")
            self.typed.flush()
        lines: list[str] = []
        for line in self.printed:
            if line.startswith(MARK):
                return int(line.removeprefix(MARK)), "".join(lines).strip()
            lines.append(line)
        return self.bash.wait(), "".join(lines).strip()


def expect_kinds(text: str) -> None:
    """Raise WalkError unless the table of sample photos has each entry of KINDS."""
    with step(f"the sample photos show {', '.join(KINDS)}"):
        if missing := [kind for kind in KINDS if not re.search(rf"│ {kind} +│", text)]:
            raise WalkError(f"no sample photo has the label {' or '.join(missing)}:\n{text}")


def judge(command: str, shell: Shell) -> None:
    """Run a command. Repeat a call that reads until it works, because a stored picture cannot be found immediately.

    Raises:
        WalkError: the command failed, its answer is an error, or it found nothing.
    """
    deadline = time.monotonic() + SEEN_SECONDS
    while True:
        code, said = shell.run(command)
        answer = json_or_none(said)
        if code == 0 and not (command.startswith("curl") and answer in ([], {})) and "✗" not in said:
            return
        reads = command.startswith("curl") and "$LABELS_URL" in command
        if not reads or time.monotonic() > deadline:
            raise WalkError(f"exit code {code}: {said or 'the command printed nothing'}")
        time.sleep(0.5)


def printed_commands(text: str) -> list[str]:
    """Return the printed commands that begin with a program: indented, after a colon or in backquotes."""
    program = r"(?:make|eval|curl|aws|sightline|[^\s`]*\.venv/bin/\w+) [^`\n]+"
    found = re.findall(rf"^  ({program})$|: ({program})$|`({program})`", text, re.MULTILINE)
    return ["".join(groups) for groups in found]


def readme_commands(text: str) -> list[str]:
    """Return the commands of the README's first block that calls curl."""
    block = next(block for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL) if "curl" in block)
    return [line for line in re.split(r"(?<!\\)\n", block) if line and not line.startswith("#")]


def processes_below(folder: Path) -> list[str]:
    """Return the processes that name a folder in their command, environment or working directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            about = f"{words.decode(errors='replace')}\0{(process / 'cwd').readlink()}"
            if str(folder) in about and int(process.name) != os.getpid():
                found.append(f"{process.name} {(process / 'cmdline').read_text().replace(chr(0), ' ')}")
    return found


def is_open(port: int) -> bool:
    """Return True if something answers at the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def ended(process: int, seconds: float) -> int | None:
    """Return the exit code, or None if the process does not end within `seconds`. A signal has a negative exit code."""
    deadline = time.monotonic() + seconds
    while True:
        finished, status = os.waitpid(process, os.WNOHANG)
        if finished:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            return None
        time.sleep(0.05)


def last_lines(file: Path, count: int = 30) -> str:
    """Return the end of a file."""
    return "\n".join(file.read_text(errors="replace").rstrip().splitlines()[-count:])


def json_or_none(text: str) -> object:
    """Return the JSON document, or None for other text."""
    with suppress(ValueError):
        return json.loads(text)
    return None


def git(*arguments: str) -> str:
    """Run git. Returns what it prints."""
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise WalkError(f"git {' '.join(arguments)}: {done.stderr}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
