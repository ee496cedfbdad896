"""What the doctor says of what only AWS can show, with AWS' answers made up."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError, NoCredentialsError
from rich.console import Console

from cli.doctor import Seen, State, examine, run
from cli.target import Target, TargetName

OUTPUTS = {
    "LabelsTopicArn": "arn:aws:sns:us-east-1:1:labels",
    "CallsPerSecond": "50",
    "EmailTopicArn": "arn:aws:sns:us-east-1:1:mails",
    "SigningSecretArns": json.dumps({"thirdparty": "arn:aws:secretsmanager:us-east-1:1:secret:s"}),
}
TAGS = [{"Key": "sightline:deployment", "Value": "default"}]


class GoneError(ClientError):
    """Something that is not there."""

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
    """One whose services answer as told; what is not told they do not know."""

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
        TargetName.AWS, upload="u", labels="l", deliveries="d", api_key="k",
        services={"cloudformation": cloudformation, **(services or {})},
    )  # fmt: skip


def seen(target: Target, check: str) -> list[Seen]:
    return [found for name, found in examine(target) if name == check]


def quota(value: float) -> dict[str, Any]:
    name = "Transactions per second per account for the Amazon Rekognition Image operation DetectLabels"
    quotas = [{"QuotaName": f"{name[:-12]}DetectText", "Value": 1.0}, {"QuotaName": name, "Value": value}]
    return {"list_service_quotas": lambda **_: {"Quotas": quotas}}


def test_a_quota_below_the_settings_is_a_finding_that_names_both() -> None:
    [found] = seen(deployment(services={"service-quotas": quota(5)}), "Rekognition's quota")
    assert (found.state, found.text) == (
        State.FINDING,
        "5 calls of DetectLabels a second are allowed, and the settings take 50",
    )
    assert '"rekognition_tps": 5` into the context of cdk.json' in found.fix
    [found] = seen(deployment(services={"service-quotas": quota(50)}), "Rekognition's quota")
    assert found.state is State.GOOD


def test_without_a_quota_of_its_own_the_account_has_awss_default() -> None:
    none: dict[str, Any] = {"list_service_quotas": lambda **_: {"Quotas": []}}
    default = {"list_aws_default_service_quotas": quota(25)["list_service_quotas"]}
    [found] = seen(deployment(services={"service-quotas": none | default}), "Rekognition's quota")
    assert found.text.startswith("25 calls")


def executions(allowed: int, *workers: int) -> Seen:
    """The doctor's word on an account that allows so many, and on queues with so many workers."""
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
    [found] = seen(deployment(services={"cloudformation": cloudformation, "lambda": functions}), "Lambda's quota")
    return found


def test_a_new_account_is_told_what_its_ten_executions_mean_and_how_to_have_more() -> None:
    found = executions(10, 2, 2, 2, 2, 2, 2)
    assert (found.state, found.text) == (
        State.FINDING,
        "10 executions at once, of which workers take up to 12: while all are taken, APIs answer 500 and messages wait",
    )
    assert "--service-code lambda --quota-code L-B99A9384 --desired-value 1000;" in found.fix
    assert executions(21, 2, 2, 2, 2, 2, 2).state is State.FINDING  # nine for the APIs
    assert executions(22, 2, 2, 2, 2, 2, 2).state is State.GOOD
    assert executions(14, 2, 0, 2).text.endswith("workers take up to 4")  # one mapping is gone


def test_a_look_that_is_refused_is_said_and_hinders_no_other() -> None:
    everything = list(examine(deployment(services={"service-quotas": {"list_service_quotas": refused}})))
    [found] = [entry for name, entry in everything if name == "Rekognition's quota"]
    assert found.state is State.FINDING
    assert found.text.startswith("could not be checked: ")
    assert "AccessDeniedException" in found.text
    assert ("stack", Seen(State.GOOD, "APIStack: UPDATE_COMPLETE")) in everything
    assert {name for name, _ in everything} >= {"key", "API", "bucket", "mapping", "queue", "signing secret"}


def test_an_unknown_caller_is_the_only_finding() -> None:
    def unknown() -> None:
        raise NoCredentialsError

    [(name, found)] = examine(deployment(services={"sts": {"get_caller_identity": unknown}}))
    assert (name, found.state) == ("credentials", State.FINDING)


def test_a_mail_address_that_was_not_confirmed_is_named() -> None:
    subscription = {"Protocol": "email", "Endpoint": "me@example.com", "SubscriptionArn": "PendingConfirmation"}
    sns = {"list_subscriptions_by_topic": lambda **_: {"Subscriptions": [subscription]}}
    found, _ = seen(deployment(services={"sns": sns}), "e-mail")
    assert found.state is State.FINDING
    assert found.text == "me@example.com has not confirmed the subscription to results"


