"""Rehearse the deployment without an account: `make synth`.

The rehearsal synthesizes many combinations of settings under cdk-nag and cdk-preflight, lints the templates, and checks
every policy. The rules of cdk-preflight were reproduced on AWS. The exit code is 1 if a finding is not acknowledged.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping

from rehearsal.combinations import COMBINATIONS, LINTED, context
from rehearsal.findings import ACKNOWLEDGED, Acknowledgement, Finding, unacknowledged
from rehearsal.linting import Lint
from rehearsal.policies import check_policies
from rehearsal.synthesis import synthesize


def main() -> int:
    """Rehearse every combination and print what was found. Returns the exit code."""
    started = time.monotonic()
    found: dict[Finding, list[str]] = defaultdict(list)
    lint = Lint()
    for combination in COMBINATIONS:
        templates, findings = synthesize(context(combination))
        for finding in [*findings, *check_policies(templates)]:
            found[finding].append(combination)
        if combination in LINTED:
            lint.add(combination, templates)
            if combination == LINTED[-1]:
                lint.begin()
        print(f"  {combination:20} {sum(len(each['Resources']) for each in templates.values())} resources", flush=True)
    for combination, finding in lint.end():
        found[finding].append(combination)
    left, unused = unacknowledged(found, ACKNOWLEDGED)
    report(left, found, unused)
    print(f"Rehearsed {len(COMBINATIONS)} combinations of settings in {time.monotonic() - started:.0f} s.")
    return 1 if left or unused else 0


def report(left: Iterable[Finding], found: Mapping[Finding, list[str]], unused: Iterable[Acknowledgement]) -> None:
    """Print each finding with its remedy, and each acknowledgement without a finding."""
    for finding in left:
        combinations = list(dict.fromkeys(found[finding]))
        print(f"\n{finding.rule} at {finding.place}, with {', '.join(combinations)}")
        print(f"  {finding.message}\n  {finding.fix}")
    for one in unused:
        print(f"\n{one.rule} at {one.place} is acknowledged in rehearsal/findings.py but not found: remove it there.")


if __name__ == "__main__":
    sys.exit(main())
