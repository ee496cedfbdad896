"""The findings of checks, and the acknowledged findings, which need no change."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

Templates = dict[str, dict[str, Any]]
"""Stack -> its template."""


@dataclass(frozen=True, kw_only=True, order=True)
class Finding:
    """A problem: something that would fail on AWS, or allows more than necessary."""

    rule: str
    place: str
    """The construct's path or `stack/logical id`."""

    message: str
    fix: str
    """The remedy, or the place that describes it."""


@dataclass(frozen=True, kw_only=True)
class Acknowledgement:
    """A finding that needs no change. The rules of cdk-nag are acknowledged at the constructs themselves."""

    rule: str
    place: str
    """As in `Finding`. `*` matches any text."""

    reason: str

    def covers(self, finding: Finding) -> bool:
        """Return True if this finding is acknowledged."""
        return self.rule == finding.rule and fnmatchcase(finding.place, self.place)


ACKNOWLEDGED = (
    Acknowledgement(rule="W3005", place="*", reason="CDK also writes down the dependencies that a reference implies."),
)


def unacknowledged(
    findings: Iterable[Finding], acknowledgements: Iterable[Acknowledgement]
) -> tuple[list[Finding], list[Acknowledgement]]:
    """Remove acknowledged findings. Returns (the other findings, the acknowledgements without a finding)."""
    known = list(acknowledgements)
    every = sorted(set(findings))
    unused = [one for one in known if not any(one.covers(finding) for finding in every)]
    return [finding for finding in every if not any(one.covers(finding) for one in known)], unused
