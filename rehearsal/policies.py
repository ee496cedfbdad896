"""Check every policy of a template: its actions, its ARNs, and each `*` in a role's policy."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import parliament
from policy_sentry.querying.actions import get_action_data

from rehearsal.findings import Finding, Templates

PSEUDO = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::URLSuffix": "amazonaws.com",
}
ARNS = {
    "AWS::ApiGateway::RestApi": "arn:aws:apigateway:us-east-1::/restapis/{}",
    "AWS::DynamoDB::GlobalTable": "arn:aws:dynamodb:us-east-1:123456789012:table/{}",
    "AWS::Lambda::EventSourceMapping": "arn:aws:lambda:us-east-1:123456789012:event-source-mapping:{}",
    "AWS::Lambda::Function": "arn:aws:lambda:us-east-1:123456789012:function:{}",
    "AWS::Logs::LogGroup": "arn:aws:logs:us-east-1:123456789012:log-group:{}:*",
    "AWS::S3::Bucket": "arn:aws:s3:::{}",
    "AWS::SNS::Topic": "arn:aws:sns:us-east-1:123456789012:{}",
    "AWS::SQS::Queue": "arn:aws:sqs:us-east-1:123456789012:{}",
    "AWS::SecretsManager::Secret": "arn:aws:secretsmanager:us-east-1:123456789012:secret:{}-AbCdEf",
}
"""ARNs of resources as AWS creates them. parliament compares these with the forms of ARNs that each action accepts."""

AUDITORS = Path(parliament.__file__).parent / "community_auditors" / "config_override.yaml"
"""The names of parliament's optional checks."""

NAMED_BY_ARN = {"AWS::SNS::Topic", "AWS::SecretsManager::Secret"}
"""The types of resources for which `Ref` returns the ARN. For all others it returns the name."""

WITHOUT_RESOURCE = {"rekognition:DetectModerationLabels"}
"""Actions that take `*` because their resource is optional. The resource is an adapter, which is a customer's own
model. https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonrekognition.html"""


def check_policies(templates: Templates) -> Iterator[Finding]:
    """Return parliament's findings in all policies, and each `*` that could be a narrower ARN.

    policy_sentry's table lists the ARNs that each action accepts.
    """
    for stack, template in templates.items():
        for logical_id, resource in template["Resources"].items():
            for key, document in _documents(resource.get("Properties", {})):
                place = f"{stack}/{logical_id}"
                plain = _plain(document, template, templates)
                yield from _parliament(place, plain, of_role=key == "AssumeRolePolicyDocument")
                if resource["Type"].startswith("AWS::IAM::") and key != "AssumeRolePolicyDocument":
                    yield from _wildcards(place, plain)


def _documents(value: Any, key: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every policy document within a value, and the property that contains the document."""
    if isinstance(value, list):
        for each in value:
            yield from _documents(each, key)
    elif isinstance(value, dict):
        if "Statement" in value:
            yield key, value
            return
        for name, each in value.items():
            yield from _documents(each, name)


def _plain(value: Any, template: dict[str, Any], templates: Templates) -> Any:
    """Return a value with its references resolved. CloudFormation resolves them in the same way."""
    plain: Any = value
    match value:
        case {"Ref": name}:
            plain = PSEUDO.get(name) or _reference(template["Resources"][name]["Type"], name)
        case {"Fn::GetAtt": [name, "Arn" | "Id" | "TopicArn"]}:
            plain = ARNS[template["Resources"][name]["Type"]].format(name.lower())
        case {"Fn::Join": [separator, parts]}:
            plain = separator.join(_plain(part, template, templates) for part in parts)
        case {"Fn::ImportValue": name}:
            owner, output = _export(templates, name)
            plain = _plain(output, owner, templates)
        case dict():
            plain = {name: _plain(each, template, templates) for name, each in value.items()}
        case list():
            plain = [_plain(each, template, templates) for each in value]
    return plain


def _reference(kind: str, logical_id: str) -> str:
    name = logical_id.lower()  # bucket names must be in lower case
    return ARNS[kind].format(name) if kind in NAMED_BY_ARN else name


def _export(templates: Templates, name: str) -> tuple[dict[str, Any], Any]:
    """Return the template that exports a value, and the value."""
    for template in templates.values():
        for output in template.get("Outputs", {}).values():
            if output.get("Export", {}).get("Name") == name:
                return template, output["Value"]
    raise KeyError(f"no stack exports {name}")


def _parliament(place: str, document: dict[str, Any], *, of_role: bool) -> Iterator[Finding]:
    if of_role:  # the policy belongs to the resource itself, but parliament requires a resource
        role = "arn:aws:iam::123456789012:role/role"
        document = {**document, "Statement": [{**each, "Resource": role} for each in document["Statement"]]}
    for rule, title, fix, detail in _objections(json.dumps(document), of_role):
        yield Finding(rule=rule, place=place, message=f"{title}: {detail}", fix=fix)


@cache
def _objections(document: str, of_role: bool) -> list[tuple[str, str, str, str]]:
    parliament.override_config(AUDITORS)
    analyzed = parliament.analyze_policy_string(document, include_community_auditors=not of_role)
    found = [parliament.enhance_finding(one) for one in analyzed.findings]
    return [(one.issue, one.title, one.description, f"{one.detail} {one.location.get('string', '')}") for one in found]


def _wildcards(place: str, document: dict[str, Any]) -> Iterator[Finding]:
    for statement in document["Statement"]:
        if statement["Effect"] != "Allow":
            continue
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        for action in actions:
            if "*" in action:
                yield Finding(rule="wildcard-action", place=place, message=f"allows {action}", fix="Name each action.")
            elif "*" in resources and (takes := _resource_arns(action)):
                yield Finding(
                    rule="wildcard-resource",
                    place=place,
                    message=f"allows {action} on *, which can be limited to a resource",
                    fix=f"Name the resource: {', '.join(takes)}.",
                )


@cache
def _resource_arns(action: str) -> tuple[str, ...]:
    """Return the forms of ARNs that can limit an action. The result is empty if the action accepts only `*`."""
    if action in WITHOUT_RESOURCE:
        return ()
    service, _, name = action.partition(":")
    rows = get_action_data(service, name)
    if not rows:
        raise KeyError(f"policy_sentry does not know {action}")
    forms = {row["resource_arn_format"] for row in rows[service]}
    return tuple(sorted(forms - {"*"}))
