"""`python -m local up|down|status|run`: the embedded cloud, behind `make local`, `local-up` and `local-down`."""

import difflib
import os
import shlex
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, NoReturn
from urllib.parse import quote

import requests
import typer
from rich.console import Console
from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table

from cli.checkout import settings_in_force
from cli.commands.guide import curl_lines
from cli.target import LOCAL_FOLDER, local_target
from common.setting_types import SettingsError
from common.settings import Settings
from local import cloud as clouds
from local import photos
from local.cloud import ROOT, Cloud, CloudError, Endpoints

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
console = Console(highlight=False, soft_wrap=True)

SEEN_SECONDS = 60
MAX_PORT = 65_535
SETTINGS = set(Settings.model_fields)
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Port = Annotated[str, typer.Option(envvar="LOCAL_PORT", help="The emulator's port; free ones without it.")]
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
Photo = Annotated[str, typer.Option(envvar="PHOTO", help="A picture of yours to begin with.")]


class StoppedError(BaseException):
    """A signal asks to stop. No `except Exception` stops it on its way."""

    def __init__(self, number: int) -> None:
        self.number = number


@app.command()
def up(port: Port = "", sources: Sources = "", models: Models = "", context: Context = None) -> None:
    """Start the embedded cloud in the background and deploy the stacks into it."""
    with _failures():
        cloud = _cloud(port, sources, models, context)
        if (endpoints := cloud.endpoints()) and not cloud.is_orphan():
            _report_up(cloud)
        else:
            started = time.monotonic()
            endpoints = cloud.up()
            seconds = time.monotonic() - started
            console.print(f"[green]✓[/green] up after {seconds:.0f} s; stop it with `{_make('local-down')}`\n")
        _show_way_on(endpoints)


@app.command()
def down() -> None:
    """Stop the embedded cloud. Its state and logs stay for the next time."""
    with _failures():
        stopped = Cloud(LOCAL_FOLDER, say=_say).down()
        console.print("stopped" if stopped else "the embedded cloud was not running")


@app.command()
def status() -> None:
    """Print what is running; exit code 1 if it is not up."""
    cloud = Cloud(LOCAL_FOLDER, say=_say)
    for name, process in cloud.processes.running().items():
        console.print(f"{name}: process {process.pid}")
    if not cloud.endpoints():
        console.print(f"the embedded cloud is not up; start it with `{_make('local-up')}`")
        raise typer.Exit(1)


@app.command()
def run(
    photo: Photo = "", port: Port = "", sources: Sources = "", models: Models = "", context: Context = None
) -> None:
    """Start, show what is seen in a few photos (or in yours), and run until Ctrl-C."""
    with _failures():
        own = _photo(photo)
        cloud = _cloud(port, sources, models, context, terminal=True)
        with _own_terminal(), cloud.held() as held:
            if (endpoints := cloud.endpoints()) and not (held and cloud.is_orphan()):
                _report_up(cloud)
                if own:
                    console.print(f"{own.name} is sent to it …")
                    _send(cloud, endpoints, own)
                _show_way_on(endpoints)
            elif held:
                _run(cloud, own)
            else:
                raise CloudError("another `make local` is starting or stopping; try again when that is done")


def _run(cloud: Cloud, own: Path | None) -> None:
    """Run until a signal comes, a process ends or another command stops it."""
    try:
        endpoints = cloud.up()
        _send(cloud, endpoints, own)
        _show_way_on(endpoints)
        console.print("\nRunning until Ctrl-C …")
        while cloud.endpoints():
            time.sleep(0.5)
        if ended := cloud.ended():
            raise CloudError(f"{' and '.join(ended)} ended; everything else is stopped. See {cloud.processes.logs}")
    except StoppedError as stopped:
        console.print("\nstopping …")
        cloud.down()
        console.print("stopped")
        if stopped.number != signal.SIGINT:
            raise
    else:
        console.print(f"`{_make('local-down')}` stopped it")
    finally:
        cloud.down()


@contextmanager
def _failures() -> Iterator[None]:
    """Print one line for what goes wrong. The first signal to stop is raised, and further ones are ignored."""

    def stop(number: int, _: Any) -> None:
        for each in STOPS:
            signal.signal(each, signal.SIG_IGN)
        if number == signal.SIGHUP:  # nobody sees what is printed from here on, and printing would fail
            nowhere = os.open(os.devnull, os.O_RDWR)
            for stream in (sys.stdout, sys.stderr):
                os.dup2(nowhere, stream.fileno())
        raise StoppedError(number)

    for each in STOPS:
        # A shell that starts a command in the background has it ignore Ctrl-C, which is how `run` ends.
        if each == signal.SIGINT or signal.getsignal(each) != signal.SIG_IGN:
            signal.signal(each, stop)
    try:
        yield
    except StoppedError as stopped:
        raise typer.Exit(128 + stopped.number) from None
    except (CloudError, requests.RequestException) as error:
        _fail(error)


