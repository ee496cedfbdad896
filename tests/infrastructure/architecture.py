"""Derives from the templates how resources work together, in the words of docs/architecture.md."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.conftest import Templates
from tests.templates import as_list, name, resources, written

CALLERS = "callers"
THIRD_PARTY = "third party"
REKOGNITION = "Amazon Rekognition"
MAILBOX = "mailbox"
OUTSIDE = {CALLERS, THIRD_PARTY, REKOGNITION, MAILBOX}
"""Nodes outside of the stacks."""

KINDS = {
    "AWS::S3::Bucket": "bucket",
    "AWS::DynamoDB::GlobalTable": "table",
    "AWS::SQS::Queue": "queue",
    "AWS::SNS::Topic": "topic",
    "AWS::ApiGateway::RestApi": "api",
    "AWS::Lambda::Function": "function",
    "AWS::Events::Rule": "schedule",
}

WRITING = re.compile("(s3|dynamodb):(Put|Delete|Update|BatchWrite).*|sns:Publish|sqs:SendMessage")
READING = re.compile("(s3|dynamodb):(Get|Query|BatchGet).*")

Edge = tuple[str, str]


@dataclass(frozen=True)
class Architecture:
    """The nodes with their kind and stack, the edges of messages and writes, and the reads."""

    kinds: Mapping[str, str]
    stacks: Mapping[str, str]
    flows: frozenset[Edge]
    """Calls, messages and writes."""

    reads: frozenset[Edge]
    """(function, bucket or table)"""


def architecture(templates: Templates) -> Architecture:
    """Read the templates. Leaves out dead-letter queues, a function's messages to its own queue, alarms,
    and CDK's own function."""
    kinds, stacks = {}, {}
    names = dict(_functions(templates))
    for type_, kind in KINDS.items():
        for stack, logical_id, _ in resources(templates, type_):
            node = names.get(name(logical_id), name(logical_id))
            if not _is_left_out(node):
                kinds[node], stacks[node] = kind, stack
    consumed = set(_event_sources(templates, names))
    grants = list(_grants(templates, names))
    flows = {
        *consumed,
        *_invocations(templates, names),
        *_announcements(templates),
        *((function, target) for function, target, action in grants if WRITING.fullmatch(action)),
        *_outside(templates, grants, kinds),
    }
    flows = {(start, end) for start, end in flows if (end, start) not in consumed}
    nodes = kinds.keys() | OUTSIDE
    stores = {node for node, kind in kinds.items() if kind in {"bucket", "table"}}
    return Architecture(
        kinds=kinds,
        stacks=stacks,
        flows=frozenset((start, end) for start, end in flows if start in nodes and end in nodes),
        reads=frozenset((who, what) for who, what, action in grants if what in stores and READING.fullmatch(action)),
    )


def _is_left_out(node: str) -> bool:
    return node.endswith("DeadLetters") or node in {"AlarmTopic", "BucketNotificationsHandler"}


def _functions(templates: Templates) -> Iterator[tuple[str, str]]:
    """Pair the construct of each function with the module of its handler."""
    for _, logical_id, function in resources(templates, "AWS::Lambda::Function"):
        handler = function["Handler"].removesuffix(".handler")
        yield name(logical_id), handler.rpartition(".")[2] if handler.count(".") else name(logical_id)


def _event_sources(templates: Templates, names: Mapping[str, str]) -> Iterator[Edge]:
    for _, _, source in resources(templates, "AWS::Lambda::EventSourceMapping"):
        yield _node(source["EventSourceArn"]), names[_node(source["FunctionName"])]


def _invocations(templates: Templates, names: Mapping[str, str]) -> Iterator[Edge]:
    """APIs and schedules that call functions."""
    for _, _, permission in resources(templates, "AWS::Lambda::Permission"):
        yield _node(permission["SourceArn"]), names[_node(permission["FunctionName"])]


def _announcements(templates: Templates) -> Iterator[Edge]:
    """Buckets and topics that send to topics and queues."""
    for _, _, policy in resources(templates, "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy"):
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Allow":
                [[source]] = [condition.values() for condition in statement["Condition"].values()]
                yield _node(source), _node(statement["Resource"])


def _grants(templates: Templates, names: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield each action that a function's role permits, with its resource."""
    roles = {
        (stack, function["Role"]["Fn::GetAtt"][0]): names[name(logical_id)]
        for stack, logical_id, function in resources(templates, "AWS::Lambda::Function")
    }
    for stack, _, policy in resources(templates, "AWS::IAM::Policy"):
        for role in policy["Roles"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                for arn in as_list(statement["Resource"]):
                    for action in as_list(statement["Action"]):
                        yield roles[stack, role["Ref"]], _node(arn), action


def _outside(templates: Templates, grants: list[tuple[str, str, str]], kinds: Mapping[str, str]) -> Iterator[Edge]:
    """Edges to and from what is outside of the stacks."""
    yield from ((CALLERS, node) for node, kind in kinds.items() if kind == "api")
    for function, resource, action in grants:
        if action == "rekognition:DetectLabels":
            yield function, REKOGNITION
        elif action == "ssm:GetParameter" and resource == "thirdparty_endpoint":
            yield function, THIRD_PARTY
        elif action == "lambda:UpdateEventSourceMapping":
            yield function, _paused(templates, resource)
    for _, _, subscription in resources(templates, "AWS::SNS::Subscription"):
        if subscription["Protocol"] == "email":
            yield _node(subscription["TopicArn"]), MAILBOX


def _paused(templates: Templates, mapping: str) -> str:
    """Return the queue that an event source mapping reads."""
    [queue] = [
        _node(source["EventSourceArn"])
        for _, logical_id, source in resources(templates, "AWS::Lambda::EventSourceMapping")
        if mapping in (logical_id, name(logical_id))
    ]
    return queue


def _node(arn: Any) -> str:
    """Return the resource that an ARN names: a construct, or the last part of an ARN without one."""
    found = re.search("<(\\w+)>(?!:<|:parameter)", written(arn).replace("<region>", "").replace("<account>", ""))
    return found[1] if found else written(arn).rpartition("/")[2]
