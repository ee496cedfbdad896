"""Ctrl-C at a terminal, with `make` between it and the command."""

import os
import pty
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT

COMMAND = """
import sys, time
from local.terminal import own_terminal
with own_terminal():
    try:
        print("up", flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        print("stopped", flush=True)
        sys.exit({code})
"""


@pytest.mark.parametrize("code", [0, 3])
def test_ctrl_c_reaches_the_command_and_make_ends_as_the_command_does(tmp_path: Path, code: int) -> None:
    (tmp_path / "command.py").write_text(COMMAND.format(code=code))
    (tmp_path / "Makefile").write_text("local:\n\t@$(PYTHON) command.py\n")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(tmp_path)
        os.execvpe("make", ["make", "local", f"PYTHON={sys.executable}"], {**os.environ, "PYTHONPATH": str(ROOT)})
    signal.signal(signal.SIGINT, before)
    said = b""
    while b"up" not in said:
        said += os.read(terminal, 1024)
    os.write(terminal, b"\x03")
    deadline = time.monotonic() + 60
    while not (ended := os.waitpid(process, os.WNOHANG))[0]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert os.waitstatus_to_exitcode(ended[1]) == (2 if code else 0)
    assert b"stopped" in os.read(terminal, 1024)
    os.close(terminal)
