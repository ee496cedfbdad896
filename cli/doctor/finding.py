"""The doctor's report: one finding for each thing that it examined."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """The result of examining one thing. The values are those of `sightline doctor --json`."""

    GOOD = "good"
    PROBLEM = "finding"
    UNCHECKED = "unchecked"


@dataclass(frozen=True)
class Finding:
    """One thing that was examined. A problem has a fix."""

    state: State
    text: str
    fix: str = ""


def good(text: str) -> Finding:
    """Report that something is as it should be."""
    return Finding(State.GOOD, text)


def problem(text: str, fix: str) -> Finding:
    """Report a problem and how to fix it."""
    return Finding(State.PROBLEM, text, fix)


def unchecked(reason: str) -> Finding:
    """Report that something could not be examined, although the deployment may be fine."""
    return Finding(State.UNCHECKED, f"not checked: {reason}")
