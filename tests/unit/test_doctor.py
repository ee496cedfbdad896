"""The doctor's findings about services that only AWS has, with made-up answers of AWS."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from botocore.exceptions import ClientError, NoCredentialsError
from rich.console import Console

from cli.commands import doctor
from cli.doctor.examination import examine
from cli.doctor.finding import Finding, State
from cli.target import Target, TargetName

OUTPUTS = {
    "LabelsTopicArn": "arn:aws:sns:us-east-1:1:labels",
    "CallsPerSecond": "50",
    "EmailTopicArn": "arn:aws:sns:us-east-1:1:mails",
    "SigningSecretArns": json.dumps({"thirdparty": "arn:aws:secretsmanager:us-east-1:1:secret:s"}),
}
TAGS = [{"Key": "sightline:deployment", "Value": "default"}]


class GoneError(ClientError):
    """The answer about a resource that does not exist."""

    def __init__(self) -> None:
        super().__init__({"Error": {"Code": "ResourceNotFoundException", "Message": "not there"}}, "Describe")


def refused(**_: Any) -> Any:
    raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}}, "Look")


def no_stack(**_: Any) -> Any:
    raise ClientError({"Error": {"Code": "ValidationError", "Message": "Stack with id X does not exist"}}, "D")


def stacks(status: str, **more: str) -> Callable[..., Any]:
    outputs = [{"OutputKey": name, "OutputValue": value} for name, value in (OUTPUTS | more).items()]
    return lambda **_: {"Stacks": [{"StackStatus": status, "Outputs": outputs, "Tags": TAGS}]}


@dataclass(frozen=True)
class Deployment(Target):
    """A system with the given answers of its services, and no others."""

    services: dict[str, dict[str, Any]] = field(default_factory=dict)

    def client(self, service: Any) -> Any:
        answers = {"sts": {"get_caller_identity": dict}} | self.services
        paginators = {
            name: SimpleNamespace(paginate=lambda answer=answer, **_: [answer(**_)])
            for name, answer in answers.get(service, {}).items()
        }
        exceptions = SimpleNamespace(ResourceNotFoundException=GoneError, ParameterNotFound=GoneError)
        return SimpleNamespace(**answers.get(service, {}), get_paginator=paginators.__getitem__, exceptions=exceptions)


def deployment(status: str = "UPDATE_COMPLETE", services: dict[str, dict[str, Any]] | None = None) -> Deployment:
    cloudformation: dict[str, Any] = {
        "describe_stacks": stacks(status),
        "list_stack_resources": lambda **_: {"StackResourceSummaries": []},
    }
    return Deployment(
        TargetName.AWS, upload_url="u", labels_url="l", deliveries_url="d", api_key="k",
        services={"cloudformation": cloudformation, **(services or {})},
    )  # fmt: skip


def findings(target: Target, check: str) -> list[Finding]:
    return [found for name, found in examine(target) if name == check]


def quota(value: float) -> dict[str, Any]:
    name = "Transactions per second per account for the Amazon Rekognition Image operation DetectLabels"
    quotas = [{"QuotaName": f"{name[:-12]}DetectText", "Value": 1.0}, {"QuotaName": name, "Value": value}]
    return {"list_service_quotas": lambda **_: {"Quotas": quotas}}


def test_a_quota_below_the_settings_is_a_finding_that_names_both() -> None:
    [found] = findings(deployment(services={"service-quotas": quota(5)}), "Rekognition's quota")
    assert (found.state, found.text) == (
        State.PROBLEM,
        "5 calls of DetectLabels a second are allowed, but the settings assume 50",
    )
    assert '"rekognition_tps": 5` into the context of cdk.json' in found.fix
    [found] = findings(deployment(services={"service-quotas": quota(50)}), "Rekognition's quota")
    assert found.state is State.GOOD


def test_an_account_without_its_own_quota_has_the_default_of_aws() -> None:
    none: dict[str, Any] = {"list_service_quotas": lambda **_: {"Quotas": []}}
    default = {"list_aws_default_service_quotas": quota(25)["list_service_quotas"]}
    [found] = findings(deployment(services={"service-quotas": none | default}), "Rekognition's quota")
    assert found.text.startswith("25 calls")


def test_the_quota_of_each_enabled_ability_is_examined() -> None:
    rates = {"text": {"when": "always", "calls_per_second": 5}, "faces": {"when": "asked", "calls_per_second": 25}}
    cloudformation = {"describe_stacks": stacks("UPDATE_COMPLETE", Abilities=json.dumps(rates))}
    services = {"cloudformation": cloudformation, "service-quotas": quota(50) | {"list_aws_default_service_quotas": no}}
    labels, text, faces = findings(deployment(services=services), "Rekognition's quota")
    assert labels.state is State.GOOD
    assert text.text == "1 calls of DetectText a second are allowed, but the settings assume 5"
    assert '`"calls_per_second": 1` into the options of text in the setting abilities' in text.fix
    assert faces.text == "Service Quotas has no quota of DetectFaces in this Region"


def no(**_: Any) -> Any:
    return {"Quotas": []}


def executions(allowed: int, *workers: int) -> Finding:
    """Examine an account that allows so many executions, and queues with so many workers."""
    listed = [
        {"ResourceType": "AWS::Lambda::EventSourceMapping", "PhysicalResourceId": str(n), "LogicalResourceId": "M"}
        for n in range(len(workers))
    ]
    cloudformation: dict[str, Any] = {
        "describe_stacks": stacks("CREATE_COMPLETE"),
        "list_stack_resources": lambda StackName, **_: {  # noqa: N803
            "StackResourceSummaries": listed if StackName == "APIStack" else []
        },
    }

    def mapping(UUID: str) -> Any:  # noqa: N803
        if not workers[int(UUID)]:
            raise GoneError
        return {"ScalingConfig": {"MaximumConcurrency": workers[int(UUID)]}}

    limits = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": allowed}
    functions: dict[str, Any] = {
        "get_event_source_mapping": mapping,
        "get_account_settings": lambda: {"AccountLimit": limits},
    }
    [found] = findings(deployment(services={"cloudformation": cloudformation, "lambda": functions}), "Lambda's quota")
    return found


def test_a_new_accounts_ten_executions_are_explained_with_the_way_to_more() -> None:
    found = executions(10, 2, 2, 2, 2, 2, 2)
    assert found.state is State.PROBLEM
    assert found.text == (
        "10 concurrent executions are allowed, and workers use up to 12: while all are in use, APIs answer 500 and "
        "messages wait"
    )
    assert "--service-code lambda --quota-code L-B99A9384 --desired-value 1000;" in found.fix
    assert executions(21, 2, 2, 2, 2, 2, 2).state is State.PROBLEM  # nine for the APIs
    assert executions(22, 2, 2, 2, 2, 2, 2).state is State.GOOD
    assert executions(14, 2, 0, 2).text.endswith("workers use up to 4")  # one mapping is gone


def test_a_refused_call_is_a_finding_and_the_other_checks_go_on() -> None:
    everything = list(examine(deployment(services={"service-quotas": {"list_service_quotas": refused}})))
    [found] = [entry for name, entry in everything if name == "Rekognition's quota"]
    assert found.state is State.PROBLEM
    assert found.text.startswith("could not be checked: ")
    assert "AccessDeniedException" in found.text
    assert ("stack", Finding(State.GOOD, "APIStack: UPDATE_COMPLETE")) in everything
    assert {name for name, _ in everything} >= {"key", "API", "bucket", "mapping", "queue", "signing secret"}


def test_an_unknown_caller_is_the_only_finding() -> None:
    def unknown() -> None:
        raise NoCredentialsError

    [(name, found)] = examine(deployment(services={"sts": {"get_caller_identity": unknown}}))
    assert (name, found.state) == ("credentials", State.PROBLEM)


def test_a_mail_address_that_was_not_confirmed_is_named() -> None:
    subscription = {"Protocol": "email", "Endpoint": "me@example.com", "SubscriptionArn": "PendingConfirmation"}
    sns = {"list_subscriptions_by_topic": lambda **_: {"Subscriptions": [subscription]}}
    found, _ = findings(deployment(services={"sns": sns}), "e-mail")
    assert found.state is State.PROBLEM
    assert found.text == "me@example.com has not confirmed the subscription to results"


def test_alarms_without_subscribers_are_a_finding_if_a_stack_subscribed_somebody() -> None:
    def look(*subscriptions: str) -> Finding:
        listed = [{"ResourceType": "AWS::SNS::Subscription", "LogicalResourceId": name} for name in subscriptions]
        cloudformation: dict[str, Any] = {
            "describe_stacks": stacks("UPDATE_COMPLETE", AlarmTopicArn="arn:aws:sns:us-east-1:1:alarms"),
            "list_stack_resources": lambda **_: {"StackResourceSummaries": listed},
        }
        sns: dict[str, Any] = {"list_subscriptions_by_topic": lambda **_: {"Subscriptions": []}}
        return findings(deployment(services={"cloudformation": cloudformation, "sns": sns}), "e-mail")[-1]

    assert look("EmailTopicmeexamplecom1") == Finding(State.GOOD, "nobody gets e-mails about alarms (alarm_email)")
    found = look("AlarmTopicopsexamplecom2")
    assert (found.state, found.text) == (State.PROBLEM, "nobody is subscribed to alarms any more")
    assert "--topic-arn arn:aws:sns:us-east-1:1:alarms" in found.fix


def test_a_raised_alarm_is_a_finding_with_its_own_description() -> None:
    alarm = {"AlarmName": "DeadLetters", "StateReason": "1 datapoint was above 0", "AlarmDescription": "see there"}
    listed = {"ResourceType": "AWS::CloudWatch::Alarm", "PhysicalResourceId": "DeadLetters", "LogicalResourceId": "D"}
    cloudformation: dict[str, Any] = {
        "describe_stacks": stacks("CREATE_COMPLETE"),
        "list_stack_resources": lambda **_: {"StackResourceSummaries": [listed]},
    }
    cloudwatch = {"describe_alarms": lambda **_: {"MetricAlarms": [alarm]}}
    [found] = findings(deployment(services={"cloudformation": cloudformation, "cloudwatch": cloudwatch}), "alarm")
    assert found == Finding(State.PROBLEM, "DeadLetters: 1 datapoint was above 0", "see there")


def test_a_secret_that_is_scheduled_for_deletion_can_be_restored() -> None:
    manager = {"describe_secret": lambda **_: {"DeletedDate": datetime(2026, 11, 21, tzinfo=UTC)}}
    [found] = findings(deployment(services={"secretsmanager": manager}), "signing secret")
    assert "restore-secret --secret-id arn:aws:secretsmanager:us-east-1:1:secret:s" in found.fix


def test_failed_and_missing_stacks_are_findings_and_their_parts_are_not_examined() -> None:
    assert {found.state for found in findings(deployment("UPDATE_ROLLBACK_COMPLETE"), "stack")} == {State.PROBLEM}
    nothing = {"describe_stacks": no_stack, "list_stack_resources": no_stack}
    everything = list(examine(deployment(services={"cloudformation": nothing})))
    assert [entry.text for name, entry in everything if entry.state is State.PROBLEM] == [
        "APIStack is not deployed",
        "RekognitionStack is not deployed",
        "IntegrationStack is not deployed",
    ]


def test_json_holds_each_line_and_findings_end_with_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    text = io.StringIO()
    monkeypatch.setattr(doctor, "out", Console(file=text))
    monkeypatch.setattr(doctor, "open_target", lambda *_, **__: deployment("ROLLBACK_FAILED"))
    with pytest.raises(typer.Exit) as ended:
        doctor.command(as_json=True)
    assert ended.value.exit_code == 1
    lines = json.loads(text.getvalue())
    assert sum(line["state"] == "finding" for line in lines) >= 3
    assert all(line["fix"] for line in lines if line["state"] == "finding")


def test_a_pause_of_the_budget_differs_from_one_that_is_over_and_from_a_disabled_mapping() -> None:
    mapping = {"State": "Disabled", "EventSourceArn": "arn:queue", "FunctionArn": "arn:recognition"}
    variables = {
        "POWERTOOLS_SERVICE_NAME": "Budget",
        "EVENT_SOURCE_MAPPING": "m",
        "USAGE_TABLE": "usage",
        "MONTHLY_BUDGET_USD": "0.002",
    }
    listed = [
        {"ResourceType": "AWS::Lambda::EventSourceMapping", "PhysicalResourceId": "m", "LogicalResourceId": "M"},
        {"ResourceType": "AWS::Lambda::Function", "PhysicalResourceId": "f", "LogicalResourceId": "F"},
    ]
    cloudformation: dict[str, Any] = {
        "describe_stacks": stacks("CREATE_COMPLETE"),
        "list_stack_resources": lambda **_: {"StackResourceSummaries": listed},
    }
    functions: dict[str, Any] = {
        "get_event_source_mapping": lambda **_: mapping,
        "get_function_configuration": lambda **_: {"FunctionName": "f", "Environment": {"Variables": variables}},
    }

    def text(**items: dict[str, Any]) -> str:
        def get_item(Key: dict[str, Any], **_: Any) -> Any:  # noqa: N803
            period = Key["period"]["S"]
            item = items.get("pause" if period == "pause" else "month")
            return {"Item": item} if item else {}

        services = {"cloudformation": cloudformation, "lambda": functions, "dynamodb": {"get_item": get_item}}
        found, *_ = findings(deployment(services=services), "mapping")
        return found.text.removeprefix("recognition receives nothing from queue: ")

    def spent(calls: int) -> dict[str, Any]:
        return {name: {"N": str(calls)} for name in ("calls", f"calls_{datetime.now(UTC):%d}")}

    pause = {"period": {"S": "pause"}}
    assert text(pause=pause, month=spent(2)) == "this month's budget is used up"
    assert text(pause=pause, month=spent(1)) == "the budget's pause should have ended"
    assert text(pause=pause) == "the budget's pause should have ended"  # the month has turned
    assert text(month=spent(2)) == "Disabled"


def test_a_missing_or_disabled_schedule_of_the_budget_is_named() -> None:
    listed = {
        "ResourceType": "AWS::Events::Rule",
        "PhysicalResourceId": "R",
        "LogicalResourceId": "BudgetSchedule0A1B2C3D",
    }
    cloudformation: dict[str, Any] = {
        "describe_stacks": stacks("CREATE_COMPLETE"),
        "list_stack_resources": lambda **_: {"StackResourceSummaries": [listed]},
    }

    def gone(**_: Any) -> Any:
        raise GoneError

    def budget(describe_rule: Callable[..., Any]) -> Finding:
        services = {"cloudformation": cloudformation, "events": {"describe_rule": describe_rule}}
        [found] = findings(deployment(services=services), "budget")
        return found

    disabled = budget(lambda **_: {"State": "DISABLED"})
    assert (disabled.text, disabled.fix) == (
        "the rule R is disabled, so a pause of the budget would not end",
        "aws events enable-rule --name R",
    )
    assert budget(gone).text == "the rule R is gone, so a pause of the budget would not end"
    assert budget(lambda **_: {"State": "ENABLED"}).state is State.GOOD