@contextmanager
def _own_terminal() -> Iterator[None]:
    """Take Ctrl-C from make, which would end with an error. Ctrl-Z does nothing meanwhile: make would not notice it."""
    before = os.getpgrp()
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
        is_makes = os.tcgetpgrp(terminal) == before != os.getpid()
    except OSError:  # there is none
        is_makes = False
    if not is_makes:
        yield
        return
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # else giving the terminal back stops the process
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    os.setpgid(0, 0)
    os.tcsetpgrp(terminal, os.getpid())
    try:
        yield
    finally:
        with suppress(OSError):  # the terminal was closed
            os.tcsetpgrp(terminal, before)


def _cloud(port: str, sources: str, models: str, context: list[str] | None, *, terminal: bool = False) -> Cloud:
    """Return the cloud that is asked for.

    Raises:
        CloudError: a setting has a value it cannot take.
    """
    return Cloud(
        LOCAL_FOLDER,
        say=_say,
        port=_port(port),
        sources=_sources(sources),
        models=_models(models),
        context=_context(context or []),
        terminal=terminal,
    )


def _port(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and 0 < int(text) <= MAX_PORT):
        raise CloudError(f"LOCAL_PORT={text}: a port is a number from 1 to {MAX_PORT}")
    return int(text)


def _sources(text: str) -> list[str]:
    sources = [source for source in text.split(",") if source]
    try:
        Settings.from_context({"private_sources": ",".join(sources)})
    except SettingsError as error:
        raise CloudError(f"LOCAL_SOURCES={text}: {error}") from error
    return sources


def _models(text: str) -> list[Path]:
    if not text:
        return []
    from local.rekognition.engines.onnx_model import NETWORKS  # noqa: PLC0415 - it takes half a second, which only this needs

    models = [_called_from() / Path(model).expanduser() for model in text.split(os.pathsep) if model]
    for model in models:
        if not model.is_dir():
            raise CloudError(f"MODEL_DIR={text}: there is no folder {model}")
        if not any((model / network).is_file() for network in NETWORKS):
            raise CloudError(f"MODEL_DIR={text}: {model} holds no model; it takes config.json and {NETWORKS[0]}")
    return models


def _context(settings: list[str]) -> dict[str, str]:
    for setting in settings:
        if not setting.partition("=")[0] or "=" not in setting:
            raise CloudError(f"LOCAL_CONTEXT: {setting!r} sets nothing; it takes name=value, without spaces")
        if (name := setting.partition("=")[0]) not in SETTINGS and ":" not in name:  # CDK's own have one
            raise CloudError(f"LOCAL_CONTEXT: there is no setting {name!r}{_meant(name)}")
    if settings:
        try:
            settings_in_force(ROOT / "cdk.json", [*map("=".join, clouds.SETTINGS.items()), *settings])
        except SettingsError as error:
            raise CloudError(f"LOCAL_CONTEXT: {error}") from error
    return dict(setting.split("=", 1) for setting in settings)


