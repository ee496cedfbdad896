"""Alarms and dashboards: each kind of failure has an alarm, and each alarm explains itself."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, get_args

import pytest

from common.runtime.message_batch import LAST_RETRY_SECONDS
from integration.runtime.deliver import LONGEST_WAIT_SECONDS
from integration.runtime.webhooks.receiver_answers import Verdict
from tests.conftest import ROOT, Templates
from tests.counted import COUNTED, COUNTED_FOR_ABILITIES

OPERATIONS = (ROOT / "docs" / "operations.md").read_text()


Alarms = list[tuple[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def essential(templates: Templates) -> Alarms:
    """Each alarm of the default settings, with its stack before it."""
    return alarms_of(templates)


@pytest.fixture(scope="module")
def watched(synthesize: Callable[..., Templates]) -> Templates:
    """The templates with all alarms and dashboards, and with an ability."""
    return synthesize(monitoring="full", abilities='{"text": {"when": "always"}}')


@pytest.fixture(scope="module")
def alarms(watched: Templates) -> Alarms:
    """Each alarm of the setting `full`, with its stack before it."""
    return alarms_of(watched)


def alarms_of(templates: Templates) -> Alarms:
    return [(stack, alarm) for stack, _, alarm in resources(templates, "AWS::CloudWatch::Alarm")]


def section(alarm: dict[str, Any]) -> str:
    """Return the section of docs/operations.md that an alarm names."""
    [found] = re.findall("“(.+)”", alarm["AlarmDescription"])
    return str(found)


def resources(templates: Templates, kind: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for stack, template in templates.items():
        for logical_id, resource in template["Resources"].items():
            if resource["Type"] == kind:
                yield stack, logical_id, resource["Properties"]


def metrics(alarm: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Return namespace, name and dimensions of the metrics that an alarm reads."""
    stats = [query["MetricStat"]["Metric"] for query in alarm.get("Metrics", []) if "MetricStat" in query]
    for metric in stats or [alarm]:
        dimensions = {dimension["Name"]: dimension["Value"] for dimension in metric.get("Dimensions", [])}
        yield metric["Namespace"], metric["MetricName"], dimensions


def test_every_alarm_says_what_it_means_and_the_operations_page_what_to_do(
    alarms: Alarms,
) -> None:
    assert alarms
    written = set(
        re.findall(r"^### (.+)$", OPERATIONS.partition("\n## Alarms\n")[2].partition("\n## ")[0], re.MULTILINE)
    )
    named = set()
    for _, alarm in alarms:
        found = re.fullmatch(r"\S.{20,}\. What to do: docs/operations\.md, “(.+)”\.", alarm["AlarmDescription"])
        assert found, alarm["AlarmDescription"]
        named.add(found[1])
    assert named == written
    for title in written:
        text = OPERATIONS.partition(f"\n### {title}\n")[2].partition("\n### ")[0]
        for part in ("**Means**", "**Look**", "**Do**"):
            assert part in text, title


def test_every_alarm_notifies_the_topic_and_treats_missing_data_as_documented(
    alarms: Alarms,
) -> None:
    silence = {"Messages fail": "ignore", "The budget is used up": "ignore", "Nobody looks at the budget": "breaching"}
    for stack, alarm in alarms:
        assert alarm["TreatMissingData"] == silence.get(section(alarm), "notBreaching")
        for told in (alarm["AlarmActions"], alarm["OKActions"]):
            assert len(told) == 1
            assert "AlarmTopic" in str(told), stack


LOSS_AND_STANDSTILL = {"Dead letters", "Messages wait", "Work fails", "A receiver is down"}
OF_A_BUDGET = {"The budget is used up", "Nobody looks at the budget"}


def test_by_default_there_are_the_alarms_for_loss_and_standstill_and_no_dashboard(
    templates: Templates, essential: Alarms, alarms: Alarms, synthesize: Callable[..., Templates]
) -> None:
    assert {section(alarm) for _, alarm in essential} == LOSS_AND_STANDSTILL
    with_budget = alarms_of(synthesize(monitoring="essential", monthly_budget_usd=50))
    assert {section(alarm) for _, alarm in with_budget} == LOSS_AND_STANDSTILL | OF_A_BUDGET
    assert list(resources(templates, "AWS::CloudWatch::Dashboard")) == []
    for alarm in essential:  # `full` only adds
        assert alarm in alarms