def test_alarms_that_reach_nobody_any_more_are_a_finding_only_if_they_should_reach_somebody() -> None:
    def look(*subscriptions: str) -> Seen:
        listed = [{"ResourceType": "AWS::SNS::Subscription", "LogicalResourceId": name} for name in subscriptions]
        cloudformation: dict[str, Any] = {
            "describe_stacks": stacks("UPDATE_COMPLETE", AlarmTopicArn="arn:aws:sns:us-east-1:1:alarms"),
            "list_stack_resources": lambda **_: {"StackResourceSummaries": listed},
        }
        sns: dict[str, Any] = {"list_subscriptions_by_topic": lambda **_: {"Subscriptions": []}}
        return seen(deployment(services={"cloudformation": cloudformation, "sns": sns}), "e-mail")[-1]

    assert look("EmailTopicmeexamplecom1") == Seen(State.GOOD, "alarms are mailed to nobody (alarm_email)")
    found = look("AlarmTopicopsexamplecom2")
    assert (found.state, found.text) == (State.FINDING, "nobody is subscribed to alarms any more")
    assert "--topic-arn arn:aws:sns:us-east-1:1:alarms" in found.fix


def test_an_alarm_that_is_raised_is_a_finding_with_its_own_words() -> None:
    alarm = {"AlarmName": "DeadLetters", "StateReason": "1 datapoint was above 0", "AlarmDescription": "see there"}
    listed = {"ResourceType": "AWS::CloudWatch::Alarm", "PhysicalResourceId": "DeadLetters", "LogicalResourceId": "D"}
    cloudformation: dict[str, Any] = {
        "describe_stacks": stacks("CREATE_COMPLETE"),
        "list_stack_resources": lambda **_: {"StackResourceSummaries": [listed]},
    }
    cloudwatch = {"describe_alarms": lambda **_: {"MetricAlarms": [alarm]}}
    [found] = seen(deployment(services={"cloudformation": cloudformation, "cloudwatch": cloudwatch}), "alarm")
    assert found == Seen(State.FINDING, "DeadLetters: 1 datapoint was above 0", "see there")


def test_a_secret_that_is_about_to_go_can_be_had_back() -> None:
    manager = {"describe_secret": lambda **_: {"DeletedDate": datetime(2026, 11, 21, tzinfo=UTC)}}
    [found] = seen(deployment(services={"secretsmanager": manager}), "signing secret")
    assert "restore-secret --secret-id arn:aws:secretsmanager:us-east-1:1:secret:s" in found.fix


def test_stacks_that_failed_or_are_not_there_are_findings_and_what_is_theirs_is_not_looked_at() -> None:
    assert {found.state for found in seen(deployment("UPDATE_ROLLBACK_COMPLETE"), "stack")} == {State.FINDING}
    nothing = {"describe_stacks": no_stack, "list_stack_resources": no_stack}
    everything = list(examine(deployment(services={"cloudformation": nothing})))
    assert [entry.text for name, entry in everything if entry.state is State.FINDING] == [
        "APIStack is not there",
        "RekognitionStack is not there",
        "IntegrationStack is not there",
    ]


def test_json_holds_each_line_and_the_findings_are_counted() -> None:
    text = io.StringIO()
    count = run(deployment("ROLLBACK_FAILED"), as_json=True, out=Console(file=text))
    lines = json.loads(text.getvalue())
    assert count == sum(line["state"] == "finding" for line in lines) >= 3
    assert all(line["fix"] for line in lines if line["state"] == "finding")


def test_a_pause_of_the_budget_is_told_from_one_that_is_over_and_from_a_mapping_that_somebody_disabled() -> None:
    mapping = {"State": "Disabled", "EventSourceArn": "arn:queue", "FunctionArn": "arn:recognition"}
    variables = {"EVENT_SOURCE_MAPPING": "m", "USAGE_TABLE": "usage", "MONTHLY_BUDGET_USD": "0.002"}
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
        "get_function_configuration": lambda **_: {"Environment": {"Variables": variables}},
    }

    def text(**items: dict[str, Any]) -> str:
        def get_item(Key: dict[str, Any], **_: Any) -> Any:  # noqa: N803
            period = Key["period"]["S"]
            item = items.get("pause" if period == "pause" else "month")
            return {"Item": item} if item else {}

        services = {"cloudformation": cloudformation, "lambda": functions, "dynamodb": {"get_item": get_item}}
        found, *_ = seen(deployment(services=services), "mapping")
        return found.text.removeprefix("recognition gets nothing of queue: ")

    pause = {"period": {"S": "pause"}}
    assert text(pause=pause, month={"calls": {"N": "2"}}) == "the month's budget is used up"
    assert text(pause=pause, month={"calls": {"N": "1"}}) == "the budget's pause is over, and was not ended"
    assert text(pause=pause) == "the budget's pause is over, and was not ended"  # the month has turned
    assert text(month={"calls": {"N": "2"}}) == "Disabled"


def test_a_schedule_that_looks_at_the_budget_no_more_is_named() -> None:
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

    def budget(describe_rule: Callable[..., Any]) -> Seen:
        services = {"cloudformation": cloudformation, "events": {"describe_rule": describe_rule}}
        [found] = seen(deployment(services=services), "budget")
        return found

    disabled = budget(lambda **_: {"State": "DISABLED"})
    assert (disabled.text, disabled.fix) == (
        "the rule R is disabled, so no pause ends",
        "aws events enable-rule --name R",
    )
    assert budget(gone).text == "the rule R is gone, so no pause ends"
    assert budget(lambda **_: {"State": "ENABLED"}).state is State.GOOD
