"""Fixtures of the default templates, and a reader of resources."""

from collections.abc import Iterator
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
