"""Functions: their Python, packages, logs and environments."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk.assertions import Match, Template

from app import build_app
from common.imaging.decoder_service import MAX_MEMORY_BYTES
from common.setting_types import SettingsError
from tests.conftest import Templates
from tests.infrastructure.conftest import placed

WORKER_MEGABYTES = 400
"""Memory of a function beside its decoder: packages, the decoder's service, and pictures in memory."""


def test_functions_run_the_chosen_python_with_a_role_and_logs_of_their_own(templates: Templates) -> None:
    functions = {
        place: function["Properties"]
        for place, function in placed(templates, "AWS::Lambda::Function")
        if "BucketNotificationsHandler" not in place  # CDK's own
    }
    assert {function["Handler"] for function in functions.values()} == {
        "recognition.runtime.enforce_budget.handler",
        "api.runtime.get_save_image.handler",
        "api.runtime.read_manifest.handler",
        "api.runtime.fetch_images.handler",
        "recognition.runtime.recognize_images.handler",
        "recognition.runtime.list_images.handler",
        "recognition.runtime.serve_gallery.handler",
        "recognition.runtime.make_renditions.handler",
        "recognition.runtime.update_index.handler",
        "integration.runtime.deliver.handler",
        "integration.runtime.deliveries_api.handler",
    }
    roles = [str(function["Role"]) for function in functions.values()]
    assert len(roles) == len(set(roles))
    for place, function in functions.items():
        assert function["Runtime"] == "python3.13", place
        assert function["Architectures"] == ["arm64"], place
        assert "LogGroup" in function["LoggingConfig"], place
        assert function["Timeout"] > 3, place


def test_every_function_logs_into_a_group_that_expires(templates: Templates) -> None:
    """CDK's own function too: without our group, Lambda would make one that is kept forever."""
    for stack, template in templates.items():
        groups = {name for name, r in template["Resources"].items() if r["Type"] == "AWS::Logs::LogGroup"}
        used = {
            function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]
            for place, function in placed({stack: template}, "AWS::Lambda::Function")
        }
        assert used == groups
    assert {g["Properties"]["RetentionInDays"] for _, g in placed(templates, "AWS::Logs::LogGroup")} == {30}


def test_only_functions_that_read_pictures_have_the_imaging_layer(templates: Templates) -> None:
    readers = {
        function["Properties"]["Handler"]
        for _, function in placed(templates, "AWS::Lambda::Function")
        if any("ImagingLayer" in str(layer) for layer in function["Properties"].get("Layers", ()))
    }
    looking = {
        "api.runtime.get_save_image.handler",
        "api.runtime.fetch_images.handler",
        "recognition.runtime.recognize_images.handler",
        "recognition.runtime.make_renditions.handler",
    }
    assert readers == looking


def test_functions_that_read_pictures_have_room_for_the_decoder(templates: Templates) -> None:
    """Otherwise Lambda ends the function before the decoder's own limit refuses the picture."""
    readers = {
        place: function["Properties"]["MemorySize"]
        for place, function in placed(templates, "AWS::Lambda::Function")
        if any("ImagingLayer" in str(layer) for layer in function["Properties"].get("Layers", ()))
    }
    assert len(readers) == 4
    needed = MAX_MEMORY_BYTES / 2**20 + WORKER_MEGABYTES
    assert {place: memory for place, memory in readers.items() if memory < needed} == {}


def test_a_batch_of_the_largest_pictures_has_room(others: Templates) -> None:
    recognition = Template.from_json(others["RekognitionStack"])
    variables = {"MAX_IMAGE_BYTES": str(100 * 1024 * 1024), "MAX_IMAGE_PIXELS": "30000000"}
    recognition.has_resource_properties(
        "AWS::Lambda::Function",
        {
            "Handler": "recognition.runtime.recognize_images.handler",
            "EphemeralStorage": {"Size": 1100},
            "Environment": {"Variables": Match.object_like(variables)},
        },
    )


