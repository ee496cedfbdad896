"""`python -m local up|down|status|run`: the embedded cloud, behind `make local`, `local-up` and `local-down`."""

import os
import shutil
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, NoReturn
from urllib.parse import quote

import requests
import typer
from rich.console import Console
from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table

from cli.main import curl_lines
from cli.target import LOCAL_FOLDER, local_target
from local import photos
from local.cloud import Cloud, CloudError, Endpoints

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
console = Console(highlight=False, soft_wrap=True)

SEEN_SECONDS = 30

Port = Annotated[int | None, typer.Option(envvar="LOCAL_PORT", help="The emulator's port; free ones without it.")]
Sources = Annotated[
    str, typer.Option(envvar="LOCAL_SOURCES", help="host:port pairs on private addresses that may be fetched from.")
]
Models = Annotated[
    str,
    typer.Option(envvar="MODEL_DIR", help="ONNX directories to look with, not the default model; a : between them."),
]
Context = Annotated[
    list[str] | None,
    typer.Option("--context", "-c", envvar="LOCAL_CONTEXT", help="Further settings, as name=value."),
]
Photo = Annotated[Path | None, typer.Option(envvar="PHOTO", help="A picture of yours to begin with.")]


@app.command()
def up(port: Port = None, sources: Sources = "", models: Models = "", context: Context = None) -> None:
    """Start the embedded cloud in the background and deploy the stacks into it."""
    cloud = _cloud(port, sources, models, context)
    if _is_up(cloud):
        return
    started = time.monotonic()
    endpoints = _start(cloud)
    console.print(f"[green]✓[/green] up after {time.monotonic() - started:.0f} s; stop it with `make local-down`\n")
    _show_way_on(endpoints)


@app.command()
def down() -> None:
    """Stop the embedded cloud. Its state and logs stay in .local/ for the next time."""
    try:
        stopped = _cloud().down()
    except CloudError as error:
        _fail(error)
    console.print("stopped" if stopped else "the embedded cloud was not running")


@app.command()
def status() -> None:
    """Say what is running; exit code 1 if it is not up."""
    cloud = _cloud()
    running = cloud.processes.running()
    for name, process in running.items():
        console.print(f"{name}: process {process.pid}")
    if not cloud.endpoints():
        console.print("the embedded cloud is not up; start it with `make local-up`")
        raise typer.Exit(1)


@app.command()
def run(
    photo: Photo = None, port: Port = None, sources: Sources = "", models: Models = "", context: Context = None
) -> None:
    """Start, show what is seen in a few photos (or in yours), and run until Ctrl-C."""
    # A shell that starts a command in the background has it ignore Ctrl-C, which is how this one ends.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if photo and not (photo := photo.expanduser()).is_file():
        _fail(CloudError(f"there is no picture {photo}"))
    cloud = _cloud(port, sources, models, context)
    if _is_up(cloud):
        return
    endpoints = _start(cloud)
    try:
        _show_photos(endpoints, _prepare(cloud, photo))
        _show_way_on(endpoints)
        console.print("\nRunning until Ctrl-C …")
        while cloud.endpoints():
            time.sleep(0.5)
        console.print(f"a process has ended, or `make local-down` was called; logs are in {LOCAL_FOLDER / 'logs'}")
    except KeyboardInterrupt:
        console.print("\nstopping …")
    except (CloudError, requests.RequestException) as error:
        _fail(error)
    finally:
        cloud.down()
    console.print("stopped")


def _cloud(port: int | None = None, sources: str = "", models: str = "", context: list[str] | None = None) -> Cloud:
    return Cloud(
        LOCAL_FOLDER,
        say=_say,
        port=port,
        sources=[source for source in sources.split(",") if source],
        models=[Path(model).expanduser().absolute() for model in models.split(os.pathsep) if model],
        context=dict(setting.split("=", 1) for setting in context or [] if "=" in setting),
    )


def _say(line: str) -> None:
    console.print("[dim]·[/dim]", escape(line))


def _is_up(cloud: Cloud) -> bool:
    if not (endpoints := cloud.endpoints()):
        return False
    console.print("the embedded cloud is up already; nothing was changed\n")
    _show_way_on(endpoints)
    return True


def _start(cloud: Cloud) -> Endpoints:
    for stop in (signal.SIGTERM, signal.SIGHUP):  # the terminal was closed
        signal.signal(stop, lambda number, _: sys.exit(128 + number))
    try:
        return cloud.up()
    except CloudError as error:
        _fail(error)
    except KeyboardInterrupt:
        console.print("\nstopped")
        raise typer.Exit(130) from None


def _fail(error: Exception) -> NoReturn:
    console.print("[red]✗[/red]", escape(str(error)))
    raise typer.Exit(1) from error


def _prepare(cloud: Cloud, photo: Path | None) -> list[str]:
    """Put the photos where the upload API can fetch them; their names."""
    if photo is None:
        return photos.write_samples(cloud.photos)
    shutil.copy(photo, cloud.photos / photo.name)
    return [photo.name]


def _show_photos(endpoints: Endpoints, names: list[str]) -> None:
    """Send the photos through the API, and show what came out of it."""
    headers = {"x-api-key": endpoints.api_key}
    refused = {}
    for name in names:
        # Asked anew each time, so that what is shown is what the models of today see.
        body = {"url": endpoints.photos + quote(name), "name": name, "overwrite": True, "refresh": True}
        answer = requests.post(f"{endpoints.upload}/images", json=body, headers=headers, timeout=60)
        if not answer.ok:
            refused[name] = _reason(answer)
    documents = _wait_for_documents(endpoints, len(names) - len(refused))

    table = Table("photo", "seen", "confidence", "boxes")
    for name in names:
        if name in refused:
            table.add_row(escape(name), f"[red]{escape(refused[name])}[/red]", "", "")
            continue
        record = requests.get(f"{endpoints.labels}/images/{quote(name)}", headers=headers, timeout=30).json()
        labels = record["labels"]
        seen = [record["failure"]["message"]] if record["failure"] else [label["name"] for label in labels]
        table.add_row(
            escape(name),
            escape("\n".join(seen)) or "nothing that the models know",
            "\n".join(f"{label['confidence']:.1f} %" for label in labels),
            "\n".join(str(len(label["instances"])) for label in labels),
        )
    console.print(table)
    if documents:
        console.print("The partner received for each a document; the last one:")
        console.print(Syntax(documents[-1]["body"], "xml", background_color="default"))


def _wait_for_documents(endpoints: Endpoints, count: int) -> list[dict[str, str]]:
    """What the partner, whose desk is empty at the start, has received, as soon as that is so much."""
    deadline = time.monotonic() + SEEN_SECONDS
    while time.monotonic() < deadline:
        documents: list[dict[str, str]] = requests.get(endpoints.partner, timeout=10).json()["deliveries"]
        if len(documents) >= count:
            return documents
        time.sleep(0.1)
    raise CloudError(
        f"the partner did not receive {count} documents within {SEEN_SECONDS} s; logs: {LOCAL_FOLDER / 'logs'}"
    )


def _reason(answer: requests.Response) -> str:
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError):
        return f"{answer.status_code} {answer.reason}"


def _show_way_on(endpoints: Endpoints) -> None:
    if endpoints.gallery:
        console.print(f"See it: {endpoints.gallery} (it asks for the key, which `sightline key` prints)", markup=False)
    console.print("Go on with:")
    for line in curl_lines(local_target(asdict(endpoints))):
        console.print(f"  {line}", markup=False)


if __name__ == "__main__":
    app()
