"""Examines the alarms."""

from collections.abc import Iterator

from cli.doctor.deployment import Deployment
from cli.doctor.finding import Finding, good, problem, unchecked

ALARMS_PER_CALL = 100  # DescribeAlarms' limit


def check_alarms(deployment: Deployment) -> Iterator[Finding]:
    """Report the alarms that are raised, with their own descriptions as fixes."""
    names = [found["PhysicalResourceId"] for found in deployment.resources("AWS::CloudWatch::Alarm")]
    if not names:
        yield unchecked("this deployment has no alarms")
        return
    cloudwatch, raised = deployment.client("cloudwatch"), 0
    for start in range(0, len(names), ALARMS_PER_CALL):
        answer = cloudwatch.describe_alarms(AlarmNames=names[start : start + ALARMS_PER_CALL], StateValue="ALARM")
        for alarm in answer["MetricAlarms"]:
            raised += 1
            fix = alarm.get("AlarmDescription") or "docs/operations.md"
            yield problem(f"{alarm['AlarmName']}: {alarm['StateReason']}", fix)
    if not raised:
        yield good(f"none of the {len(names)} alarms is raised")
