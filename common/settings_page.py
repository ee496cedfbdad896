"""Generate docs/settings.md from the settings: `make settings`."""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from common.ability_settings import AbilitySettings
from common.receiver_settings import Receiver
from common.setting_types import fields_of, takes
from common.settings import Settings

PAGE = Path(__file__).resolve().parents[1] / "docs" / "settings.md"

HEAD = """\
# Settings

`make settings` generates this page from [common/settings.py](../common/settings.py).

Write settings into `context` in [cdk.json](../cdk.json). Do not pass them to the CDK CLI with `-c`: the next
`make deploy` would undo them. On a laptop, `make local LOCAL_CONTEXT="max_labels=5"` sets them for one start. Write a
list as JSON, or as text with commas between the entries.

If a setting is unknown or invalid, the deployment stops before it changes anything. The message names valid values.
"""

RECEIVER_HEAD = """\
## Members of a receiver

Each entry of `receivers` has these members.
"""


def settings_page() -> str:
    """Return docs/settings.md: a table of all settings, and a table of the members of a receiver."""
    return f"{HEAD}\n{_table(Settings)}\n{RECEIVER_HEAD}\n{_table(Receiver)}"


def _table(model: type[BaseModel]) -> str:
    rows = ["| name | default | valid values | meaning |", "|---|---|---|---|"]
    for name, field in fields_of(model).items():
        default = "required" if field.is_required() else _default(field.get_default())
        meaning = " ".join((field.description or "").split())
        valid = takes(field.annotation, field.metadata)
        rows.append(f"| `{name}` | {default} | {_escaped(valid)} | {_escaped(meaning)} |")
    return "\n".join(rows) + "\n"


def _default(value: Any) -> str:
    if value in (None, "", (), AbilitySettings()):
        return "none"
    return f"`{','.join(map(str, value)) if isinstance(value, tuple) else json.dumps(value).strip(chr(34))}`"


def _escaped(text: str) -> str:
    """Escape text for a cell of a table. Within backquotes, Markdown has only one escape, that of `|`."""
    parts = text.replace("|", "\\|").split("`")
    parts[::2] = [part.replace("<", "&lt;").replace("*.", "\\*.") for part in parts[::2]]
    return "`".join(parts)


if __name__ == "__main__":
    PAGE.write_text(settings_page())
