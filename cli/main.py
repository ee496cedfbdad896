"""`sightline`: talks to a running system, on AWS or the embedded cloud of this checkout."""

import json
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.markup import escape

from cli import cost as estimates
from cli import deliveries as log
from cli import doctor as examination
from cli import images
from cli import kept as remains
from cli import usage as spending
from cli.account import SHELL
from cli.calls import CallError
from cli.ingest import ingest
from cli.lines import printable
from cli.redrive import RedriveError
from cli.redrive import run as run_redrive
from cli.reproject import ReprojectError
from cli.reproject import run as run_reproject
from cli.rotation import KeyRotationError, revoke, rotate
from cli.target import LOCAL_AWS, Target, TargetError, TargetName, find, glimpse
from common.setting_types import SettingsError
from common.settings import THIRDPARTY, Settings

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
LimitOption = Annotated[int, typer.Option(min=1, help="How many to show, at most.")]
NameArgument = Annotated[str, typer.Argument(help="The image's name, as `sightline list` shows it.")]

VARIABLES = (
    *(
        "UPLOAD_URL",
        "LABELS_URL",
        "DELIVERIES_URL",
        "API_KEY",
        "IMAGE_BUCKET",
        "MANIFEST_BUCKET",
        "PHOTO_URL",
        "PARTNER",
    ),
    *(SHELL, "AWS_ENDPOINT_URL", *LOCAL_AWS),
)
"""What `sightline env` sets."""

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
def env(
    unset: Annotated[bool, typer.Option("--unset", help="Print how to take them back.")] = False,
    target: TargetOption = None,
) -> None:
    """Print addresses, key and buckets as shell exports, for eval "$(sightline env)".

    With a laptop's, `aws` and boto3 talk to the laptop in that shell, until eval "$(sightline env --unset)".
    """
    if unset:
        out.print(f"unset {' '.join(VARIABLES)}")
        return
    for line in exports(_find(target)):
        out.print(line, markup=False)


@app.command()
def guide(target: TargetOption = None) -> None:
    """Show how to go on with a running system: addresses, where the key is, first calls, cost and teardown."""
    found = _find(target)
    is_local = found.name is TargetName.LOCAL
    facts = [("Upload API", found.upload), ("Labels API", found.labels), ("Deliveries", found.deliveries)]
    if found.gallery:
        facts.append(("Gallery", found.gallery))
    option = f" --target {found.name}"
    facts.append(
        ("API key", f"printed by `sightline key{option}`" if found.api_key else "none; see `auth` in docs/settings.md")
    )
    for name, fact in facts:
        out.print(f"{name:12}{fact}", markup=False)
    out.print("\nGo on with:")
    for line in curl_lines(found):
        out.print(f"  {line}", markup=False)
    if is_local:
        ending = [("Cost", "nothing: all of it runs on this laptop"), ("Teardown", "make local-down (keeps the state)")]
    else:
        parameter = Settings(deployment=found.deployment).thirdparty_parameter
        ending = [
            ("Cost", "nearly all is Rekognition's: $1 per 1,000 images; `sightline cost` has the rest"),
            ("Third party", f"the SSM parameter {parameter}; docs/events.md shows how to set it"),
            ("Teardown", "make destroy (keeps the bucket, the table and the logs)"),
        ]
    out.print()
    for name, fact in ending:
        out.print(f"{name:12}{fact}", markup=False)


@app.command()
def redrive(
    queue: Annotated[
        str | None, typer.Argument(help="One queue, by its name as shown, such as Labels. Without it: all.")
    ] = None,
    rate: Annotated[int, typer.Option(min=1, max=500, help="Messages per second.")] = 10,
    yes: Annotated[bool, typer.Option("--yes", help="Move them without asking.")] = False,
    target: TargetOption = None,
) -> None:
    """Show what is in the dead-letter queues, and why; then ask, and move it back to be handled again."""
    with _errors(RedriveError):
        run_redrive(_find(target), queue, rate=rate, yes=yes, out=out, err=err)


@app.command()
def doctor(as_json: JsonOption = False, target: TargetOption = None) -> None:
    """Check the deployment, and say what to do about each finding; the exit code is 1 if there is one."""
    if examination.run(_find(target, glimpse), as_json=as_json, out=out):
        raise typer.Exit(1)


