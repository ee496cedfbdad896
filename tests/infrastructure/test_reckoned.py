"""What `sightline cost` reckons with by the month is what the templates make."""

import json
from collections import Counter

from cli.cost import bill
from common.settings import Settings
from tests.conftest import ROOT, Templates


def test_what_is_paid_by_the_month_is_counted(templates: Templates) -> None:
    lines = bill(1, 1, Settings.from_context(json.loads((ROOT / "cdk.json").read_text())["context"]))
    made = Counter(r["Type"] for template in templates.values() for r in template["Resources"].values())
    reckoned = {line.unit: line.count for line in lines}
    assert reckoned["alarms"] == made["AWS::CloudWatch::Alarm"]
    assert reckoned["dashboards"] == made["AWS::CloudWatch::Dashboard"]
    assert reckoned["secrets"] == made["AWS::SecretsManager::Secret"]
    assert any(f"polls of {made['AWS::Lambda::EventSourceMapping']} queues" in line.what for line in lines)
