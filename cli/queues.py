"""The system's work queues, each with its dead-letter queue and the function that handles its messages."""

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from cli.functions import Function
from cli.target import Target

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


@dataclass(frozen=True)
class WorkQueue:
    """A queue and its dead-letter queue. `name` is their common name without suffixes, such as `UploadedImage`."""

    name: str
    url: str
    arn: str
    waiting: int
    in_flight: int
    dead_letters_url: str
    dead_letters_arn: str
    dead_letters: int


def work_queues(target: Target) -> list[WorkQueue]:
    """Return those queues of the stacks that have a dead-letter queue."""
    sqs: SQSClient = target.client("sqs")
    names, urls, attributes = {}, {}, {}
    for resource in target.stacks.resources("AWS::SQS::Queue"):
        url = resource["PhysicalResourceId"]
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        arn = found["QueueArn"]
        names[arn], urls[arn], attributes[arn] = _readable(resource["LogicalResourceId"]), url, found
    queues = []
    for arn, found in attributes.items():
        if "RedrivePolicy" in found:
            dead = json.loads(found["RedrivePolicy"])["deadLetterTargetArn"]
            waiting = int(found["ApproximateNumberOfMessages"])
            in_flight = int(found["ApproximateNumberOfMessagesNotVisible"])
            count = int(attributes[dead]["ApproximateNumberOfMessages"])
            queues.append(WorkQueue(names[arn], urls[arn], arn, waiting, in_flight, urls[dead], dead, count))
    return queues


def consumer(target: Target, queue: WorkQueue) -> Function | None:
    """Return the function that handles a queue's messages, if there is one."""
    functions = target.client("lambda")
    mappings = functions.list_event_source_mappings(EventSourceArn=queue.arn)["EventSourceMappings"]
    if not mappings:
        return None
    return Function.of(functions.get_function_configuration(FunctionName=mappings[0]["FunctionArn"]), target.deployment)


def image_of(body: str) -> str | None:
    """Return the name of the image that a message is about, if the message has a form that the functions can read."""
    document = read_object(body)
    try:
        if "schema" in document:
            return str(document["image"])
        return unquote_plus(document["Records"][0]["s3"]["object"]["key"])
    except (AttributeError, IndexError, KeyError, TypeError):
        return None


def read_object(text: str) -> dict[str, Any]:
    """Read a JSON object. Returns {} for any other text."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _readable(logical_id: str) -> str:
    """Return a queue's name without the suffixes that CDK and the construct add."""
    return re.sub("(Queue)?[0-9A-F]{8}$", "", logical_id)
