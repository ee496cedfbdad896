"""The functional tests run the real handlers against moto; their only sockets are on loopback."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
import pytest_socket
from moto import mock_aws

from tests.conftest import Templates


@pytest.fixture(autouse=True)
def only_loopback() -> Iterator[None]:
    pytest_socket.socket_allow_hosts(["127.0.0.1", "::1"], allow_unix_socket=True)
    yield
    pytest_socket._remove_restrictions()


@dataclass(frozen=True)
class Context:
    """What Lambda passes beside the event."""

    function_name: str = "function"
    memory_limit_in_mb: int = 128
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:function"
    aws_request_id: str = "52fdfc07-2182-154f-163f-5f0f9a621d72"

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


@pytest.fixture
def context() -> Context:
    return Context()


@pytest.fixture
def aws() -> Iterator[None]:
    with mock_aws():
        yield


def resource(template: dict[str, Any], kind: str) -> dict[str, Any]:
    """The properties of the only resource of its kind."""
    [found] = [r["Properties"] for r in template["Resources"].values() if r["Type"] == kind]
    properties: dict[str, Any] = found
    return properties


@pytest.fixture
def bucket(aws: None, templates: Templates) -> str:
    """The image bucket, versioned as the template has it."""
    properties = resource(templates["APIStack"], "AWS::S3::Bucket")
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="images")
    s3.put_bucket_versioning(Bucket="images", VersioningConfiguration=properties["VersioningConfiguration"])
    return "images"


@pytest.fixture
def table(aws: None, templates: Templates) -> str:
    """The table of results, with keys and index as the template has them."""
    properties = resource(templates["RekognitionStack"], "AWS::DynamoDB::GlobalTable")
    boto3.client("dynamodb").create_table(
        TableName="classifications",
        **{
            name: properties[name]
            for name in ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
        },
    )
    return "classifications"


@dataclass(frozen=True)
class Published:
    """What a topic's subscriber got."""

    document: dict[str, Any]
    text: str
    attributes: dict[str, Any]


@dataclass(frozen=True)
class Topic:
    """A topic and a queue that gets everything from it, raw."""

    arn: str
    queue_url: str

    def published(self) -> list[Published]:
        """All that came since the last look."""
        found: list[Published] = []
        sqs = boto3.client("sqs")
        while messages := sqs.receive_message(
            QueueUrl=self.queue_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            for message in messages:
                sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
                attributes = {k: v["StringValue"] for k, v in message.get("MessageAttributes", {}).items()}
                found.append(Published(json.loads(message["Body"]), message["Body"], attributes))
        return found


@pytest.fixture
def labels_topic(aws: None) -> Topic:
    sns, sqs = boto3.client("sns"), boto3.client("sqs")
    arn = sns.create_topic(Name="labels")["TopicArn"]
    queue_url = sqs.create_queue(QueueName="labels")["QueueUrl"]
    sns.subscribe(
        TopicArn=arn,
        Protocol="sqs",
        Endpoint="arn:aws:sqs:us-east-1:123456789012:labels",
        Attributes={"RawMessageDelivery": "true"},
    )
    return Topic(arn, queue_url)


def sqs_event(*bodies: str) -> dict[str, Any]:
    """A batch, as an event source mapping hands it over; message ids are 0, 1, 2 …"""
    return {
        "Records": [
            {
                "messageId": str(number),
                "receiptHandle": "handle",
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "md5OfBody": "",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:queue",
                "awsRegion": "us-east-1",
            }
            for number, body in enumerate(bodies)
        ]
    }


def failed(answer: dict[str, Any]) -> list[str]:
    """The ids of the messages that stay in the queue."""
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


@dataclass(frozen=True)
class Answer:
    """What an HTTP handler answered."""

    status: int
    document: Any
    headers: dict[str, str]


@pytest.fixture
def call(context: Context) -> Callable[..., Answer]:
    """Call a handler as a REST API does: path parameters percent-encoded, queries decoded."""

    def called(
        handler: Callable[[Any, Any], dict[str, Any]],
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: str | None = None,
        parameters: dict[str, str] | None = None,
    ) -> Answer:
        event = {
            "resource": path,
            "path": path,
            "httpMethod": method,
            "headers": {"Content-Type": "application/json"},
            "multiValueHeaders": {"Content-Type": ["application/json"]},
            "queryStringParameters": query,
            "multiValueQueryStringParameters": {name: [value] for name, value in (query or {}).items()} or None,
            "pathParameters": parameters,
            "stageVariables": None,
            "requestContext": {"requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef", "stage": "prod", "path": path},
            "body": body,
            "isBase64Encoded": False,
        }
        answer = handler(event, context)
        headers = {name: values[0] for name, values in answer["multiValueHeaders"].items()}
        return Answer(answer["statusCode"], json.loads(answer["body"]), headers)

    return called
