"""The checkout that commands run in: its folder, and the settings of its cdk.json."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.setting_types import SettingsError
from common.settings import Settings

ROOT = Path(__file__).resolve().parent.parent

CDK_JSON = ROOT / "cdk.json"
"""Holds the settings that are deployed from here."""


def settings_in_force(cdk_json: Path, changes: Sequence[str]) -> Settings:
    """Read the settings that `cdk deploy -c name=value …` would deploy.

    Raises:
        SettingsError: a setting is misspelt or has a value it cannot take.
    """
    context = read_context(cdk_json)
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals:
            raise SettingsError(f"-c {change!r} is not a setting; write name=value, as in -c max_labels=5")
        context[name] = value
    return Settings.from_context(context)


def read_context(cdk_json: Path) -> dict[str, Any]:
    """Read the settings of a cdk.json as they are written there."""
    context: dict[str, Any] = json.loads(cdk_json.read_text())["context"]
    return context
