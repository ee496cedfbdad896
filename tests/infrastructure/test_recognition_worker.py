"""An enabled ability adds its variable, its permission and its time to the worker. Without one, nothing changes."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from common.runtime.abilities.enabled import enabled_abilities
from tests.conftest import Templates
from tests.templates import as_list

ENABLED = {
    "region": "eu-north-1",
    "abilities": json.dumps({"text": {"when": "always"}, "moderation": {"when": ["in/"]}}),
}


@pytest.fixture(scope="module")
def enabled(synthesize: Callable[..., Templates]) -> Templates:
    return synthesize(**ENABLED)


def worker(templates: Templates) -> dict[str, Any]:
    """Return the worker's properties."""
    resources = templates["RekognitionStack"]["Resources"].values()
    [found] = [
        each["Properties"]
        for each in resources
        if each["Type"] == "AWS::Lambda::Function"
        and each["Properties"]["Handler"] == "recognition.runtime.recognize_images.handler"
    ]
    properties: dict[str, Any] = found
    return properties


def rekognition_actions(templates: Templates) -> set[str]:
    """Return all actions of Rekognition that any role may take."""
    return {
        action
        for template in templates.values()
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::IAM::Policy"
        for statement in resource["Properties"]["PolicyDocument"]["Statement"]
        for action in as_list(statement["Action"])
        if action.startswith("rekognition:")
    }


def test_each_enabled_ability_adds_its_own_permission(templates: Templates, enabled: Templates) -> None:
    assert rekognition_actions(templates) == {"rekognition:DetectLabels"}
    assert rekognition_actions(enabled) == {
        "rekognition:DetectLabels",
        "rekognition:DetectText",
        "rekognition:DetectModerationLabels",
    }


def test_the_worker_reads_the_enabled_abilities_with_its_share_of_their_rates(
    templates: Templates, enabled: Templates
) -> None:
    assert "ABILITIES" not in worker(templates)["Environment"]["Variables"]
    found = enabled_abilities(worker(enabled)["Environment"]["Variables"]["ABILITIES"])
    assert {name: each.when for name, each in found.items()} == {"text": "always", "moderation": ("in/",)}
    assert {each.options["calls_per_second"] for each in found.values()} == {2.5}  # of 5, for two workers


def test_the_worker_has_time_for_the_further_calls(templates: Templates, enabled: Templates) -> None:
    for each, seconds in ((templates, 60), (enabled, 80)):
        assert worker(each)["Timeout"] == seconds
        queues = [
            resource["Properties"]["VisibilityTimeout"]
            for name, resource in each["APIStack"]["Resources"].items()
            if resource["Type"] == "AWS::SQS::Queue" and name.startswith(("UploadedImageQueue", "RemovedImageQueue"))
        ]
        assert queues == [6 * seconds] * 2