@app.command()
def kept(
    stack: Annotated[str, typer.Argument(help="As APIStack, there or deleted in the last 90 days; or its id.")],
    target: TargetOption = None,
) -> None:
    """Print the buckets and tables that a stack leaves behind, for `cdk import --resource-mapping`."""
    try:
        found = remains.kept(_find(target, glimpse).stacks, stack)
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
    """Estimate what pictures cost a month, and an idle deployment, with the settings of this checkout's cdk.json."""
    try:
        settings = estimates.settings_in_force(ROOT / "cdk.json", context or [])
        estimates.show(estimates.count(images), estimates.size(size), settings, out)
    except (estimates.AmountError, SettingsError) as error:
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
    """Make a new API key and use it from then on; the old ones work until they are ended by --revoke."""
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
    limit: LimitOption = 20,
    as_json: JsonOption = False,
    target: TargetOption = None,
) -> None:
    """Show what was delivered to whom, newest first, what waits, and what was answered."""
    with _errors(CallError):
        _show_page(
            log.newest(_find(target), image, limit + 1),
            limit,
            as_json=as_json,
            show=lambda found: log.show(found, out),
            nothing="no deliveries in the last 30 days",
        )


@app.command()
def replay(
    event_id: Annotated[str, typer.Argument(help="The event's id, as `sightline deliveries` shows it.")],
    receiver: Annotated[
        str | None, typer.Option(help="Only to this receiver. Without it: to all who were offered it.")
    ] = None,
    as_json: JsonOption = False,
    target: TargetOption = None,
) -> None:
    """Deliver an event again, as it was, under the same id."""
    with _errors(CallError):
        answer = log.replay(_find(target), event_id, receiver)
    text = json.dumps(answer) if as_json else f"{event_id} is offered again to {', '.join(answer['receivers'])}"
    out.print(text, markup=False, emoji=False)


@app.command()
def signing_secret(
    receiver: Annotated[str, typer.Argument(help="The receiver, by its name in the settings.")] = THIRDPARTY,
    rotate: Annotated[bool, typer.Option("--rotate", help="Make a new one, and print that.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Make it without asking.")] = False,
    target: TargetOption = None,
) -> None:
    """Print the secret that signs deliveries; the receiver verifies them with it."""
    found = _find(target)
    try:
        if rotate:
            if not yes and not typer.confirm(
                f"Sign deliveries to {receiver} with a new secret ({found.place})?", err=True
            ):
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
    any_of: Annotated[
        bool, typer.Option("--any", help="One of the labels is enough. Without it: all of them.")
    ] = False,
    exclude: Annotated[list[str] | None, typer.Option(help="A label that must not be there; may be repeated.")] = None,
    min_confidence: Annotated[float, typer.Option(min=0, max=100, help="For each label, in per cent.")] = 0,
    since: Annotated[
        str | None, typer.Option("--from", help="Uploaded then or later: 2026-11-20, or 2026-11-20T09:30:00Z.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", help="Uploaded then or earlier; a date counts to its end.")
    ] = None,
    limit: LimitOption = 20,
    as_json: JsonOption = False,
    target: TargetOption = None,
) -> None:
    """Find images by their labels, best first, as in: sightline search dog beach --min-confidence 90."""
    query = {
        "label": labels,
        "match": "any" if any_of else "all",
        "exclude": exclude or [],
        "min_confidence": f"{min_confidence:.4f}",
        **{name: value for name, value in (("from", since), ("to", until)) if value},
    }
    with _errors(CallError):
        _show_page(
            images.search(_find(target), query, limit + 1),
            limit,
            as_json=as_json,
            show=lambda found: images.show_images(found, out),
            nothing="nothing was found",
        )


@app.command(name="list")
def list_images(limit: LimitOption = 20, as_json: JsonOption = False, target: TargetOption = None) -> None:
    """List the images, newest first."""
    with _errors(CallError):
        _show_page(
            images.newest(_find(target), limit + 1),
            limit,
            as_json=as_json,
            show=lambda found: images.show_images(found, out),
            nothing="there are no images yet",
        )


@app.command()
def labels(
    prefix: Annotated[str | None, typer.Option(help="Only those that begin so; case does not matter.")] = None,
    limit: LimitOption = 100,
    as_json: JsonOption = False,
    target: TargetOption = None,
) -> None:
    """List the labels that images have, in alphabetical order, with their numbers of images."""

    def show(found: list[dict[str, Any]]) -> None:
        for entry in found:
            out.print(f"{entry['images']:8}  {printable(entry['label'])}", markup=False, emoji=False)

    with _errors(CallError):
        _show_page(
            images.labels(_find(target), prefix, limit + 1),
            limit,
            as_json=as_json,
            show=show,
            nothing="there are no such labels" if prefix else "there are no labels yet",
        )


