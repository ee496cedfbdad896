"""Lambda stops a function that messages of its own call again and again, unless the function is allowed to."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import Templates
from tests.templates import as_list, name, resources, written

SENDS = {"sqs:SendMessage", "sns:Publish", "lambda:InvokeFunction", "s3:PutObject", "s3:DeleteObject"}
"""The actions that may call a function in the end. S3 announces objects that are put and deleted."""

RECEIVERS = [{"name": "thirdparty", "url_parameter": "thirdparty_endpoint"}, {"name": "crm", "url_parameter": "/crm"}]
SETTINGS: list[dict[str, Any]] = [
    {},
    {"auth": "iam", "receivers": json.dumps(RECEIVERS), "notify_email": "me@example.com", "source_buckets": "photos"},
]


def sent(templates: Templates) -> Iterator[tuple[str, str]]:
    """Yield each function with a resource that it may send to, put into or call."""
    owners = {
        (stack, function["Role"]["Fn::GetAtt"][0]): f"<{name(logical_id)}>"
        for stack, logical_id, function in resources(templates, "AWS::Lambda::Function")
    }
    for stack, _, policy in resources(templates, "AWS::IAM::Policy"):
        for statement in policy["PolicyDocument"]["Statement"]:
            if SENDS & set(as_list(statement["Action"])):
                for arn in as_list(statement["Resource"]):
                    reached = written(arn).partition(">")[0] + ">"
                    yield from ((owners[stack, role["Ref"]], reached) for role in policy["Roles"])


def passed_on(templates: Templates) -> Iterator[tuple[str, str]]:
    """Yield each queue, topic and bucket with a resource that it calls or sends to."""
    for _, _, mapping in resources(templates, "AWS::Lambda::EventSourceMapping"):
        yield written(mapping["EventSourceArn"]), written(mapping["FunctionName"])
    for _, _, subscription in resources(templates, "AWS::SNS::Subscription"):
        if subscription["Protocol"] != "email":
            yield written(subscription["TopicArn"]), written(subscription["Endpoint"])
    for _, _, notifications in resources(templates, "Custom::S3BucketNotifications"):
        configuration = notifications["NotificationConfiguration"]
        assert configuration.keys() <= {"TopicConfigurations", "QueueConfigurations"}
        for one in configuration.get("TopicConfigurations", []) + configuration.get("QueueConfigurations", []):
            yield written(notifications["BucketName"]), written(one.get("TopicArn") or one.get("QueueArn"))


def routes(templates: Templates) -> dict[str, set[str]]:
    """Return the next resources of each function, queue, topic and bucket."""
    found: dict[str, set[str]] = defaultdict(set)
    for start, end in [*sent(templates), *passed_on(templates)]:
        found[start].add(end)
    return found


def reachable(start: str, found: dict[str, set[str]]) -> set[str]:
    """Return everything that a function's messages can reach."""
    seen: set[str] = set()
    open_ends = set(found.get(start, ()))
    while open_ends:
        place = open_ends.pop()
        seen.add(place)
        open_ends |= found.get(place, set()) - seen
    return seen


@pytest.mark.parametrize("settings", SETTINGS, ids=["default", "all"])
def test_the_functions_that_call_themselves_are_allowed_to_and_no_others(
    synthesize: Callable[..., Templates], settings: dict[str, Any]
) -> None:
    templates = synthesize(**settings)
    found = routes(templates)
    functions = {
        f"<{name(logical_id)}>": function for _, logical_id, function in resources(templates, "AWS::Lambda::Function")
    }
    looping = {function for function in functions if function in reachable(function, found)}
    assert {"<ImageRecognition>", "<ReadManifest>"} <= looping
    assert {function for function, made in functions.items() if made.get("RecursiveLoop") == "Allow"} == looping


def test_a_picture_goes_from_one_function_to_the_next(templates: Templates) -> None:
    """This shows that `routes` follows buckets, topics and queues of all stacks."""
    assert reachable("<ReadManifest>", routes(templates)) >= {"<FetchImages>", "<ImageRecognition>", "<Deliver>"}
    assert "<ReadManifest>" not in reachable("<FetchImages>", routes(templates))
