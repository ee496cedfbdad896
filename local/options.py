"""The options of `python -m local`: their declarations, and the checks of their values."""

import difflib
import os
from pathlib import Path
from typing import Annotated

import typer

from cli.checkout import CDK_JSON
from cli.deployed_settings import settings_in_force
from common.setting_types import SettingsError
from common.settings import Settings
from local import photos
from local.deployment import SETTINGS
from local.errors import CloudError

MAX_PORT = 65_535
NAMES = set(Settings.model_fields)
"""The names of all settings."""

Port = Annotated[str, typer.Option(envvar="LOCAL_PORT", help="The emulator's port. Without it, a free port.")]
Sources = Annotated[
    str,
    typer.Option(envvar="LOCAL_SOURCES", help="Pairs host:port on private addresses from which pictures are fetched."),
]
Models = Annotated[
    str,
    typer.Option(envvar="MODEL_DIR", help="ONNX directories that replace the default model, separated by colons."),
]
Moderation = Annotated[
    str,
    typer.Option(envvar="MODERATION", help="1 enables DetectModerationLabels, with a network of unknown recall."),
]
Context = Annotated[
    list[str] | None,
    typer.Option("--context", "-c", envvar="LOCAL_CONTEXT", help="Further settings, as name=value."),
]
Photo = Annotated[str, typer.Option(envvar="PHOTO", help="Your own picture, recognised in place of the samples.")]


def parse_port(text: str) -> int | None:
    """Return the port, or None for an empty text.

    Raises:
        CloudError: the text is not a port.
    """
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and 0 < int(text) <= MAX_PORT):
        raise CloudError(f"LOCAL_PORT is {text!r}; expected a number from 1 to {MAX_PORT}")
    return int(text)


def parse_sources(text: str) -> list[str]:
    """Return the `host:port` pairs.

    Raises:
        CloudError: an entry is not a pair.
    """
    sources = [source for source in text.split(",") if source]
    try:
        Settings.from_context({"private_sources": ",".join(sources)})
    except SettingsError as error:
        raise CloudError(f"LOCAL_SOURCES={text}: {error}") from error
    return sources


def parse_models(text: str) -> list[Path]:
    """Return the directories of the models.

    Raises:
        CloudError: a directory is missing or holds no model.
    """
    if not text:
        return []
    from local.rekognition.engines.onnx_model import NETWORKS  # noqa: PLC0415 - takes half a second and is seldom needed

    models = [called_from() / Path(model).expanduser() for model in text.split(os.pathsep) if model]
    for model in models:
        if not model.is_dir():
            raise CloudError(f"MODEL_DIR={text}: there is no folder {model}")
        if not any((model / network).is_file() for network in NETWORKS):
            raise CloudError(f"MODEL_DIR={text}: {model} holds no model; a model has config.json and {NETWORKS[0]}")
    return models


def parse_moderation(text: str) -> bool:
    """Return True if the user asked for moderation.

    Raises:
        CloudError: the text is neither 1 nor empty.
    """
    if text not in {"", "1"}:
        raise CloudError(f"MODERATION is {text!r}; expected 1, or nothing")
    return bool(text)


def parse_context(settings: list[str]) -> dict[str, str]:
    """Return the further settings, by name.

    Raises:
        CloudError: a setting is unknown or has an invalid value.
    """
    for setting in settings:
        name, equals, _ = setting.partition("=")
        if not (name and equals):
            raise CloudError(f"LOCAL_CONTEXT: {setting!r} is not a setting; write name=value, without spaces")
        if name not in NAMES and ":" not in name:  # the names of CDK's own settings contain a colon
            raise CloudError(f"LOCAL_CONTEXT: there is no setting {name!r}{_suggestion(name)}")
    if settings:
        try:
            settings_in_force(CDK_JSON, [*map("=".join, SETTINGS.items()), *settings])
        except SettingsError as error:
            raise CloudError(f"LOCAL_CONTEXT: {error}") from error
    return dict(setting.split("=", 1) for setting in settings)


def _suggestion(name: str) -> str:
    close = difflib.get_close_matches(name, NAMES, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def parse_photo(text: str) -> Path | None:
    """Return the path of the user's picture, or None for an empty text.

    Raises:
        CloudError: the upload API would refuse the file.
    """
    if not text:
        return None
    photo = called_from() / Path(text).expanduser()
    try:
        photos.check(photo)
    except (OSError, ValueError) as error:
        raise CloudError(f"PHOTO={text}: {getattr(error, 'strerror', None) or error}") from error
    return photo


def called_from() -> Path:
    """Return the folder in which make was called. `make -C` changes the working folder."""
    return Path(os.environ.get("CALLED_FROM") or Path.cwd())
