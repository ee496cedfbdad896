"""Resources that contain data keep their logical ids, and stacks keep their exports.

CloudFormation replaces a resource when its logical id changes: a retained table would be left behind, and an empty one
would take its place. It refuses to remove an export that another stack imports.

Add new resources to `logical_ids.json`. Remove one only if the changelog tells operators what happens to its data.
"""

import json
from pathlib import Path

import pytest

from app import build_app
from rehearsal.combinations import context
from tests.conftest import Templates

COMMITTED = Path(__file__).with_name("logical_ids.json")

STATEFUL = {
    "AWS::ApiGateway::ApiKey",
    "AWS::ApiGateway::RestApi",
    "AWS::DynamoDB::GlobalTable",
    "AWS::S3::Bucket",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
    "AWS::SSM::Parameter",
    "AWS::SecretsManager::Secret",
}


def identities(templates: Templates) -> dict[str, dict[str, list[str]]]:
    """Stack -> its stateful resources, as `logical id: type`, and the names of its exports."""
    return {
        stack: {
            "resources": sorted(
                f"{logical_id}: {resource['Type']}"
                for logical_id, resource in template["Resources"].items()
                if resource["Type"] in STATEFUL
            ),
            "exports": sorted(
                output["Export"]["Name"] for output in template.get("Outputs", {}).values() if "Export" in output
            ),
        }
        for stack, template in sorted(templates.items())
    }


@pytest.mark.parametrize("combination", ["cdk.json", "everything"])
def test_stateful_resources_and_exports_keep_their_ids(templates: Templates, combination: str) -> None:
    if combination != "cdk.json":
        files = Path(build_app(context(combination)).synth().directory).glob("*.template.json")
        templates = {file.name.partition(".")[0]: json.loads(file.read_text()) for file in files}
    assert identities(templates) == json.loads(COMMITTED.read_text())[combination]


def test_every_retained_resource_is_guarded(templates: Templates) -> None:
    for stack, template in templates.items():
        for logical_id, resource in template["Resources"].items():
            if resource.get("DeletionPolicy") == "Retain" and resource["Type"] != "AWS::Logs::LogGroup":
                assert resource["Type"] in STATEFUL, f"{stack}: {logical_id} is a {resource['Type']}"
