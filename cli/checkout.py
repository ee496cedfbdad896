"""The folder of the repository that the commands run in."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

CDK_JSON = ROOT / "cdk.json"
"""Holds the settings that are deployed from this checkout."""


def read_context(cdk_json: Path) -> dict[str, Any]:
    """Read the settings of a cdk.json, without defaults or checks."""
    context: dict[str, Any] = json.loads(cdk_json.read_text())["context"]
    return context
