"""`sightline`: talks to a running system, on AWS or the embedded cloud of this checkout."""

import json
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.markup import escape

from cli import cost as reckoning
from cli import deliveries as log
from cli import doctor as examination
from cli import images
from cli import kept as remains
from cli import usage as spending
from cli.calls import CallError
from cli.ingest import ingest
from cli.redrive import RedriveError
from cli.redrive import run as run_redrive
from cli.reproject import ReprojectError
from cli.reproject import run as run_reproject
from cli.rotation import KeyRotationError, revoke, rotate
from cli.target import Target, TargetError, TargetName, find, glimpse
from common.settings import THIRDPARTY, SettingsError

ROOT = Path(__file__).resolve().parent.parent

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

TargetOption = Annotated[
    TargetName | None,
    typer.Option(
        "--target", help="Where the system runs. Without it: local if a local system is registered, else aws."
    ),
]


JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]

app.command()(ingest)


def _version(wanted: bool) -> None:
    if wanted:
        out.print(f"sightline {version('sightline')}", markup=False)
        raise typer.Exit


@app.callback()
def main(
    *,
    _: Annotated[bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)] = False,
) -> None:
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
    out.print(f"Deliveries  {found.deliveries}", markup=False)
    if found.gallery:
        out.print(f"Gallery     {found.gallery}", markup=False)
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
    with _errors(RedriveError):
        run_redrive(_find(target), queue, rate=rate, yes=yes, out=out, err=err)


@app.command()
def doctor(as_json: JsonOption = False, target: TargetOption = None) -> None:
    """Look at the deployment from all sides, and say what to do about what is found; exit code 1 if anything is."""
    if examination.run(_find(target, glimpse), as_json=as_json, out=out):
        raise typer.Exit(1)


@app.command()
def kept(
    stack: Annotated[str, typer.Argument(help="As APIStack, there or deleted in the last 90 days; or its id.")],
    target: TargetOption = None,
) -> None:
    """Print the buckets and tables that a stack leaves behind, as `cdk import --resource-mapping` takes them."""
    try:
        found = remains.kept(_find(target, glimpse).client, stack)
    except (remains.KeptError, BotoCoreError, ClientError) as error:
        _fail(error)
    out.print_json(data=found)


@app.command()
def cost(
    images: Annotated[str, typer.Option(help="How many pictures a month, as 250000 or 1e6.")] = "1e6",
    size: Annotated[str, typer.Option(help="What a picture has, as 300kB or 1.5MB.")] = "300kB",
    context: Annotated[
        list[str] | None, typer.Option("--context", "-c", help="A setting, name=value, as `cdk deploy` takes it.")
    ] = None,
) -> None:
    """Reckon what pictures cost a month, with the settings of this checkout's cdk.json."""
    try:
        settings = reckoning.settings_in_force(ROOT / "cdk.json", context or [])
        reckoning.show(reckoning.count(images), reckoning.size(size), settings, out)
    except (reckoning.AmountError, SettingsError) as error:
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


