"""The rehearsed settings: each value that changes a template, and the largest accepted values."""

import json
from pathlib import Path
from typing import Any

from common.receiver_settings import MAX_RECEIVERS
from common.setting_types import (
    MAILED_EVENTS,
    MAX_COMBINATIONS,
    MAX_DEPLOYMENT_CHARACTERS,
    MAX_HIDDEN_LABELS,
    MAX_PARAMETER_CHARACTERS,
    MAX_RECEIVER_CHARACTERS,
)

ROOT = Path(__file__).resolve().parents[1]

LABELS = [f"Label number {number}" for number in range(MAX_COMBINATIONS)]
HOSTS = [f"pictures-{number:02}.example.com" for number in range(80)]


def _receivers(number: int) -> list[dict[str, Any]]:
    """Return receivers with every format and schema, and with the longest names.

    The first receiver has as many labels as the filter of a subscription allows.
    """
    return [
        {
            "name": f"receiver-{number:02}".ljust(MAX_RECEIVER_CHARACTERS, "x"),
            "url_parameter": f"/receivers/{number}".ljust(MAX_PARAMETER_CHARACTERS, "x"),
            **({"format": "json"}, {"format": "xml", "schema": 2}, {"format": "xml"})[number % 3],
            "labels": LABELS if number == 0 else LABELS[:number],
        }
        for number in range(number)
    ]


LINTED = ("cdk.json", "auth=iam", "everything")
"""The combinations that cfn-lint reads. There are only a few, because cfn-lint takes as long as all other checks. The
engine of cdk-preflight reads every combination, and has most of cfn-lint's rules."""

COMBINATIONS: dict[str, dict[str, Any]] = {
    "cdk.json": {},
    "auth=iam": {"auth": "iam"},
    "everything": {
        "region": "eu-west-1",
        "auth": "none",
        "architecture": "x86_64",
        "receivers": _receivers(3),
        "notify_email": "me@example.com",
        "alarm_email": "us@example.com",
        "monitoring": "full",
        "monthly_budget_usd": 50,
        "api_quota": 1000,
        "source_buckets": ["photos", "my.archive"],
        "removal_policy": "destroy",
    },
    "auth=none": {"auth": "none", "private_sources": "10.0.0.1:8000"},
    "x86_64": {"architecture": "x86_64"},
    "Python 3.12": {"python_version": "3.12"},
    "Python 3.14, x86_64": {"python_version": "3.14", "architecture": "x86_64"},
    "format=json": {"format": "json"},
    "e-mail": {
        "notify_email": "me@example.com",
        "notify_labels": LABELS[: MAX_COMBINATIONS // len(MAILED_EVENTS)],
        "alarm_email": "us@example.com",
    },
    "a budget": {"monthly_budget_usd": 50, "region": "us-east-1"},
    "Frankfurt": {"region": "eu-central-1", "monthly_budget_usd": 0.001},
    "Oregon, quick": {"region": "us-west-2", "rekognition_tps": 10_000, "fetch_workers": 1000},
    "Singapore, iam": {"region": "ap-southeast-1", "auth": "iam"},
    "monitoring=full": {"monitoring": "full"},
    "monitoring=none": {"monitoring": "none"},
    "source buckets": {"source_buckets": ["photos", "my.archive", "third-bucket"], "fetch_workers": 2},
    "label filters": {
        "label_inclusion_filters": LABELS[:50],
        "label_category_exclusion_filters": LABELS[:50],
        "max_labels": 20,
        "abilities": {
            "text": {"when": "always"},
            "moderation": {"when": ["in/"]},
            "faces": {"when": "asked"},
            "celebrities": {"when": "asked"},
        },
        "hide_moderated": LABELS[:MAX_HIDDEN_LABELS],
        "min_confidence": 0,
    },
    "chosen sources": {
        "allowed_sources": HOSTS,
        "denied_sources": ["10.0.0.0/8", "*.example.org"],
        "source_ports": [80, 443, 8080],
    },
    "nothing kept": {"removal_policy": "destroy", "log_retention_days": 1},
    "largest": {
        "deployment": "d" * MAX_DEPLOYMENT_CHARACTERS,
        "receivers": _receivers(MAX_RECEIVERS),
        "monitoring": "full",
        "api_rate": 10_000,
        "api_burst": 5_000,
        "api_quota": 1_000_000_000,
        "log_retention_days": 365,
        "max_image_megabytes": 500,
        "max_image_megapixels": 80,
    },
    "smallest": {
        "api_rate": 0.1,
        "api_burst": 1,
        "api_quota": 1,
        "max_image_megabytes": 1,
        "max_image_megapixels": 1,
        "max_labels": 1,
        "rekognition_tps": 0.1,
    },
}
"""Each combination by its name: the differences from the settings in cdk.json. cdk.json itself is a combination too."""


def context(combination: str) -> dict[str, Any]:
    """Return CDK's context for a combination."""
    own: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]
    return {**own, **COMBINATIONS[combination]}
