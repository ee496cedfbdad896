"""Abilities change the templates only where they are enabled."""

import json
from collections.abc import Callable

import pytest

from tests.conftest import Templates
from tests.infrastructure.conftest import placed

ABILITIES = {"text": {"when": "always", "calls_per_second": 3}, "faces": {"when": "asked"}}


@pytest.fixture(scope="module")
def enabled(synthesize: Callable[..., Templates]) -> Templates:
    return synthesize(abilities=json.dumps(ABILITIES))


def test_an_output_says_what_is_enabled(templates: Templates, enabled: Templates) -> None:
    output = json.loads(enabled["RekognitionStack"]["Outputs"]["Abilities"]["Value"])
    assert output["text"] == {"when": "always", "calls_per_second": 3}
    assert output["faces"]["when"] == "asked"
    assert all("Abilities" not in template.get("Outputs", {}) for template in templates.values())


def variables(templates: Templates, name: str) -> dict[str, str]:
    """Return the values of a variable by the handlers of the functions that have it."""
    return {
        function["Properties"]["Handler"]: environment[name]
        for _, function in placed(templates, "AWS::Lambda::Function")
        if name in (environment := function["Properties"].get("Environment", {}).get("Variables", {}))
    }


def test_the_functions_that_take_uploads_know_the_enabled_abilities(templates: Templates, enabled: Templates) -> None:
    takers = ("api.runtime.get_save_image.handler", "api.runtime.read_manifest.handler")
    assert variables(enabled, "ABILITY_NAMES") == dict.fromkeys(takers, "text,faces")
    assert variables(templates, "ABILITY_NAMES") == {}


def test_only_a_list_that_hides_pictures_reads_the_records(
    templates: Templates, synthesize: Callable[..., Templates]
) -> None:
    moderation = json.dumps({"moderation": {"when": "always"}})
    hiding = synthesize(abilities=moderation, hide_moderated="Violence,Explicit")
    lister = "recognition.runtime.list_images.handler"
    assert variables(hiding, "HIDE_MODERATED") == {lister: '["Violence", "Explicit"]'}
    assert variables(templates, "HIDE_MODERATED") == {}
    assert (_reads_records(hiding), _reads_records(templates)) == (True, False)


def _reads_records(templates: Templates) -> bool:
    """Return True if the List Images Service may read several records at once."""
    return any(
        statement["Action"] == "dynamodb:BatchGetItem" and "Classifications" in json.dumps(statement["Resource"])
        for place, policy in placed(templates, "AWS::IAM::Policy")
        if "/ListImages" in place
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    )
