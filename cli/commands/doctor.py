"""`sightline doctor`: examines a deployment, and says how to fix each problem."""

import typer
from rich.text import Text

from cli.doctor.finding import State
from cli.options import JsonOption, TargetOption, open_target
from cli.output import out, plural, say
from common.runtime.visible_text import visible

MARKS = {State.GOOD: ("✓", "green"), State.PROBLEM: ("✗", "red"), State.UNCHECKED: ("–", "dim")}  # noqa: RUF001 - a dash


def command(as_json: JsonOption = False, target: TargetOption = None) -> None:
    """Check the deployment and say how to fix each finding. With findings the exit code is 1."""
    from cli.doctor.examination import examine

    lines = []
    for name, finding in examine(open_target(target, may_be_incomplete=True)):
        lines.append({"check": name, "state": finding.state, "text": finding.text, "fix": finding.fix})
        if not as_json:
            mark, style = MARKS[finding.state]
            out.print(Text.assemble((mark, style), f" {name}: {visible(finding.text)}"))
            if finding.fix:
                say(f"    → {finding.fix}")
    problems = sum(line["state"] is State.PROBLEM for line in lines)
    if as_json:
        out.print_json(data=lines)
    else:
        out.print(plural(problems, "finding") if problems else "no findings")
    if problems:
        raise typer.Exit(1)