@app.command()
def deliveries(
    image: Annotated[str | None, typer.Option(help="Only those of this image.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    target: TargetOption = None,
) -> None:
    """Show what was delivered to whom, newest first, and what was answered."""
    try:
        entries = log.newest(_find(target), image, limit)
    except CallError as error:
        _fail(error)
    if as_json:
        out.print(json.dumps(entries, indent=2), markup=False, emoji=False)
    else:
        log.show(entries, out)


@app.command()
def replay(
    event_id: Annotated[str, typer.Argument(help="The event's id, as `sightline deliveries` shows it.")],
    receiver: Annotated[
        str | None, typer.Option(help="Only to this one. Without it: to all who were offered it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    target: TargetOption = None,
) -> None:
    """Deliver an event again, as it was, under the same id."""
    try:
        answer = log.replay(_find(target), event_id, receiver)
    except CallError as error:
        _fail(error)
    text = json.dumps(answer) if as_json else f"{event_id} is offered again to {', '.join(answer['receivers'])}"
    out.print(text, markup=False, emoji=False)


@app.command()
def signing_secret(
    receiver: Annotated[str, typer.Argument(help="Whose.")] = THIRDPARTY,
    rotate: Annotated[bool, typer.Option("--rotate", help="Make a new one.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Make it without asking.")] = False,
    target: TargetOption = None,
) -> None:
    """Print what deliveries are signed with, for the receiver to verify them."""
    found = _find(target)
    try:
        if rotate:
            if not yes and not typer.confirm(f"Sign deliveries to {receiver} with a new secret?", err=True):
                raise typer.Exit(1)
            value = log.rotate(found, receiver)
            err.print("In a minute deliveries carry two signatures, by this secret and by the one before it.")
            err.print("Give this one to the receiver before you make another.")
        else:
            value = log.signing_secret(found, receiver)
    except log.SecretError as error:
        _fail(error)
    out.print(value, markup=False, emoji=False)


@app.command()
def search(
    *,
    labels: Annotated[list[str], typer.Argument(help="Labels, parents or aliases; case does not matter.")],
    any_of: Annotated[bool, typer.Option("--any", help="Any of them is enough; without it all must be there.")] = False,
    exclude: Annotated[list[str] | None, typer.Option(help="What must not be there; may be given again.")] = None,
    min_confidence: Annotated[float, typer.Option(min=0, max=100, help="In per cent.")] = 0,
    since: Annotated[str | None, typer.Option("--from", help="Uploaded then or later, as 2026-11-20.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Uploaded then or earlier.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many images to show.")] = 20,
    as_json: JsonOption = False,
    target: TargetOption = None,
) -> None:
    """Find images by what is in them, best first: sightline search dog beach --min-confidence 90."""
    query = {
        "label": labels,
        "match": "any" if any_of else "all",
        "exclude": exclude or [],
        "min_confidence": f"{min_confidence:.4f}",
        **{name: value for name, value in (("from", since), ("to", until)) if value},
    }
    with _errors(CallError):
        found = images.search(_find(target), query, limit)
    if as_json:
        out.print_json(data=found)
    elif found:
        images.show_found(found, out)
    else:
        err.print("nothing was found")


@app.command()
def show(name: Annotated[str, typer.Argument()], as_json: JsonOption = False, target: TargetOption = None) -> None:
    """Show what is known of an image."""
    with _errors(CallError):
        record = images.image(_find(target), name)
    if as_json:
        out.print_json(data=record)
    else:
        images.show_image(record, out)


@app.command()
def delete(
    names: Annotated[list[str], typer.Argument()],
    yes: Annotated[bool, typer.Option("--yes", help="Delete on AWS without asking.")] = False,
    as_json: JsonOption = False,
    target: TargetOption = None,
) -> None:
    """Delete images: the pictures, and then what is known of them."""
    found = _find(target)
    if found.name is TargetName.AWS and not yes:
        typer.confirm(f"Delete {len(names)} image{'s' * (len(names) > 1)} ({found.name})?", abort=True, err=True)
    results = []
    for name in names:
        try:
            results.append({**images.delete(found, name), "deleted": True})
        except CallError as error:
            results.append({"image": name, "message": str(error), "deleted": False})
    if as_json:
        out.print_json(data=results)
    else:
        for result in results:
            mark = "[green]✓[/green]" if result["deleted"] else "[red]✗[/red]"
            out.print(mark, escape(images.printable(f"{result['image']}: {result['message']}")))
    if not all(result["deleted"] for result in results):
        raise typer.Exit(1)


@app.command()
def reproject(
    missing: Annotated[
        bool, typer.Option("--missing", help="Also have objects recognised that no record is about.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it on AWS without asking.")] = False,
    target: TargetOption = None,
) -> None:
    """Have the label index and the result documents made anew from the records."""
    with _errors(ReprojectError):
        run_reproject(_find(target), missing=missing, yes=yes, out=out, err=err)


@app.command()
def usage(
    month: Annotated[str | None, typer.Option(help="As 2026-11. Without it: this one, and the last 31 days.")] = None,
    as_json: JsonOption = False,
    target: TargetOption = None,
) -> None:
    """Show what was asked of Rekognition, what it cost, and what was saved by asking once for the same bytes."""
    with _errors(CallError):
        found = spending.usage(_find(target), month)
    if as_json:
        out.print_json(data=found)
    else:
        spending.show(found, out)


@contextmanager
def _errors(kind: type[Exception]) -> Iterator[None]:
    """One line for what goes wrong."""
    try:
        yield
    except kind as error:
        _fail(str(error))


def exports(target: Target) -> list[str]:
    """Shell lines that set what the README's curl lines use."""
    values = {
        "UPLOAD_URL": target.upload,
        "LABELS_URL": target.labels,
        "DELIVERIES_URL": target.deliveries,
        "API_KEY": target.api_key or "",
    }
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


def _find(name: TargetName | None, look: Callable[[TargetName | None], Target] | None = None) -> Target:
    try:
        target = (look or find)(name)
    except TargetError as error:
        _fail(error)
    err.print(f"[dim]target: {target.name}[/dim]")
    return target


def _fail(error: Exception | str) -> NoReturn:
    err.print("[red]✗[/red]", escape(str(error)))
    raise typer.Exit(1)
