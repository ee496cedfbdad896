"""Examines the subscriptions to e-mails about results and alarms."""

from collections.abc import Iterator

from cli.doctor.deployment import Deployment
from cli.doctor.finding import Finding, good, problem


def check_emails(deployment: Deployment) -> Iterator[Finding]:
    """Report who is subscribed to results and to alarms."""
    outputs = deployment.target.outputs
    deployment.target.output("LabelsTopicArn")  # raises if the stack is not deployed
    for subject, output, setting in (
        ("results", "EmailTopicArn", "notify_email"),
        ("alarms", "AlarmTopicArn", "alarm_email"),
    ):
        if output in outputs:
            yield from _subscriptions(deployment, subject, output, setting)
        else:
            yield good(f"nobody gets e-mails about {subject} ({setting})")


def _subscriptions(deployment: Deployment, subject: str, output: str, setting: str) -> Iterator[Finding]:
    topic = deployment.target.output(output)
    pages = deployment.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    mailed = [entry for page in pages for entry in page["Subscriptions"] if entry["Protocol"].startswith("email")]
    subscribe = f"aws sns subscribe --topic-arn {topic} --protocol email --notification-endpoint"
    if not mailed and not _has_subscription(deployment, output):
        yield good(f"nobody gets e-mails about {subject} ({setting})")
    elif not mailed:  # it was never confirmed and expired, or somebody used the link in a mail
        yield problem(f"nobody is subscribed to {subject} any more", f"{subscribe} ADDRESS")
    for entry in mailed:
        if entry["SubscriptionArn"].startswith("arn:"):
            yield good(f"{entry['Endpoint']} is subscribed to {subject}")
        else:
            yield problem(
                f"{entry['Endpoint']} has not confirmed the subscription to {subject}",
                f"open the link in the mail from AWS Notifications; to get a new one: {subscribe} {entry['Endpoint']}",
            )


def _has_subscription(deployment: Deployment, output: str) -> bool:
    """Return True if a stack has created a subscription to the topic of this output."""
    topic = output.removesuffix("Arn")
    return any(found["LogicalResourceId"].startswith(topic) for found in deployment.resources("AWS::SNS::Subscription"))
