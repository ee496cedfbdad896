"""Examines the queues, the mappings that pass their messages to functions, and the dead letters."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from cli.doctor.budget import paused_by_budget
from cli.doctor.deployment import Deployment
from cli.doctor.finding import Finding, good, problem, unchecked
from cli.output import plural
from cli.queues import work_queues

MAX_AGE = timedelta(hours=1)
"""Messages that have waited for a longer time are a problem."""

METRIC_SECONDS = 300
RUNNING = {"Enabled", "Enabling", "Updating", "Creating"}


def check_mappings(deployment: Deployment) -> Iterator[Finding]:
    """Report whether each queue feeds its function."""
    functions = deployment.client("lambda")
    mappings = deployment.resources("AWS::Lambda::EventSourceMapping")
    running = 0
    for resource in mappings:
        uuid = resource["PhysicalResourceId"]
        try:
            mapping = functions.get_event_source_mapping(UUID=uuid)
        except functions.exceptions.ResourceNotFoundException:
            yield problem(f"{resource['LogicalResourceId']} is gone", "deploy again: `make deploy`")
            continue
        if mapping["State"] in RUNNING:
            running += 1
            continue
        queue, function = (mapping[name].rpartition(":")[2] for name in ("EventSourceArn", "FunctionArn"))
        stopped = f"{function} receives nothing from {queue}"
        yield paused_by_budget(deployment, uuid, stopped) or problem(
            f"{stopped}: {mapping['State']}",
            f"if that is not intended: aws lambda update-event-source-mapping --uuid {uuid} --enabled",
        )
    if running == len(mappings):
        yield good(f"{running} queues feed their functions")


def check_queues(deployment: Deployment) -> Iterator[Finding]:
    """Report the number and age of each queue's messages."""
    total = 0
    for queue in work_queues(deployment.target):
        age = _age(deployment, queue.arn.rpartition(":")[2]) if deployment.is_on_aws else None
        total += queue.waiting + queue.in_flight
        text = f"{queue.name}: {queue.waiting:,} waiting, {queue.in_flight:,} being handled"
        if age and age > MAX_AGE:
            yield problem(
                f"{text}; the oldest is {age} old",
                "if no other finding explains this, more messages arrive than are handled, or messages fail; see "
                "docs/operations.md",
            )
        elif queue.waiting + queue.in_flight:
            yield good(text)
    if not total:
        yield good("all queues are empty")
    if not deployment.is_on_aws:
        yield unchecked("the age of the oldest message, as the embedded cloud has no such metric")


def _age(deployment: Deployment, queue: str) -> timedelta | None:
    now = datetime.now(UTC)
    points = deployment.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SQS",
        MetricName="ApproximateAgeOfOldestMessage",
        Dimensions=[{"Name": "QueueName", "Value": queue}],
        StartTime=now - timedelta(seconds=2 * METRIC_SECONDS),
        EndTime=now,
        Period=METRIC_SECONDS,
        Statistics=["Maximum"],
    )["Datapoints"]
    newest = max(points, key=lambda point: point["Timestamp"], default=None)
    return timedelta(seconds=newest["Maximum"]) if newest else None


def check_dead_letters(deployment: Deployment) -> Iterator[Finding]:
    """Report the number of messages in each dead-letter queue."""
    queues = work_queues(deployment.target)
    for queue in queues:
        if queue.dead_letters:
            yield problem(
                f"{queue.name}: {plural(queue.dead_letters, 'message')}",
                f"`sightline redrive {queue.name}` shows the reasons; when you have fixed these, it moves the messages "
                "back",
            )
    if not any(queue.dead_letters for queue in queues):
        yield good(f"no dead letters in {len(queues)} queues")