def test_the_operations_page_says_which_alarms_are_there_by_default() -> None:
    listed = dict(re.findall(r"^\| \[([^]]+)\]\(#[\w-]+\) \| (.+?) \|", OPERATIONS, re.MULTILINE))
    named = {"essential": LOSS_AND_STANDSTILL, "essential, if there is a budget": OF_A_BUDGET}
    for level, sections in named.items():
        assert {title for title, said in listed.items() if said == level} == sections
    alarms = OPERATIONS.partition("\n## Alarms\n")[2].partition("\n## ")[0]
    assert listed.keys() == set(re.findall(r"^### (.+)$", alarms, re.MULTILINE))
    assert set(listed.values()) == {*named, "full"}


def test_without_abilities_there_is_no_alarm_about_them(synthesize: Callable[..., Templates], alarms: Alarms) -> None:
    assert "An ability fails" in {section(alarm) for _, alarm in alarms}
    assert "An ability fails" not in {section(alarm) for _, alarm in alarms_of(synthesize(monitoring="full"))}


def test_no_alarm_is_billed_as_several(alarms: Alarms) -> None:
    """CloudWatch bills each metric that an alarm reads. Metric math reads many."""
    assert all("Metrics" not in alarm for _, alarm in alarms)


def test_the_work_of_every_function_is_watched_by_one_alarm(templates: Templates, essential: Alarms) -> None:
    """The alarm reads two periods. Each is longer than the wait between two attempts at a message."""
    [alarm] = [alarm for _, alarm in essential if section(alarm) == "Work fails"]
    assert list(metrics(alarm)) == [("Sightline", "WorkFailed", {})]
    assert (alarm["Statistic"], alarm["EvaluationPeriods"]) == ("Sum", 2)
    assert alarm["Period"] >= 2 * LAST_RETRY_SECONDS
    counted = set()
    for stack, _, made in resources(templates, "AWS::Logs::MetricFilter"):
        [metric] = made["MetricTransformations"]
        assert metric == {"MetricNamespace": "Sightline", "MetricName": "WorkFailed", "MetricValue": "1"}
        counted.add((stack, made["LogGroupName"]["Ref"]))
    assert counted == {
        (stack, function["LoggingConfig"]["LogGroup"]["Ref"])
        for stack, _, function in resources(templates, "AWS::Lambda::Function")
        if "Environment" in function  # else it is CDK's own
    }


def test_every_queue_has_alarms_for_waiting_messages_and_for_dead_letters(
    templates: Templates, essential: Alarms
) -> None:
    watched = {
        (stack, name, dimensions["QueueName"]["Fn::GetAtt"][0])
        for stack, alarm in essential
        for namespace, name, dimensions in metrics(alarm)
        if namespace == "AWS/SQS"
    }
    expected = set()
    for stack, logical_id, queue in resources(templates, "AWS::SQS::Queue"):
        redrive = "RedrivePolicy" in queue
        name = "ApproximateAgeOfOldestMessage" if redrive else "ApproximateNumberOfMessagesVisible"
        expected.add((stack, name, logical_id))
    assert watched == expected


def test_every_function_and_every_api_has_alarms_for_errors_and_throttling(
    templates: Templates, alarms: Alarms
) -> None:
    looked_at = {
        (name, str(value))
        for _, alarm in alarms
        for namespace, name, dimensions in metrics(alarm)
        if namespace in {"AWS/Lambda", "AWS/ApiGateway"}
        for value in dimensions.values()
    }
    for _, logical_id, function in resources(templates, "AWS::Lambda::Function"):
        if "POWERTOOLS_SERVICE_NAME" in function.get("Environment", {}).get("Variables", {}):  # else it is CDK's own
            assert {("Errors", str({"Ref": logical_id})), ("Throttles", str({"Ref": logical_id}))} <= looked_at
    for _, _, api in resources(templates, "AWS::ApiGateway::RestApi"):
        assert {("5XXError", api["Name"]), ("4XXError", api["Name"])} <= looked_at


