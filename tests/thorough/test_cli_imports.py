"""The list of commands, help and refused options stay fast: a process imports no slow module for them."""

import subprocess
import sys

import pytest

from cli.main import COMMANDS
from tests.conftest import ROOT

LISTED = [name for panel in COMMANDS.values() for name in panel]
SLOW_MODULES = {"aws_cdk", "aws_lambda_powertools", "boto3", "botocore.session", "common.settings", "PIL", "requests"}
"""Each takes a tenth of a second or more to import."""


def imported_by(*arguments: str) -> set[str]:
    """Return the modules that a process has imported when `sightline` ends."""
    code = (
        "import sys\nfrom cli.main import app\ntry:\n    app(sys.argv[1:])\n"
        "except SystemExit as end:\n    print(end.code, *sys.modules)"
    )
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.splitlines()[-1].split())


def test_the_list_of_commands_imports_none_of_their_modules() -> None:
    modules = imported_by("--help")
    assert not {"common", "cli.target"} & modules
    assert sorted(SLOW_MODULES & modules) == []


@pytest.mark.parametrize("name", LISTED)
def test_help_and_a_refused_option_import_no_slow_module(name: str) -> None:
    modules = imported_by(name, "--no-such-option")
    assert "2" in modules, "the exit code"
    assert f"cli.commands.{name.replace('-', '_')}" in modules
    assert sorted(SLOW_MODULES & modules) == []
