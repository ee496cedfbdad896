"""The findings of checks. Acknowledged findings need no change."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

Templates = dict[str, dict[str, Any]]
"""The template of each stack, by the name of the stack."""


@dataclass(frozen=True, kw_only=True, order=True)
class Finding:
    """A problem in a template. It would fail on AWS, or it allows more than necessary."""

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
    """The place of the finding, as in `Finding`. `*` matches any text."""

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
    """Remove acknowledged findings. Returns (remaining findings, acknowledgements without a finding)."""
    known = list(acknowledgements)
    every = sorted(set(findings))
    unused = [one for one in known if not any(one.covers(finding) for finding in every)]
    return [finding for finding in every if not any(one.covers(finding) for one in known)], unused