def test_no_private_source_may_be_fetched_from_on_aws(templates: Templates) -> None:
    variables = [
        function["Properties"].get("Environment", {}).get("Variables", {})
        for _, function in placed(templates, "AWS::Lambda::Function")
    ]
    sources = [json.loads(each["SOURCES"]) for each in variables if "SOURCES" in each]
    assert sources
    for rules in sources:
        assert (rules["private_sources"], rules["source_ports"]) == ([], [80, 443])


def test_settings_reach_the_functions(others: Templates) -> None:
    recognition = Template.from_json(others["RekognitionStack"])
    detect_labels = (
        '{"MaxLabels": 5, "MinConfidence": 70.0, "Settings": {"GeneralLabels": {"LabelExclusionFilters": ["Person"]}}}'
    )
    recognition.has_resource_properties(
        "AWS::Lambda::Function",
        {
            "Environment": {"Variables": Match.object_like({"DETECT_LABELS": detect_labels})},
            "Architectures": ["x86_64"],
        },
    )
    for kind in ("AWS::S3::Bucket", "AWS::DynamoDB::GlobalTable", "AWS::Logs::LogGroup"):
        assert {resource["DeletionPolicy"] for _, resource in placed(others, kind)} == {"Delete"}


def hosts(number: int) -> list[str]:
    """Return this many hosts with 20 letters each."""
    return [f"h{each:07}.example.com" for each in range(number)]


@pytest.mark.parametrize(
    ("settings", "most", "complaint"),
    [
        (
            lambda n: {"allowed_sources": hosts(n)},
            127,
            "allowed_sources, .*: the environment of FetchImages would have",
        ),
        (lambda n: {"denied_sources": hosts(n)}, 127, "denied_sources, .*: the environment of FetchImages would have"),
        (
            lambda n: {"source_buckets": [f"bucket-{each:013}" for each in range(n)]},
            127,
            "source_buckets: the environment",
        ),
        (
            lambda n: {"label_inclusion_filters": hosts(n // 2), "label_exclusion_filters": hosts(n - n // 2)},
            105,
            "the label filters: the environment of ImageRecognition",
        ),
    ],
)
def test_settings_that_do_not_fit_into_a_functions_environment_are_refused(
    settings: Callable[[int], dict[str, Any]], most: int, complaint: str
) -> None:
    build_app({"monitoring": "none", **settings(most)})
    with pytest.raises(
        SettingsError, match=rf"{complaint}.* bytes; .* of them belong to this setting; Lambda takes 4,096"
    ):
        build_app({"monitoring": "none", **settings(most + 1)})


def test_the_budget_is_checked_every_minute_and_known_to_the_worker(others: Templates) -> None:
    stack = others["RekognitionStack"]
    recognition = Template.from_json(stack)
    recognition.has_resource_properties(
        "AWS::Events::Rule",
        {
            "ScheduleExpression": "rate(1 minute)",
            "State": "ENABLED",
            "Targets": [Match.object_like({"Arn": {"Fn::GetAtt": [Match.string_like_regexp("^Budget"), "Arn"]}})],
        },
    )
    functions = [function["Properties"] for _, function in placed({"": stack}, "AWS::Lambda::Function")]
    variables = {f["Handler"]: f["Environment"]["Variables"] for f in functions}
    spenders = {handler for handler, values in variables.items() if values.get("MONTHLY_BUDGET_USD") == "12.5"}
    assert spenders == {
        "recognition.runtime.enforce_budget.handler",
        "recognition.runtime.recognize_images.handler",
        "recognition.runtime.list_images.handler",
    }
    mapping = variables["recognition.runtime.enforce_budget.handler"]["EVENT_SOURCE_MAPPING"]["Ref"]
    function = stack["Resources"][mapping]["Properties"]["FunctionName"]["Ref"]
    assert stack["Resources"][function]["Properties"]["Handler"] == "recognition.runtime.recognize_images.handler"