@app.command()
def show(name: NameArgument, as_json: JsonOption = False, target: TargetOption = None) -> None:
    """Show what is known of an image: its record, its labels, and a URL of the picture for 5 minutes."""
    with _errors(CallError):
        record = images.image(_find(target), name)
    if as_json:
        out.print_json(data=record)
    else:
        images.show_image(record, out)


@app.command()
def delete(
    names: Annotated[list[str], typer.Argument(help="As `sightline list` shows them.")],
    yes: Annotated[bool, typer.Option("--yes", help="Delete on AWS without asking.")] = False,
    as_json: JsonOption = False,
    target: TargetOption = None,
) -> None:
    """Delete images: the pictures now, and what is known of them within seconds."""
    found = _find(target)
    if found.name is TargetName.AWS and not yes:
        typer.confirm(f"Delete {len(names)} image{'s' * (len(names) > 1)} ({found.place})?", abort=True, err=True)
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
            out.print(mark, escape(printable(f"{result['image']}: {result['message']}")))
    if not all(result["deleted"] for result in results):
        raise typer.Exit(1)


@app.command()
def reproject(
    missing: Annotated[
        bool,
        typer.Option(
            "--missing",
            help="Also handle pictures that disagree with their records: recognise new ones, forget deleted ones.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it on AWS without asking.")] = False,
    target: TargetOption = None,
) -> None:
    """Rebuild the label index, counts, result documents and thumbnails from the records."""
    with _errors(ReprojectError):
        run_reproject(_find(target), missing=missing, yes=yes, out=out, err=err)


@app.command()
def usage(
    month: Annotated[
        str | None, typer.Option(help="A month, as 2026-11. Without it: this month, and the last 31 days.")
    ] = None,
    as_json: JsonOption = False,
    target: TargetOption = None,
) -> None:
    """Show the calls of Rekognition, their cost, and what was saved by asking once for the same picture."""
    found_target = _find(target)
    with _errors(CallError):
        found = spending.usage(found_target, month)
    if as_json:
        out.print_json(data=found)
    else:
        spending.show(found, out, billed=found_target.name is TargetName.AWS)


def _show_page(
    found: list[dict[str, Any]],
    limit: int,
    *,
    as_json: bool,
    show: Callable[[list[dict[str, Any]]], None],
    nothing: str,
) -> None:
    """Print the first `limit` entries of those found, and say so if there are more, or none."""
    if as_json:
        out.print_json(data=found[:limit])
    else:
        show(found[:limit])
    if len(found) > limit:
        err.print(f"there are more than these {limit}; --limit shows more")
    elif not found and not as_json:
        err.print(nothing)


@contextmanager
def _errors(kind: type[Exception]) -> Iterator[None]:
    """One line for what goes wrong."""
    try:
        yield
    except kind as error:
        _fail(str(error))


def exports(target: Target) -> list[str]:
    """Return shell lines that set what README and docs use; what a target does not have is left out."""
    values = {
        "UPLOAD_URL": target.upload,
        "LABELS_URL": target.labels,
        "DELIVERIES_URL": target.deliveries,
        "API_KEY": target.api_key or "",
        "IMAGE_BUCKET": target.images,
        "MANIFEST_BUCKET": target.manifests,
        "PHOTO_URL": target.photo,
        "PARTNER": target.partner,
    }
    if target.aws:
        values |= {SHELL: TargetName.LOCAL, "AWS_ENDPOINT_URL": target.aws, **LOCAL_AWS}
    return [f"export {name}={shlex.quote(value)}" for name, value in values.items() if value is not None]


def curl_lines(target: Target) -> list[str]:
    """The calls to begin with."""
    photo = "$PHOTO_URL" if target.photo else "https://…"
    lines = [
        f'eval "$(.venv/bin/sightline env --target {target.name})"',
        f'curl -G -H "x-api-key: $API_KEY" "$UPLOAD_URL" -d name=img-01.jpg --data-urlencode "url={photo}"',
        'curl -H "x-api-key: $API_KEY" "$LABELS_URL"',
        'curl -H "x-api-key: $API_KEY" "$LABELS_URL/images/img-01.jpg"',
    ]
    return lines if target.api_key else [line.replace('-H "x-api-key: $API_KEY" ', "") for line in lines]


def _find(name: TargetName | None, look: Callable[[TargetName | None], Target] | None = None) -> Target:
    try:
        target = (look or find)(name)
    except TargetError as error:
        _fail(error)
    err.print(f"[dim]target: {target.place}[/dim]")
    return target


def _fail(error: Exception | str) -> NoReturn:
    err.print("[red]✗[/red]", escape(str(error)))
    raise typer.Exit(1)
