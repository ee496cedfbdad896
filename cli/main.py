"""`sightline`: commands for a running system, on AWS or the embedded cloud of this checkout.

Each command is the function `command` of a module in cli/commands/, which is imported when the command runs.
"""

import inspect
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

COMMANDS = {
    "Pictures": {
        "ingest": "Store pictures from files, folders, URLs, lists or a bucket.",
        "list": "List images, newest first.",
        "search": "Find images by labels, texts and names, best first.",
        "labels": "List labels or other names, with the number of images of each.",
        "show": "Show an image's record, its labels and a URL of the picture.",
        "delete": "Delete images.",
    },
    "Deliveries": {
        "deliveries": "Show deliveries to receivers, newest first.",
        "replay": "Deliver an event again.",
        "signing-secret": "Print or rotate a receiver's signing secret.",
    },
    "Operation": {
        "guide": "Show addresses, first calls, cost and teardown.",
        "env": "Print addresses, key and buckets as shell exports.",
        "key": "Print the API key.",
        "rotate-key": "Create a new API key, or revoke the old ones.",
        "doctor": "Check the deployment and say how to fix each finding.",
        "logs": "Show the functions' logs, and follow them.",
        "redrive": "Show dead letters and move them back to their queues.",
        "reproject": "Rebuild all data that are derived from the records.",
        "usage": "Show calls to Rekognition and their cost.",
        "cost": "Estimate the monthly cost.",
        "kept": "Print the buckets and tables that a stack leaves behind.",
    },
    "Development": {"invoke": "Run a handler of the local system in this process."},
}
"""The first sentence of each command's help. The outer keys are the panels of `sightline --help`."""


class LazyGroup(TyperGroup):
    """Lists commands without importing them, so that `sightline --help` is fast, and imports a command when it runs."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for panel, commands in COMMANDS.items():
            for name, text in commands.items():
                self.add_command(TyperCommand(name, help=text, rich_help_panel=panel))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command's name, the imported command and the remaining arguments. Called by Typer."""
        name, listed, rest = super().resolve_command(ctx, args)
        return name, load(listed.name) if listed and listed.name else None, rest


def load(name: str) -> TyperCommand:
    """Import a command."""
    module = import_module(f"cli.commands.{name.replace('-', '_')}")
    single = typer.Typer(add_completion=False)
    # Typer would keep the docstring's line ends within a paragraph.
    paragraphs = inspect.cleandoc(module.command.__doc__).split("\n\n")
    single.command(name, help="\n\n".join(" ".join(text.split()) for text in paragraphs))(module.command)
    command: TyperCommand = typer.main.get_command(single)  # type: ignore[assignment] # as it has no group
    return command


app = typer.Typer(cls=LazyGroup, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"sightline {version('sightline')}")
        raise typer.Exit


@app.callback()
def main(
    *,
    _: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Sightline: pictures in, searchable labels out."""


if __name__ == "__main__":
    app()
