"""New stacks can adopt the resources that deleted stacks leave behind: `cdk import` imports only these."""

import re
from typing import Any

import pytest

from cli.commands.kept import IDENTIFIERS
from cli.stacks import STACKS
from tests.conftest import Templates


def stateful(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        name: resource
        for name, resource in template["Resources"].items()
        if resource["Type"].startswith(("AWS::S3::Bucket", "AWS::DynamoDB::")) and "Policy" not in resource["Type"]
    }


@pytest.mark.parametrize("stack", STACKS)
def test_buckets_and_tables_stay_and_refer_to_no_deleted_resource(templates: Templates, stack: str) -> None:
    found = stateful(templates[stack])
    assert found
    for name, resource in found.items():
        assert resource["Type"] in IDENTIFIERS, f"{name} could not be adopted"
        assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain"), name
        referred = set(re.findall(r"'(?:Ref|Fn::GetAtt|Fn::ImportValue|DependsOn)': \[?'([^']+)'", str(resource)))
        assert {other for other in referred if not other.startswith("AWS::")} <= found.keys(), name
