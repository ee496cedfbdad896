"""Options that several commands share."""

from typing import Annotated

import typer

from cli.output import err, fail
from cli.target import Target, TargetError, TargetName, find

TargetOption = Annotated[
    TargetName | None,
    typer.Option("--target", help="The system to use. Default: local if a local system is registered, else aws."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
LimitOption = Annotated[int, typer.Option(min=1, help="Maximum number to show.")]
NameArgument = Annotated[str, typer.Argument(help="The image's name, as `sightline list` shows it.")]


def open_target(name: TargetName | None, *, may_be_incomplete: bool = False) -> Target:
    """Find the system that the option `--target` names, and print which system it is.

    Raises:
        typer.Exit: there is no such system, or the system is not up.
    """
    try:
        target = find(name, may_be_incomplete=may_be_incomplete)
    except TargetError as error:
        fail(error)
    err.print(f"[dim]target: {target.description}[/dim]")
    return target