def test_alarms_and_dashboards_use_the_metrics_that_functions_count(watched: Templates, alarms: Alarms) -> None:
    """The functional tests compare the written metrics and their dimensions with the same table."""
    functions = {
        variables["POWERTOOLS_SERVICE_NAME"]: (function["Handler"].split(".")[-2], variables)
        for _, _, function in resources(watched, "AWS::Lambda::Function")
        if (variables := function.get("Environment", {}).get("Variables"))
    }
    shown = [
        (name, values)
        for _, alarm in alarms
        for space, name, values in metrics(alarm)
        if space == "Sightline" and name != "WorkFailed"  # which is counted in the logs
    ]
    boards = [str(board["DashboardBody"]) for _, _, board in resources(watched, "AWS::CloudWatch::Dashboard")]
    assert len(boards) == 3
    for board in boards:
        found = re.findall(r'"Sightline","(\w+)",((?:"\w+","[\w.-]+",?)+)', board)
        shown += [(name, dict(re.findall(r'"(\w+)","([\w.-]+)"', values))) for name, values in found]
    looked_at = set()
    for name, values in shown:
        module, variables = functions[values["service"]]
        looked_at.add((module, name, *sorted(values.keys() - {"service"})))
        assert values.get("receiver") == (variables.get("RECEIVER") if "receiver" in values else None)
        assert values.get("outcome", "again") in get_args(Verdict)
        assert values.get("ability", "text") == "text"
    made = {module for module, _ in functions.values()}
    assert COUNTED.keys() - made == {"send_email"}  # which a setting makes
    counted = {(module, *kind) for module in COUNTED.keys() & made for kind in COUNTED[module]}
    counted |= {("recognize_images", *kind) for kind in COUNTED_FOR_ABILITIES}
    # The values of these dimensions are not known in advance.
    assert looked_at == counted - {("recognize_images", "Failed", "code")}
    assert set(re.findall(r"`(\w+)`", OPERATIONS)) >= {name for _, name, *_ in counted}


def test_a_receiver_is_down_when_nothing_else_was_heard_for_two_periods_in_a_row(
    essential: Alarms,
) -> None:
    """Each waiting document writes a data point in each period. Closing the breaker writes a zero."""
    [alarm] = [alarm for _, alarm in essential if alarm.get("MetricName") == "BreakerOpen"]
    assert (alarm["Statistic"], alarm["EvaluationPeriods"], alarm["TreatMissingData"]) == ("Minimum", 2, "notBreaching")
    assert alarm["Period"] > LONGEST_WAIT_SECONDS


def test_without_monitoring_the_topic_and_its_subscriber_stay_and_nothing_watches(
    templates: Templates, synthesize: Callable[..., Templates]
) -> None:
    """Otherwise an export would be removed that other stacks still import."""
    without = synthesize(monitoring="none", alarm_email="ops@example.com")
    for kind in ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard", "AWS::Logs::MetricFilter"):
        assert list(resources(without, kind)) == []
    [(name, mail)] = [(n, s) for _, n, s in resources(without, "AWS::SNS::Subscription") if s["Protocol"] == "email"]
    assert name.startswith("AlarmTopic")  # by which `sightline doctor` knows it
    assert mail["Endpoint"] == "ops@example.com"
    assert "AlarmTopic" in str(mail["TopicArn"])

    def exports(stacks: Templates) -> set[str]:
        outputs = [output for stack in stacks.values() for output in stack["Outputs"].values()]
        return {json.dumps(output["Export"]) for output in outputs if "Export" in output}

    assert exports(without) == exports(templates)


def test_functions_are_traced_and_apis_are_not(templates: Templates) -> None:
    """API Gateway's traces hold whole URLs, and `?url=` may be a signed one.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-understanding-xray-traces.html
    """
    for _, _, function in resources(templates, "AWS::Lambda::Function"):
        if "Environment" in function:
            scheduled = function["Handler"] == "recognition.runtime.enforce_budget.handler"
            assert function.get("TracingConfig") == (None if scheduled else {"Mode": "Active"})
    for _, _, stage in resources(templates, "AWS::ApiGateway::Stage"):
        assert "TracingEnabled" not in stage
