"""The settings that are deployed from this checkout."""

from collections.abc import Sequence
from pathlib import Path

from cli.checkout import read_context
from common.setting_types import SettingsError
from common.settings import Settings


def settings_in_force(cdk_json: Path, changes: Sequence[str]) -> Settings:
    """Read the settings that `cdk deploy -c name=value …` would deploy.

    Raises:
        SettingsError: there is no such setting, or a setting has an invalid value.
    """
    context = read_context(cdk_json)
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals:
            raise SettingsError(f"-c {change!r} is not a setting; write name=value, as in -c max_labels=5")
        context[name] = value
    settings = Settings.from_context(context)  # knows similar names
    # The names of CDK's own context contain a colon, a slash or a hyphen.
    if unknown := [name for name in context if name.isidentifier() and name not in Settings.model_fields]:
        raise SettingsError(f"there is no setting {unknown[0]!r}; docs/settings.md lists all settings")
    return settings
