"""`sightline`: talks to a running system, on AWS or the embedded cloud of this checkout."""

import shlex
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from cli.ingest import ingest
from cli.redrive import RedriveError
from cli.redrive import run as run_redrive
from cli.rotation import KeyRotationError, revoke, rotate
from cli.target import Target, TargetError, TargetName, find

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

TargetOption = Annotated[
    TargetName | None,
    typer.Option("--target", help="Where the system runs. Without it: local while that answers, else aws."),
]


app.command()(ingest)


@app.callback()
def main() -> None:
    """Sightline: pictures in, searchable labels out."""


@app.command()
def env(target: TargetOption = None) -> None:
    """Print the addresses and the key as shell exports: eval "$(sightline env)"."""
    for line in exports(_find(target)):
        out.print(line, markup=False)


@app.command()
def guide(target: TargetOption = None) -> None:
    """Show how to go on with a running system: addresses, key, curl lines, cost and teardown."""
    found = _find(target)
    out.print(f"Upload API  {found.upload}", markup=False)
    out.print(f"Labels API  {found.labels}", markup=False)
    if found.api_key:
        out.print("API key     shown by `sightline env`")
    out.print("\nGo on with:")
    for line in curl_lines(found):
        out.print(f"  {line}", markup=False)
    if found.name is TargetName.AWS:
        out.print(
            "\nCost        nearly all is Rekognition's price, $1 per 1,000 of the first million images a month"
            "\nThird party is the SSM parameter thirdparty_endpoint; the README shows how to set it"
            "\nTeardown    make destroy (keeps the bucket, the table and the logs)",
            markup=False,
        )


@app.command()
def redrive(
    queue: Annotated[str | None, typer.Argument(help="As UploadedImage or Labels. Without it: all.")] = None,
    rate: Annotated[int, typer.Option(min=1, max=500, help="Messages per second.")] = 10,
    yes: Annotated[bool, typer.Option("--yes", help="Move them without asking.")] = False,
    target: TargetOption = None,
) -> None:
    """Show what is in the dead-letter queues, and why; then move it back, to be handled again."""
    try:
        run_redrive(_find(target), queue, rate=rate, yes=yes, out=out, err=err)
    except RedriveError as error:
        _fail(error)


@app.command()
def key(target: TargetOption = None) -> None:
    """Print the API key, and nothing else."""
    found = _find(target)
    if not found.api_key:
        _fail("no key is admitted; if the setting `auth` is api_key, `sightline rotate-key` makes one")
    out.print(found.api_key, markup=False)


@app.command()
def rotate_key(
    revoke_old: Annotated[bool, typer.Option("--revoke", help="Disable all keys but the newest.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Revoke them without asking.")] = False,
    target: TargetOption = None,
) -> None:
    """Make a new API key, which is used from then on; later, with --revoke, end the old one."""
    found = _find(target)
    try:
        if revoke_old:
            revoke(found, yes=yes, out=out)
        else:
            rotate(found, out=out)
    except KeyRotationError as error:
        _fail(error)


def exports(target: Target) -> list[str]:
    """Shell lines that set what the README's curl lines use."""
    values = {"UPLOAD_URL": target.upload, "LABELS_URL": target.labels, "API_KEY": target.api_key or ""}
    if target.photo:
        values["PHOTO_URL"] = target.photo
    return [f"export {name}={shlex.quote(value)}" for name, value in values.items()]


def curl_lines(target: Target) -> list[str]:
    """The calls to begin with."""
    lines = [
        f'eval "$(.venv/bin/sightline env --target {target.name})"',
        f'curl -H "x-api-key: $API_KEY" "$UPLOAD_URL?name=img-01.jpg&url={target.photo or "https://…"}"',
        'curl -H "x-api-key: $API_KEY" "$LABELS_URL"',
        'curl -H "x-api-key: $API_KEY" "$LABELS_URL/images/img-01.jpg"',
    ]
    return lines if target.api_key else [line.replace('-H "x-api-key: $API_KEY" ', "") for line in lines]


def _find(name: TargetName | None) -> Target:
    try:
        target = find(name)
    except TargetError as error:
        _fail(error)
    err.print(f"[dim]target: {target.name}[/dim]")
    return target


def _fail(error: Exception | str) -> NoReturn:
    err.print("[red]✗[/red]", escape(str(error)))
    raise typer.Exit(1)