def _meant(name: str) -> str:
    close = difflib.get_close_matches(name, SETTINGS, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _photo(text: str) -> Path | None:
    if not text:
        return None
    photo = _called_from() / Path(text).expanduser()
    try:
        photos.check(photo)
    except (OSError, ValueError) as error:
        raise CloudError(f"PHOTO={text}: {getattr(error, 'strerror', None) or error}") from error
    return photo


def _called_from() -> Path:
    """Return the folder in which make was called: `make -C` changes it."""
    return Path(os.environ.get("CALLED_FROM") or Path.cwd())


def _sightline() -> str:
    """Return how a shell calls `sightline` from there."""
    program = ".venv/bin/sightline"
    if not _called_from().samefile(ROOT):
        program = shlex.quote(str(ROOT / program))
    return (
        f"SIGHTLINE_LOCAL={shlex.quote(str(LOCAL_FOLDER.absolute()))} {program}"
        if "SIGHTLINE_LOCAL" in os.environ
        else program
    )


def _make(door: str) -> str:
    """Return how a shell calls a door of the Makefile from there."""
    there = [] if _called_from().samefile(ROOT) else ["-C", shlex.quote(str(ROOT))]
    return " ".join(["make", *there, door, *_folder()])


def _folder() -> list[str]:
    """Return what names the state folder to a shell in which nothing is set."""
    return [f"SIGHTLINE_LOCAL={shlex.quote(str(LOCAL_FOLDER.absolute()))}"] if "SIGHTLINE_LOCAL" in os.environ else []


def _say(line: str) -> None:
    console.print("[dim]·[/dim]", escape(line))


def _report_up(cloud: Cloud) -> None:
    """Print that it is up.

    Raises:
        CloudError: a setting was asked for that is not the running system's.
    """
    if differences := cloud.differences():
        found = "; ".join(f"{name} is {value or 'not set'} there" for name, value in differences.items())
        raise CloudError(
            f"{' and '.join(differences)} cannot change while the embedded cloud is up ({found}); "
            f"stop it with `{_make('local-down')}` first"
        )
    where = "in another terminal" if cloud.is_in_terminal() else "in the background"
    console.print(f"the embedded cloud is up already, {where}; nothing was changed. `{_make('local-down')}` stops it\n")


def _fail(error: Exception) -> NoReturn:
    console.print("[red]✗[/red]", escape(str(error)))
    raise typer.Exit(1) from error


def _send(cloud: Cloud, endpoints: Endpoints, own: Path | None) -> None:
    """Send the sample photos, or a picture of the caller's, and show what is seen in them."""
    if not own:
        _show_photos(endpoints, {name: quote(name) for name in photos.write_samples(cloud.photos)})
        return
    with photos.lent(own, cloud.photos) as path:
        _show_photos(endpoints, {own.name: quote(path)})


def _show_photos(endpoints: Endpoints, paths: Mapping[str, str]) -> None:
    """Send photos through the API, by their names and their paths on the photo server, and show what came of it."""
    headers = {"x-api-key": endpoints.api_key}
    before = len(_documents(endpoints))
    refused = {}
    for name, path in paths.items():
        # Asked again each time, so that the models of today are shown.
        body = {"url": endpoints.photos + path, "name": name, "overwrite": True, "refresh": True}
        answer = requests.post(f"{endpoints.upload}/images", json=body, headers=headers, timeout=60)
        if not answer.ok:
            refused[name] = _reason(answer)
    count = len(paths) - len(refused)
    documents = _wait_for_documents(endpoints, before, count)

    table = Table("photo", "seen", "confidence", "boxes")
    for name in paths:
        if name in refused:
            table.add_row(escape(name), f"[red]{escape(refused[name])}[/red]", "", "")
            continue
        answer = requests.get(f"{endpoints.labels}/images/{quote(name)}", headers=headers, timeout=30)
        if not answer.ok:
            table.add_row(escape(name), escape(_reason(answer)), "", "")
            continue
        record = answer.json()
        labels = record["labels"]
        seen = [record["failure"]["message"]] if record["failure"] else [label["name"] for label in labels]
        table.add_row(
            escape(name),
            escape("\n".join(seen)) or "nothing that the models know",
            "\n".join(f"{label['confidence']:.1f} %" for label in labels),
            "\n".join(str(len(label["instances"])) for label in labels),
        )
    console.print(table)
    if len(documents) < count:
        console.print(f"Within {SEEN_SECONDS} s the partner received {len(documents)} of {count} documents.")
    elif documents:
        console.print("The partner received a document for each; the last one:")
    if documents:
        console.print(Syntax(documents[-1]["body"], "xml", background_color="default"))


def _documents(endpoints: Endpoints) -> list[dict[str, str]]:
    """Return what the partner has received since it was started."""
    documents: list[dict[str, str]] = requests.get(endpoints.partner, timeout=10).json()["deliveries"]
    return documents


def _wait_for_documents(endpoints: Endpoints, before: int, count: int) -> list[dict[str, str]]:
    """Return what the partner has received beyond the first `before`: `count` documents, or what came in time."""
    deadline = time.monotonic() + SEEN_SECONDS
    while len(documents := _documents(endpoints)[before:]) < count and time.monotonic() < deadline:
        time.sleep(0.1)
    return documents


def _reason(answer: requests.Response) -> str:
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError):
        return f"{answer.status_code} {answer.reason}"


def _show_way_on(endpoints: Endpoints) -> None:
    if endpoints.gallery:
        key = f" (it asks for the key, which `{_sightline()} key` prints)" if endpoints.api_key else ""
        console.print(f"See it: {endpoints.gallery}{key}", markup=False)
    console.print("Go on with:")
    for line in curl_lines(local_target(asdict(endpoints))):
        console.print(f"  {line.replace('.venv/bin/sightline', _sightline())}", markup=False)


if __name__ == "__main__":
    app()
