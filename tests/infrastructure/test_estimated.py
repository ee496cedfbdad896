"""`sightline cost` counts the resources of the templates."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from cli.cost.bill import BUDGET, BUDGET_METRICS, DELIVERY, INDEX, RECOGNITION, THUMBNAILS, UPLOAD, idle_bill
from common.settings import Settings
from tests.conftest import ROOT, Templates
from tests.counted import COUNTED
from tests.infrastructure.conftest import placed

PETS = [{"name": "thirdparty", "url_parameter": "thirdparty_endpoint"}, {"name": "pets", "url_parameter": "pets"}]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"monitoring": "full"},
        {"monitoring": "none", "architecture": "x86_64"},
        {"monitoring": "essential", "monthly_budget_usd": 50, "notify_email": "me@example.com"},
        {"monitoring": "full", "receivers": PETS, "notify_email": "me@example.com", "auth": "iam"},
        {"monitoring": "full", "abilities": '{"text": {"when": "always"}}'},
    ],
    ids=str,
)
def test_the_cost_of_an_idle_deployment_counts_its_resources(
    synthesize: Callable[..., Templates], settings: dict[str, Any]
) -> None:
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    counted = {line.unit: int(line.count) for line in idle_bill(Settings.from_context({**context, **settings}))}
    # The cache of synthesized templates needs hashable settings.
    texts = {name: json.dumps(value) if isinstance(value, list) else value for name, value in settings.items()}
    resources = [r for stack in synthesize(**texts).values() for r in stack["Resources"].values()]
    made = Counter(resource["Type"] for resource in resources)
    units = {"alarms": "CloudWatch::Alarm", "dashboards": "CloudWatch::Dashboard", "secrets": "SecretsManager::Secret"}
    assert {unit: counted.get(unit, 0) for unit in units} == {
        unit: made[f"AWS::{kind}"] for unit, kind in units.items()
    }
    [polls] = [line for line in idle_bill(Settings.from_context({**context, **settings})) if line.service == "SQS"]
    assert polls.item == f"polls of {made['AWS::Lambda::EventSourceMapping']} empty queues"

    functions = [r["Properties"] for r in resources if r["Type"] == "AWS::Lambda::Function"]
    [budget] = [
        function for function in functions if function["Handler"] == "recognition.runtime.enforce_budget.handler"
    ]
    assert budget["MemorySize"] == BUDGET.memory_mb
    assert "TracingConfig" not in budget  # a trace a minute would be billed
    is_watched = budget["Environment"]["Variables"]["IS_WATCHED"] == "true"
    assert counted.get("metrics", 0) == BUDGET_METRICS * is_watched
    assert len(COUNTED["enforce_budget"]) == BUDGET_METRICS
    schedules = [r["Properties"] for r in resources if r["Type"] == "AWS::Events::Rule"]
    assert [rule["ScheduleExpression"] for rule in schedules] == ["rate(1 minute)"]


def test_the_estimate_has_the_memory_sizes_of_the_functions(templates: Templates) -> None:
    sizes = {
        function["Properties"]["Handler"].split(".")[-2]: function["Properties"]["MemorySize"]
        for _, function in placed(templates, "AWS::Lambda::Function")
        if "MemorySize" in function["Properties"]
    }
    estimated = {
        "get_save_image": UPLOAD,
        "recognize_images": RECOGNITION,
        "make_renditions": THUMBNAILS,
        "update_index": INDEX,
        "deliver": DELIVERY,
        "enforce_budget": BUDGET,
    }
    assert {name: sizes.get(name) for name in estimated} == {
        name: function.memory_mb for name, function in estimated.items()
    }
