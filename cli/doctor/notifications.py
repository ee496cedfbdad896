"""Examines the notifications of S3, which start all work. They go from the buckets to a topic, then to queues."""

import json
from collections.abc import Iterator

from cli.doctor.deployment import Deployment
from cli.doctor.finding import Finding, good, problem

WANTED_EVENTS = {"s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:LifecycleExpiration:*"}
PROCESS_MISSED = "then run `sightline reproject --missing`, which processes missed objects"


def check_notifications(deployment: Deployment) -> Iterator[Finding]:
    """Report whether both buckets announce changes, and whether the queues of uploads and removals receive them."""
    topic = deployment.physical_id("AWS::SNS::Topic", "UploadedImageTopic")
    yield _image_bucket(deployment, topic)
    yield _subscription(deployment, topic, "UploadedImageQueue", "uploads")
    yield _subscription(deployment, topic, "RemovedImageQueue", "removals")
    yield _manifest_bucket(deployment)


def _image_bucket(deployment: Deployment, topic: str) -> Finding:
    bucket = deployment.target.output("ImageBucketName")
    configured = deployment.client("s3").get_bucket_notification_configuration(Bucket=bucket)
    entries = [entry for entry in configured.get("TopicConfigurations", []) if entry["TopicArn"] == topic]
    announced = {event for entry in entries for event in entry["Events"]}
    if announced >= WANTED_EVENTS:
        return good("the image bucket announces new and deleted objects")
    configuration = json.dumps({"TopicConfigurations": [{"TopicArn": topic, "Events": sorted(WANTED_EVENTS)}]})
    return problem(
        f"the image bucket does not announce {' and '.join(sorted(WANTED_EVENTS - announced))}",
        f"aws s3api put-bucket-notification-configuration --bucket {bucket} --notification-configuration "
        f"'{configuration}'; {PROCESS_MISSED}",
    )


def _subscription(deployment: Deployment, topic: str, construct: str, content: str) -> Finding:
    queue = deployment.physical_id("AWS::SQS::Queue", construct).rpartition("/")[2]
    pages = deployment.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    if any(entry["Endpoint"].endswith(f":{queue}") for page in pages for entry in page["Subscriptions"]):
        return good(f"the queue of {content} receives its topic's messages")
    return problem(
        f"the queue of {content} does not receive its topic's messages",
        f"undo the drift of its stack, which CloudFormation's drift detection shows; {PROCESS_MISSED}",
    )


def _manifest_bucket(deployment: Deployment) -> Finding:
    bucket = deployment.target.output("ManifestBucketName")
    configured = deployment.client("s3").get_bucket_notification_configuration(Bucket=bucket)
    announcing = [each for each in configured.get("QueueConfigurations", []) if "s3:ObjectCreated:*" in each["Events"]]
    if any(not each.get("Filter", {}).get("Key", {}).get("FilterRules") for each in announcing):
        return good("the manifest bucket announces manifests")
    return problem(
        "the manifest bucket does not announce all new objects",
        "restore its notification, which CloudFormation's drift detection shows, and upload the manifests again",
    )
