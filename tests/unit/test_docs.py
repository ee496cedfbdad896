"""Every command and file that README, CONTRIBUTING and docs/ name exists, and a test runs every command."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from typer.core import TyperCommand

from cli.commands.env import VARIABLES
from cli.main import COMMANDS, load
from tests.conftest import ROOT

DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")])
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z][a-z0-9-]*):.*", MAKEFILE, re.MULTILINE))

# The beginnings of commands that neither a test nor a make target runs, each with the reason.
ONLY_THERE = {
    "cdk deploy": "on AWS; `make deploy` runs it, also in a test, and the settings have their own tests",
    "cdk import": "only AWS can import; docs/upgrade.md says what was tested",
    "cdk diff": "only reads; `cdk deploy` makes the same comparison",
    'curl "$PARTNER/behaviour"': "test_commands.py calls it, and the tests of deliveries post the same with `requests`",
    'eval "$(.venv/bin/sightline env --unset)"': "test_commands.py runs it",
    'eval "$(.venv/bin/sightline env)"': "named in the text; tests run the blocks with it",
    "python -m benchmarks.conversion": "`make bench-conversion` runs it, with other sizes",
    "aws sqs purge-queue": "the last resort",
    "aws ssm delete-parameter": "removes a parameter of the caller",
    "git tag": "done by hand for a release",
    "git pull": "fetches a newer version",
    "aws s3 cp": "named as a way to send pictures; tests run the blocks with it",
    "aws lambda get-account-settings": "the embedded cloud has no limit",
    "aws service-quotas": "the same",
    "pip install -r requirements.txt": "CI installs the same file by uv",
    "pytest tests/unit tests/functional": "`make test-fast` runs them",
}
PROGRAMS = {*(entry.split()[0] for entry in ONLY_THERE), "aws", "cdk", "curl", "eval", "make", "sightline", "python"}


def fenced(document: Path) -> Iterator[tuple[str, str]]:
    """Yield language and text of each code block."""
    yield from re.findall(r"^```(\w*)\n(.*?)^```", document.read_text(), re.MULTILINE | re.DOTALL)


def commands(document: Path) -> Iterator[str]:
    """Yield commands: lines that begin with a program, in blocks without a language and in code within the text."""
    text = document.read_text()
    for language, block in fenced(document):
        if not language:
            yield from (line for line in re.sub(r"\\\n\s*", "", block).splitlines() if _program(line) in PROGRAMS)
    for code in re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)):
        if _program(code) in PROGRAMS and " " in code:
            yield code


def _program(line: str) -> str:
    return line.removeprefix(".venv/bin/").partition(" ")[0]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_commands_in_a_document_exist(document: Path) -> None:
    for line in commands(document):
        program = _program(line)
        if program == "make":
            _expect_target(line)
        elif program == "sightline":
            _expect_command(line)
        else:
            assert any(line.startswith(known) for known in ONLY_THERE), f"no test and no target runs {line!r}"


def test_every_exception_is_still_one() -> None:
    written = [line for document in DOCUMENTS for line in commands(document)]
    unused = [known for known in ONLY_THERE if not any(line.startswith(known) for line in written)]
    assert unused == []


def test_every_shell_block_is_run() -> None:
    """The end-to-end tests run it and find it by a part of its text, or a test runs the whole document."""
    picked = (ROOT / "tests/e2e/test_readme.py").read_text()
    assert "local-rekognition.md" in (ROOT / "tests/local/test_rekognition_docs.py").read_text()
    for document in [document for document in DOCUMENTS if document.name != "local-rekognition.md"]:
        marks = re.findall(rf'"{re.escape(str(document.relative_to(ROOT)))}", "([^"]+)"', picked)
        for language, block in fenced(document):
            if language in {"sh", "bash", "shell"}:
                assert any(mark in block for mark in marks), f"{document.name}: no test runs\n{block}"


def test_every_command_is_tried_end_to_end() -> None:
    sources = "".join(file.read_text() for file in (ROOT / "tests/e2e").glob("*.py"))
    blocks = "".join(block for document in DOCUMENTS for language, block in fenced(document) if language == "sh")
    tried = set(re.findall(r'(?:sightline\(\w+, |SIGHTLINE, )"([a-z-]+)"', sources))
    tried |= set(re.findall(r"\.venv/bin/sightline ([a-z-]+)", blocks))
    assert set(_commands()) - tried == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_variable_of_a_document_is_set_by_env_or_beside_it(document: Path) -> None:
    """Only a laptop has a partner and a sample photo. A block for AWS sets their variables itself."""
    text = document.read_text()
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    for piece in [*(block for _, block in fenced(document)), *inline]:
        used = set(re.findall(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)", piece))
        here = set(re.findall(r"(?:^|[\s;])(?:export +|for +)?([A-Za-z_][A-Za-z0-9_]*)(?:=| in )", piece))
        assert used - here <= {*VARIABLES, "PWD"}, f"nothing sets {sorted(used - here - set(VARIABLES))} in\n{piece}"


def _expect_target(line: str) -> None:
    for word in shlex.split(line.split("#", maxsplit=1)[0])[1:]:
        name, equals, _ = word.partition("=")
        if equals:
            assert re.search(rf"\b{name}\b", MAKEFILE), f"{line!r}: the Makefile knows no {name}"
        elif name not in {"…", "bench…"}:
            assert name in TARGETS, f"{line!r}: there is no such target"


def _expect_command(line: str) -> None:
    _, *words = shlex.split(line.split("#", maxsplit=1)[0].replace("…", ""))
    if not words or words in (["--version"], ["--help"]):
        return
    command = _commands().get(words[0])
    assert command, f"{line!r}: there is no such command"
    known = {option for parameter in command.params for option in parameter.opts}
    for word in words[1:]:
        option = word.partition("=")[0]
        assert not option.startswith("-") or option in known, f"{line!r}: {option} is unknown"


@cache
def _commands() -> dict[str, TyperCommand]:
    return {name: load(name) for panel in COMMANDS.values() for name in panel}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_settings_are_not_told_to_be_set_for_one_deployment(document: Path) -> None:
    """The next `make deploy` would undo them: budgets, receivers with their queues, e-mails of alarms."""
    assert not re.search(r"cdk deploy[^`]* -c", document.read_text())


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs/decisions"
    listed = re.findall(r"\]\(([^)]+\.md)\)", (folder / "README.md").read_text())
    assert sorted(listed) == sorted(file.name for file in folder.glob("*.md") if file.name != "README.md")


def test_the_newest_version_of_the_changelog_is_this_one() -> None:
    """`sightline --version` prints that of pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    versions = re.findall(r"^## \[(\d[^]]*)\] - \d{4}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == project["version"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_a_file_and_a_heading(document: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL)):
        if "://" not in link:
            name, _, anchor = link.partition("#")
            target = document.parent / name if name else document
            assert target.exists(), f"{document.name} links to {link}"
            assert not anchor or anchor in _anchors(target), f"{document.name} links to {link}"


def _anchors(document: Path) -> set[str]:
    """Return the anchors that GitHub gives to the document's headings."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
