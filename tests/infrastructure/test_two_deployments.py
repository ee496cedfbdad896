"""Two deployments in one account share no name: each has its stacks, parameters, exports, APIs and metrics."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.stacks import STACKS
from tests.conftest import Templates

SHARED = {
    "AWS::ApiGateway::Stage StageName",  # in its API
    "AWS::CloudWatch::Alarm MetricName",  # the dimensions distinguish them
    "AWS::IAM::Policy PolicyName",  # in its role
}
"""Literal names that need not be unique in an account. The comments say where they must be unique."""

Pair = tuple[Templates, Templates]


@pytest.fixture(scope="module")
def both(synthesize: Callable[..., Templates]) -> Pair:
    """The templates of the deployment without a name, and of another."""
    return synthesize(monitoring="full"), synthesize(monitoring="full", deployment="staging")


def named(templates: Templates) -> Iterator[tuple[str, str]]:
    """Yield the explicit names: type and property, and the name."""
    for template in templates.values():
        for resource in template["Resources"].values():
            for name, value in resource.get("Properties", {}).items():
                if re.search("^Name$|[a-z]Name$", name) and isinstance(value, str):
                    yield f"{resource['Type']} {name}", value


def exported(templates: Templates) -> set[str]:
    return {
        output["Export"]["Name"]
        for template in templates.values()
        for output in template["Outputs"].values()
        if "Export" in output
    }


def dimensions(templates: Templates) -> set[tuple[str, str]]:
    """Return the dimension values that distinguish metrics of functions and APIs."""
    text = json.dumps(templates).replace("\\", "")
    found = set(re.findall(r'"(service|ApiName)","([^"]+)"', text))  # on dashboards
    return found | set(re.findall(r'"Name": "(service|ApiName)", "Value": "([^"]+)"', text))


def counted_in_logs(templates: Templates) -> set[str]:
    """Return the metrics without dimensions."""
    return set(re.findall(r'"MetricName": "([^"]*WorkFailed)"', json.dumps(templates)))


def services(templates: Templates) -> set[str]:
    return set(re.findall(r'"POWERTOOLS_SERVICE_NAME": "([^"]+)"', json.dumps(templates)))


def imports(templates: Templates) -> set[str]:
    return set(re.findall(r'"Fn::ImportValue": "([^"]+)"', json.dumps(templates)))


def test_no_name_is_shared(both: Pair) -> None:
    plain, staging = (dict(named(each)) for each in both)
    assert {"AWS::SSM::Parameter Name", "AWS::ApiGateway::RestApi Name"} <= plain.keys()
    assert {f"{what} {name}" for what, name in named(both[0]) if what not in SHARED} & {
        f"{what} {name}" for what, name in named(both[1])
    } == set()
    assert plain.keys() == staging.keys()


@pytest.mark.parametrize("names", [exported, dimensions, counted_in_logs, services, imports])
def test_no_export_metric_or_log_dimension_is_shared(both: Pair, names: Callable[[Templates], set[Any]]) -> None:
    plain, staging = map(names, both)
    assert plain
    assert len(plain) == len(staging)
    assert plain & staging == set()


def test_what_a_deployment_imports_it_exports(both: Pair) -> None:
    for templates in both:
        assert imports(templates) <= exported(templates)


def test_a_functions_environment_names_nothing_of_another_deployment(both: Pair) -> None:
    for name in ("/sightline/endpoints", '"thirdparty_endpoint"', "parameter/thirdparty_endpoint"):
        assert name in json.dumps(both[0])
        assert name not in json.dumps(both[1])


@pytest.mark.parametrize(("deployment", "prefix", "tag"), [("", "", "default"), ("staging", "staging-", "staging")])
def test_stacks_are_named_after_their_deployment_and_tagged_with_it(
    assemble: Callable[..., Path], both: Pair, deployment: str, prefix: str, tag: str
) -> None:
    settings = {"monitoring": "full"} | ({"deployment": deployment} if deployment else {})
    manifest = json.loads((assemble(**settings) / "manifest.json").read_text())
    stacks = {name: found["properties"] for name, found in manifest["artifacts"].items() if name in STACKS}
    names = {name: found.get("stackName", name) for name, found in stacks.items()}
    assert names == {name: prefix + name for name in STACKS}
    assert all(found["tags"] == {"sightline:deployment": tag} for found in stacks.values())
