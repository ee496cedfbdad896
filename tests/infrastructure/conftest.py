"""Fixtures of the default templates and of templates with many other settings, and a reader of resources."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aws_cdk.assertions import Template

from tests.conftest import Templates


@pytest.fixture(scope="session")
def api(templates: Templates) -> Template:
    return Template.from_json(templates["APIStack"])


@pytest.fixture(scope="session")
def recognition(templates: Templates) -> Template:
    return Template.from_json(templates["RekognitionStack"])


@pytest.fixture(scope="session")
def integration(templates: Templates) -> Template:
    return Template.from_json(templates["IntegrationStack"])


RECEIVERS = [
    {"name": "thirdparty", "url_parameter": "thirdparty_endpoint", "schema": 2},
    {"name": "pets", "url_parameter": "/pets/url", "format": "json", "labels": ["Dog", "Cat"]},
]
OTHER_SETTINGS = {
    "api_burst": "30",
    "api_quota": "5000",
    "api_rate": "20",
    "architecture": "x86_64",
    "fetch_workers": "3",
    "label_exclusion_filters": "Person",
    "max_image_megabytes": 100,
    "max_image_megapixels": 30,
    "max_labels": "5",
    "monthly_budget_usd": "12.5",
    "notify_email": "me@example.com",
    "notify_labels": "Dog,Cat",
    "receivers": json.dumps(RECEIVERS),
    "rekognition_tps": 500,
    "removal_policy": "destroy",
    "source_buckets": "photos,my.archive",
}
"""Settings that are not the default. One synthesis shows that each has its effect."""


@pytest.fixture(scope="session")
def others(synthesize: Callable[..., Templates]) -> Templates:
    """The templates with `OTHER_SETTINGS`."""
    return synthesize(**OTHER_SETTINGS)


def placed(templates: Templates, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every resource of a kind with its place: `stack/logical id`."""
    for stack, template in templates.items():
        for name, resource in template["Resources"].items():
            if resource["Type"] == kind:
                yield f"{stack}/{name}", resource


def path(template: dict[str, Any], method: dict[str, Any]) -> str:
    """Return the path of a method, such as `/images/{image+}`."""
    found, resource = "", method["ResourceId"]
    while "Ref" in resource:
        properties = template["Resources"][resource["Ref"]]["Properties"]
        found, resource = f"/{properties['PathPart']}{found}", properties["ParentId"]
    return found or "/"
