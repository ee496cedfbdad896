"""The settings that are deployed from this checkout."""

from collections.abc import Sequence
from pathlib import Path

from cli.checkout import read_context
from common.setting_types import SettingsError
from common.settings import Settings


def settings_in_force(cdk_json: Path, changes: Sequence[str]) -> Settings:
    """Read the settings that `cdk deploy -c name=value …` would deploy.

    Raises:
        SettingsError: a setting is misspelt or has an invalid value.
    """
    context = read_context(cdk_json)
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals:
            raise SettingsError(f"-c {change!r} is not a setting; write name=value, as in -c max_labels=5")
        context[name] = value
    return Settings.from_context(context)
