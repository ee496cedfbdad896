"""CONTRIBUTING's table names every target of the Makefile, and where each one runs."""

import re

from tests.conftest import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z][a-z0-9-]*):", MAKEFILE, re.MULTILINE))
WEEKLY = ".github/workflows/weekly.yml"
WALK, CHECK = ".ci/walk.py", "make check"


def table() -> dict[str, list[str]]:
    """Return the table: place -> the commands that it should run, without `make`."""
    section = (ROOT / "CONTRIBUTING.md").read_text().partition("## Where each target runs")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([^`]+)`[^|]*\| (.+) \|$", section, re.MULTILINE)
    return {place: re.findall(r"`make ([^`]+)`", commands) for place, commands in rows}


def closure(target: str) -> set[str]:
    """Return the target, and those that the Makefile makes before it."""
    [prerequisites] = re.findall(rf"^{target}:([^#\n]*)", MAKEFILE, re.MULTILINE)
    return {target}.union(*(closure(name) for name in prerequisites.split() if name in TARGETS))


def test_each_target_has_one_place() -> None:
    named = [command.split()[0] for commands in table().values() for command in commands]
    assert sorted(named) == sorted(TARGETS)


def test_ci_begins_with_the_walk_and_runs_what_make_check_is_said_to_run() -> None:
    assert re.findall(rf"^(?:\.ci/walk\.py|{CHECK})$", (ROOT / ".ci/run").read_text(), re.MULTILINE) == [WALK, CHECK]
    assert set(table()[CHECK]) == closure("check")


def test_the_jobs_of_each_push_run_together_what_ci_runs() -> None:
    workflow = (ROOT / ".github/workflows/check.yml").read_text()
    commands = re.findall(r"^      - run: (.+)$", workflow, re.MULTILINE)
    made = [target for command in commands if command.startswith("make ") for target in command.split()[1:]]
    assert [command for command in commands if not command.startswith("make ")] == [WALK]
    assert set().union(*map(closure, made)) | {"check", "test"} == closure("check")


def test_the_weekly_workflow_runs_what_it_is_said_to_run() -> None:
    workflow = (ROOT / WEEKLY).read_text()
    assert "\n      - run: make ${{ matrix.target }}\n" in workflow
    listed = re.search(r"^        target:\n((?:          - .+\n)+)", workflow, re.MULTILINE)
    assert listed
    assert table()[WEEKLY] == re.findall(r"- (.+)\n", listed[1])


def test_programs_and_tests_run_what_they_are_said_to_run() -> None:
    places = table().keys() - {CHECK, WEEKLY}
    assert WALK in places
    for place in places:
        source = (ROOT / place).read_text()
        for command in table()[place]:
            assert re.search(rf'make\w*(?:\(|", )\[?"{command}"', source), f"{place} does not run make {command}"
