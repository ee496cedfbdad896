"""`python -m local up|down|status|run`: runs the embedded cloud for `make local`, `local-up` and `local-down`."""

import os
import shlex
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

import requests
import typer
from rich.console import Console
from rich.markup import escape

from cli.commands.guide import curl_lines
from cli.target import LOCAL_FOLDER, local_target
from local import demonstration, options
from local.cloud import Cloud
from local.endpoints import Endpoints
from local.errors import CloudError
from local.options import Context, Models, Moderation, Photo, Port, Sources
from local.services import ROOT
from local.terminal import StoppedError, own_terminal, raise_on_signals

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
console = Console(highlight=False, soft_wrap=True)


@app.command()
def up(
    port: Port = "", sources: Sources = "", models: Models = "", moderation: Moderation = "", context: Context = None
) -> None:
    """Start the embedded cloud in the background and deploy the stacks into it."""
    with _failures():
        cloud = _cloud(port, sources, models, moderation, context)
        if (endpoints := cloud.endpoints()) and not cloud.is_orphan():
            _report_up(cloud)
        else:
            started = time.monotonic()
            endpoints = cloud.up()
            seconds = time.monotonic() - started
            console.print(f"[green]✓[/green] up after {seconds:.0f} s; stop it with `{_make('local-down')}`\n")
        _show_next_steps(endpoints)


@app.command()
def down() -> None:
    """Stop the embedded cloud. Its state and logs stay for the next start."""
    with _failures():
        stopped = Cloud(LOCAL_FOLDER, say=_say).down()
        console.print("stopped" if stopped else "the embedded cloud was not running")


@app.command()
def status() -> None:
    """Print the running processes. The exit code is 1 if the embedded cloud is not up."""
    cloud = Cloud(LOCAL_FOLDER, say=_say)
    for name, process in cloud.processes.running().items():
        console.print(f"{name}: process {process.pid}")
    if not cloud.endpoints():
        console.print(f"the embedded cloud is not up; start it with `{_make('local-up')}`")
        raise typer.Exit(1)


@app.command()
def run(
    *,
    photo: Photo = "",
    port: Port = "",
    sources: Sources = "",
    models: Models = "",
    moderation: Moderation = "",
    context: Context = None,
) -> None:
    """Start, recognise a few photos (or yours), show the results, and run until Ctrl-C."""
    with _failures():
        own = options.parse_photo(photo)
        cloud = _cloud(port, sources, models, moderation, context, terminal=True)
        with own_terminal(), cloud.held() as held:
            if (endpoints := cloud.endpoints()) and not (held and cloud.is_orphan()):
                _report_up(cloud)
                if own:
                    demonstration.send(console, endpoints, cloud.photos, own)
                _show_next_steps(endpoints)
            elif held:
                _run(cloud, own)
            else:
                raise CloudError("another `make local` is starting or stopping; try again when it has started or ended")


def _run(cloud: Cloud, own: Path | None) -> None:
    """Run until a signal arrives, a process ends or another command stops the cloud."""
    try:
        endpoints = cloud.up()
        demonstration.send(console, endpoints, cloud.photos, own)
        _show_next_steps(endpoints)
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
    """Print one line for each failure. Turn signals to stop into exceptions and exit codes."""
    raise_on_signals()
    try:
        yield
    except StoppedError as stopped:
        raise typer.Exit(128 + stopped.number) from None
    except (CloudError, requests.RequestException) as error:
        _fail(error)


def _cloud(
    port: str, sources: str, models: str, moderation: str, context: list[str] | None, *, terminal: bool = False
) -> Cloud:
    """Return the cloud with these options.

    Raises:
        CloudError: an option has an invalid value.
    """
    return Cloud(
        LOCAL_FOLDER,
        say=_say,
        port=options.parse_port(port),
        sources=options.parse_sources(sources),
        models=options.parse_models(models),
        moderation=options.parse_moderation(moderation),
        context=options.parse_context(context or []),
        terminal=terminal,
    )


def _sightline() -> str:
    """Return the shell command for `sightline` in the caller's folder."""
    program = ".venv/bin/sightline"
    if not options.called_from().samefile(ROOT):
        program = shlex.quote(str(ROOT / program))
    return " ".join([*_state_folder(), program])


def _make(target: str) -> str:
    """Return the shell command for a target of the Makefile in the caller's folder."""
    elsewhere = [] if options.called_from().samefile(ROOT) else ["-C", shlex.quote(str(ROOT))]
    return " ".join(["make", *elsewhere, target, *_state_folder()])


def _state_folder() -> list[str]:
    """Return the assignment that names the state folder, if the caller chose one."""
    return [f"SIGHTLINE_LOCAL={shlex.quote(str(LOCAL_FOLDER.absolute()))}"] if "SIGHTLINE_LOCAL" in os.environ else []


def _say(line: str) -> None:
    console.print("[dim]·[/dim]", escape(line))


def _report_up(cloud: Cloud) -> None:
    """Print that the cloud is up already.

    Raises:
        CloudError: the running system has another value of a requested setting.
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


def _show_next_steps(endpoints: Endpoints) -> None:
    if endpoints.gallery:
        key = f" (it asks for the key, which `{_sightline()} key` prints)" if endpoints.api_key else ""
        console.print(f"Gallery: {endpoints.gallery}{key}", markup=False)
    console.print("Next steps:")
    for line in curl_lines(local_target(asdict(endpoints))):
        console.print(f"  {line.replace('.venv/bin/sightline', _sightline())}", markup=False)


if __name__ == "__main__":
    app()
